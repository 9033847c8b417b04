"""All that a process has started ends with it, also what has left its process group."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import subprocess, sys, time
from capra.runs import descendants
descendants.PATIENCE = 0.5
descendants.adopt_orphans()
shell = subprocess.Popen(["sh", "-c", {command!r}], stdout=subprocess.PIPE, text=True)
orphan = int(shell.stdout.readline())
{wait}
assert orphan in descendants.descendants(), descendants.descendants()
descendants.end_descendants()
assert descendants.descendants() == []
print(orphan)
"""


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "], ids=["asked", "ended"])
@pytest.mark.parametrize("wait", ["", "shell.wait()"], ids=["below a child", "an orphan"])
def test_nothing_is_left(trap: str, wait: str) -> None:
    keep = "" if wait else "; wait"
    command = f'setsid sh -c "{trap}echo \\$\\$; while :; do sleep 1; done" &{keep}'.replace("&;", "&")
    program = PROGRAM.format(command=command, wait=wait)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
