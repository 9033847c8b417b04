"""Ends the process without waiting for its event loop."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn


def end_process(status: int) -> NoReturn:
    """End at once, with this exit status; but for what Python's own end does: the files that were made of what a
    kubeconfig holds are removed, and the log is written."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
