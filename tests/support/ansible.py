"""Programs of Ansible, as a person calls them, with this checkout's collection."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def ansible(
    program: str, *arguments: str | Path, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`ansible`, `ansible-inventory` or another one, to its end. Nothing of the caller's Ansible settings counts; what
    is private lies below `private` in cwd."""
    private = cwd / "private"
    private.mkdir(exist_ok=True, mode=0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    mine = {
        "PYTHONPATH": "",
        "HOME": str(cwd),
        "XDG_RUNTIME_DIR": str(private),
        "XDG_STATE_HOME": str(cwd / "state"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        # The path of a socket below such a home may be too long.
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",
    }
    return subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        env={**kept, **mine, **(environment or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
