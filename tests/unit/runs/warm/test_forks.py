"""A fork ends as a program would, and never goes on as its parent."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from capra.runs.warm.forks import close_others, live_as
os.dup2(1, 40)
def work():
    close_others()
    try:
        os.write(40, b"open")
    except OSError:
        print("closed", end="")
    {what}
def failed(error):
    print(type(error).__name__, end="")
    return 250
if (pid := os.fork()) == 0:
    live_as(work, failed)
print(end="", flush=True)
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("pass", 0, "closed"),
        ("sys.exit()", 0, "closed"),
        ("sys.exit(3)", 3, "closed"),
        ("sys.exit('why')", 1, "closed"),
        ("raise KeyError('x')", 250, "closedKeyError"),
        ("raise KeyboardInterrupt", 250, "closedKeyboardInterrupt"),
    ],
)
def test_how_a_fork_ends(what: str, status: int, said: str) -> None:
    program = PROGRAM.format(what=what)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (status, said), done.stderr
    assert ("why" in done.stderr) is ("why" in what)
