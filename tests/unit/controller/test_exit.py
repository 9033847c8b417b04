"""A process that ends at once ends as Python would."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import atexit, sys, threading
from capra.controller.exit import end_process
atexit.register(lambda: print("removed"))
print("said", end=" ")
threading.Thread(target=threading.Event().wait).start()  # nobody waits for it
end_process(7)
print("not reached")
"""


def test_what_was_to_happen_at_the_end_happens_and_nobody_is_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "said removed\n", "")
