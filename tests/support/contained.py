"""A command in the surroundings that the Deployment gives the controller: nothing can be written but below a scratch
directory and /dev/shm (both new and in memory), the uid has an entry in /etc/passwd, and there are no capabilities.

Everything else is as it is on this machine, but for directories that are closed to others and on the way to something
that the command needs, such as the home of whoever made the checkout or the Python: of these it sees what it needs.
"""

from __future__ import annotations

import _ctypes
import array
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.missing import missing

SCRIPT = Path(__file__).with_name("surroundings.py")
ROOT = Path(__file__).resolve().parents[2]
CHECKOUT = [ROOT / name for name in ("provider", ".collections", "galaxy.yml", "meta", "playbooks", "plugins", "roles")]
"""What a wheel would hold."""


def _interpreter() -> Iterator[str | Path]:
    """This Python, its virtual environment and its library. Not its prefix: that may be the whole system's (/usr)."""
    yield sys.executable
    # The file or link that the virtual environment was made with; Python has no public name for it.
    yield getattr(sys, "_base_executable", sys.executable)
    yield sys.prefix
    yield Path(os.__file__).parent
    for module in (_ctypes, array):  # modules of its own that are no Python may lie elsewhere, or in the program
        if file := getattr(module, "__file__", None):
            yield Path(file).parent
    maps = Path("/proc/self/maps").read_text()
    yield from set(re.findall(r"^\S+ \S+ \S+ \S+ \S+ +(/.*/libpython[^/\n]*)$", maps, re.MULTILINE))


def contained(
    command: Sequence[str | Path],
    scratch: Path,
    *,
    user: int,
    environment: Mapping[str, str],
    needs: Sequence[Path] = (),
) -> list[str]:
    """The command to run instead. scratch: an existing directory. environment: all of it, apart from PATH. needs:
    what it reads, besides Python and the checkout; wherever that is. Skips the test without root."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        missing("a process with a read-only root file system (it takes root, and setpriv)")
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    variables = [f"{name}={value}" for name, value in {"PATH": path, "PYTHONPATH": "", **environment}.items()]
    installed = dict.fromkeys(map(str, [*_interpreter(), *CHECKOUT]))
    whole = [sys.executable, SCRIPT, scratch, str(user), *installed, "--", *needs, "--", "env", "-i", *variables]
    return [*map(str, whole), *map(str, command)]
