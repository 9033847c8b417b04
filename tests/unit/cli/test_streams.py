"""Standard streams that are closed, full, or read by nobody any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TELLS = """
import os, sys
from capra.cli.streams import prepare_streams
prepare_streams()
for _ in range(3):
    print("x" * 100_000, file=sys.stderr)
    sys.stderr.flush()
print("the outcome", os.open(os.devnull, os.O_RDONLY) > 2)
"""


@pytest.mark.parametrize("stderr", ["closed", "full", "unread"])
def test_what_cannot_be_told_costs_nobody_the_outcome(stderr: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = subprocess.run(
            [sys.executable, "-c", TELLS],
            stdout=subprocess.PIPE,
            stderr={"closed": None, "full": full, "unread": writer}[stderr],
            preexec_fn=(lambda: os.close(2)) if stderr == "closed" else None,  # no thread runs here
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
        os.close(full)
    assert (done.returncode, done.stdout) == (0, "the outcome True\n")


def test_no_room_for_the_output_is_one_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "capra", "status"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path), "CAPRA_OUTPUT": "json"},
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "capra: error: there is no room for the output\n")
