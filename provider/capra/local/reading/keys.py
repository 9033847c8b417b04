"""SSH private keys in files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from capra.errors import InputError
from capra.local.reading.bounded import PATIENCE, read_descriptor
from capra.model.keys.ssh_key import MAX_BYTES, check_key, is_public
from capra.model.observation import SSHKey


def read_key_file(path: Path, option: str = "--ssh-key", passphrase: bytes = b"") -> SSHKey:
    """The key of a file that nobody else can read (OpenSSH's own rule). passphrase: see check_key. Raises
    InputError."""
    data = read_private_file(path, option, _refuse_public)
    return check_key(data, subject=f"{option} {path}", source=str(path), passphrase=passphrase)


def _refuse_public(data: bytes, subject: str) -> None:
    """A public key may be read by others: that is not what is wrong with it."""
    if is_public(data):
        check_key(data, subject=subject)


def _opener(path: str, flags: int) -> int:
    """Without the flag, opening a pipe waits for somebody who writes."""
    return os.open(path, flags | os.O_NONBLOCK)


def read_private_file(
    path: Path, option: str, look: Callable[[bytes, str], None] = lambda data, subject: None
) -> bytes:
    """The content of a file that holds a secret. Raises InputError when it is readable by others.

    look: is shown the content first, and may find something that is worse.
    """
    subject = f"{option} {path}"
    try:
        with open(path, "rb", opener=_opener) as file:
            status = os.fstat(file.fileno())
            data = read_descriptor(file.fileno(), MAX_BYTES, subject, PATIENCE)
            look(data, subject)
            if not stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                problem = f"can be read by others (mode {mode:04o}), and so ssh refuses it; run: chmod 600 {path}"
                raise InputError(problem, subject=subject, reason="InvalidSSHKey")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=subject) from None
    return data
