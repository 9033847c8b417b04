"""What a run has started on this side ends with it, whoever its parent is by then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import capra

BEGIN = """
import os, subprocess, time
from capra.runs import descendants

descendants.adopt_orphans()
descendants.PATIENCE = 1.0
"""
END = """
descendants.end_descendants()
print(descendants.descendants())
"""
ORPHAN = 'subprocess.run(["sh", "-c", "setsid sleep 60 & :"])'
DEAF = """
subprocess.Popen(["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done"], stdout=subprocess.PIPE).stdout.read(1)
"""
ENDED = """
subprocess.Popen(["true"])
time.sleep(0.3)
"""


def _said(text: str) -> str:
    # That of this checkout, wherever another one may be installed.
    environment = os.environ | {"PYTHONPATH": str(Path(capra.__file__).parents[1])}
    command = [sys.executable, "-c", text]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@pytest.mark.parametrize("started", [ORPHAN, DEAF, ORPHAN + DEAF, ENDED], ids=["orphan", "deaf", "both", "ended"])
def test_nothing_is_left(started: str) -> None:
    look = "" if started == ENDED else "assert descendants.descendants()\n"
    assert _said(f"{BEGIN}{started}\n{look}{END}") == "[]\n"


def test_where_nothing_was_left_the_machines_processes_are_not_looked_at() -> None:
    assert _said(f"{BEGIN}{ENDED}\ndescendants.Path = None\ndescendants.end_descendants()") == ""
