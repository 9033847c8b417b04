"""How each fork of a warm parent begins and ends, whatever it does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

MOST_DESCRIPTORS = 2**20
"""Where there may be more, closing them one by one could take minutes."""


def close_others() -> None:
    """Close all descriptors but the standard ones: others may be another run's."""
    os.closerange(3, min(MOST_DESCRIPTORS, os.sysconf("SC_OPEN_MAX")))


def live_as(work: Callable[[], None], failed: Callable[[BaseException], int]) -> NoReturn:
    """Do this work and end, as a program would: whatever happens, this process must not go on as its parent. failed:
    tells of an error that ends it, and gives the status."""
    status = 1
    try:
        work()
        status = 0
    except SystemExit as ended:
        status = _status(ended)
    except BaseException as error:
        status = failed(error)
    finally:
        try:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        finally:
            os._exit(status)


def _status(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    sys.stderr.write(f"{ended.code}\n")
    return 1
