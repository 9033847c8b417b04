"""What proves that a run has sent nothing to its host: evidence of this side alone, never what a host says.

Two files of the run's private directory. `unconnected` has content until OpenSSH has been let in by the host: OpenSSH
empties it then, before it sends anything. `held` is there as long as Ansible, which sends a program only after become
has succeeded, still holds the program back: the action makes and removes it (plugins/plugin_utils/evidence.py).
"""

from __future__ import annotations

import shlex
from pathlib import Path

from capra.runs.directory.private import write_private

DIRECTORY = "evidence"
VARIABLE = "CAPRA_EVIDENCE"
"""Tells the action where the files are."""

UNCONNECTED = "unconnected"
HELD = "held"


def lay_out_evidence(directory: Path) -> None:
    """Nothing has been sent yet. directory: the run's private one."""
    place = directory / DIRECTORY
    place.mkdir(mode=0o700)
    write_private(place / UNCONNECTED, b"no host has let this run in\n")


def ssh_options(directory: Path) -> dict[str, str]:
    """OpenSSH's options that empty the file. It runs this after it has been let in and before it reads what to send,
    for the host itself and for no host in between. Where the file can't be emptied, it ends instead of sending."""
    file = shlex.quote(str(directory / DIRECTORY / UNCONNECTED))
    # `true`, not `:`: a shell ends when a redirection of `:` fails. A percent sign begins one of OpenSSH's tokens.
    command = f"true > {file} || kill -9 $PPID".replace("%", "%%")
    return {"PermitLocalCommand": "yes", "LocalCommand": command}


def evidence_environment(directory: Path) -> dict[str, str]:
    """SHELL: OpenSSH gives its local command to it, and that of a service account may be one that refuses."""
    return {VARIABLE: str(directory / DIRECTORY), "SHELL": "/bin/sh"}


def doubt(directory: Path) -> None:
    """What has run may have sent something by another way than OpenSSH's."""
    (directory / DIRECTORY / UNCONNECTED).write_bytes(b"")


def was_sent(directory: Path) -> bool:
    """False only where it is proven that nothing was sent."""
    place = directory / DIRECTORY
    try:
        unconnected = (place / UNCONNECTED).stat().st_size > 0
    except OSError:
        return True
    return not unconnected and not (place / HELD).exists()
