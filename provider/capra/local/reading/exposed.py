"""Manifests that hold a private key and that others may read: nothing is wrong with them, but a person should know."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable

from capra.model.keys.pem import PRIVATE
from capra.model.manifest.others import SecretDocument

OTHERS = 0o077
"""The rule of ssh(1) for the file of a key: nobody else may read it."""


def exposed_keys(secrets: Iterable[tuple[str, SecretDocument]]) -> tuple[str, ...]:
    """A sentence for each file with a private key that others may read. secrets: each with the file it stands in.

    Standard input, pipes and files that have gone meanwhile are passed over.
    """
    names: dict[str, list[str]] = {}
    for file, secret in secrets:
        if any(PRIVATE.encode() in value for value in secret.values().values()):
            names.setdefault(file, []).append(secret.metadata.name)
    told = []
    for file, held in names.items():
        if mode := _open_mode(file):
            which = f"Secret {', '.join(held)}"
            command = f"chmod 600 {shlex.quote(file)}"
            told.append(f"{file} holds a private key ({which}) and can be read by others (mode {mode:04o}): {command}")
    return tuple(told)


def _open_mode(file: str) -> int:
    """The mode of a regular file that others may read; else 0."""
    try:
        status = os.stat(file)
    except OSError:
        return 0
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) and status.st_mode & OTHERS else 0
