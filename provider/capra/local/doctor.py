"""Whether what is remembered can be used: the state directory, its files, and runs that have not ended."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from capra.errors import InputError
from capra.local.state import StateDirectory
from capra.model.finding import Finding, Level

DIRECTORY = "state directory"
RECORDS = "records"
HOST_KEYS = "host keys"


def state_findings(path: Path) -> Iterator[Finding]:
    """Of a state directory. Reads only."""
    try:
        there = path.exists()
    except PermissionError:
        yield Finding(
            DIRECTORY, Level.ERROR, str(path), "cannot be entered", "set XDG_STATE_HOME to a place of your own"
        )
        return
    if not there:
        yield Finding(DIRECTORY, Level.OK, str(path), "is made by the first command that remembers something")
        return
    directory = _directory(path)
    yield directory
    if directory.level is Level.ERROR:
        return
    state = StateDirectory(path)
    try:
        state.known_hosts.keys("", 0)
        yield Finding(HOST_KEYS, Level.OK, str(path / "known_hosts"), "can be read")
    except InputError as error:
        yield Finding(HOST_KEYS, Level.ERROR, error.subject, error.problem, "mend it, or pin the keys again")
    yield _records(state)


def _directory(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        owner = "make it a directory of your own, or set XDG_STATE_HOME to another place"
        return Finding(DIRECTORY, Level.ERROR, str(path), "cannot be written to", owner)
    if mode & 0o077:
        return Finding(DIRECTORY, Level.WARNING, str(path), f"is open to others (mode {mode:04o})", f"chmod 700 {path}")
    return Finding(DIRECTORY, Level.OK, str(path), "can be written to")


def _records(state: StateDirectory) -> Finding:
    try:
        machines = state.all()
    except InputError as error:
        return Finding(
            RECORDS, Level.ERROR, error.subject, error.problem, "see that the file can be read, or remove it"
        )
    open_ones = [one.key.name for one in machines if one.record.reason or (one.unfinished and not one.busy)]
    if open_ones:
        told = f"{', '.join(open_ones[:5])}{' and more' if len(open_ones) > 5 else ''}: the last run has not ended well"
        return Finding(RECORDS, Level.WARNING, f"{len(machines)} machines", told, "capra status says why")
    return Finding(RECORDS, Level.OK, f"{len(machines)} machines", "every run has ended well, or is under way")
