"""What the kernel of this machine allows all hosts together."""

from __future__ import annotations

import contextlib
from pathlib import Path

INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
WANTED = 8192
"""inotify instances of one user. A systemd needs seven as root: with Linux's default of 128, the nineteenth host hangs
at its boot, in silence."""


def make_room() -> None:
    """Raise what is too low for more than a few hosts; nothing is ever lowered. What can't be is left alone."""
    with contextlib.suppress(OSError):
        if int(INSTANCES.read_text()) < WANTED:
            INSTANCES.write_text(f"{WANTED}\n")
