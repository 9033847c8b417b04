"""A command in the surroundings that the Deployment gives the controller: nothing can be written but below a scratch
directory and /dev/shm (both new and in memory), the uid has an entry in /etc/passwd, and there are no capabilities.

Everything else is as it is on this machine, but for directories that are closed to others and on the way to something
that the command needs, such as the home of whoever made the checkout or the Python: of these it sees what it needs.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.missing import missing

SCRIPT = Path(__file__).with_name("surroundings.py")
ROOT = Path(__file__).resolve().parents[2]
CHECKOUT = [ROOT / name for name in ("provider", ".collections", "galaxy.yml", "meta", "playbooks", "plugins", "roles")]
"""What a wheel would hold."""


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
    # The file or link that the virtual environment was made with; Python has no public name for it.
    base = getattr(sys, "_base_executable", sys.executable)
    interpreter = [sys.executable, base, sys.prefix, sys.base_prefix, sys.base_exec_prefix]
    installed = dict.fromkeys(map(str, [*interpreter, *CHECKOUT]))
    whole = [sys.executable, SCRIPT, scratch, str(user), *installed, "--", *needs, "--", "env", "-i", *variables]
    return [*map(str, whole), *map(str, command)]
