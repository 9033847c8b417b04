"""A command in the surroundings that the Deployment gives the controller; see contained.sh."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.missing import missing

SCRIPT = Path(__file__).with_suffix(".sh")
ROOT = Path(__file__).resolve().parents[2]


def contained(
    command: Sequence[str | Path],
    scratch: Path,
    *,
    user: int,
    environment: Mapping[str, str],
    needs: Sequence[Path] = (),
) -> list[str]:
    """The command to run instead. scratch: an existing directory. environment: all of it, apart from PATH. needs:
    directories that it reads, besides Python's own and the checkout. Skips the test without root."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        missing("a process with a read-only root file system (it takes root, and unshare)")
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    variables = [f"{name}={value}" for name, value in {"PATH": path, "PYTHONPATH": "", **environment}.items()]
    prefixes = ":".join(map(str, dict.fromkeys([Path(sys.base_prefix), Path(sys.prefix), ROOT, *needs])))
    return [str(SCRIPT), prefixes, str(scratch), str(user), "env", "-i", *variables, *map(str, command)]
