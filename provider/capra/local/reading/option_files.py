"""The files that options name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from capra.errors import InputError
from capra.local.reading.bounded import read_bounded_file
from capra.local.reading.keys import read_private_file
from capra.model.keys.certificate import MAX_BYTES as CERTIFICATE_BYTES
from capra.model.keys.key_secret import check_password
from capra.model.observation import BootstrapData

_Result = TypeVar("_Result")
MAX_BOOTSTRAP_BYTES = 16 * 2**20
"""Of a file; a Secret holds 1 MiB at most. What is in it has bounds of its own."""


def attempt(errors: list[InputError], path: str, read: Callable[[str], _Result]) -> _Result | None:
    """What the file of an option holds; None without one, and when it cannot be read, which is put to the errors."""
    if not path:
        return None
    try:
        return read(path)
    except InputError as error:
        errors.append(error)
        return None


def read_password(path: str) -> str:
    """The password of a private file, on one line. Raises InputError."""
    option = "--become-password-file"
    return check_password(read_private_file(Path(path), option), subject=f"{option} {path}")


def read_passphrase(path: str) -> bytes:
    """The passphrase of a private file; the line's end does not count. Raises InputError."""
    option = "--ssh-key-passphrase-file"
    text = read_private_file(Path(path), option).rstrip(b"\r\n")
    if not text:
        raise InputError("is empty: it must hold the passphrase of the SSH key", subject=f"{option} {path}")
    return text


def read_certificate(path: str) -> bytes:
    """A certificate, which is no secret; what is in it is looked at with its key. Raises InputError."""
    try:
        return read_bounded_file(Path(path), CERTIFICATE_BYTES, f"--ssh-certificate {path}")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=f"--ssh-certificate {path}") from None


def read_bootstrap_data(path: str) -> BootstrapData:
    """Bootstrap data, byte for byte; what is in it is looked at later. Raises InputError."""
    try:
        data = read_bounded_file(Path(path), MAX_BOOTSTRAP_BYTES, f"--bootstrap-data {path}")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=f"--bootstrap-data {path}") from None
    return BootstrapData(data, source=path)
