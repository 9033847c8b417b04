"""The SSH keys that somebody else's inventory names by files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from capra.errors import InputError, InputErrors
from capra.inventory.imported import ImportedHost
from capra.local.files import DIRECTORY_MODE, write_whole
from capra.local.logins import LoginOptions
from capra.model.observation import SSHKey


def read_key_files(hosts: Iterable[ImportedHost]) -> dict[str, str]:
    """The key of each file, in OpenSSH's format, by the path as it was written. A path is relative to the current
    directory, and may begin with `~`. Raises InputErrors."""
    return {path: key.openssh for path, key in read_host_keys(hosts, LoginOptions()).items()}


def read_host_keys(hosts: Iterable[ImportedHost], logins: LoginOptions) -> dict[str, SSHKey]:
    """The same with the passphrase and the certificate that options give. Raises InputErrors."""
    keys: dict[str, SSHKey] = {}
    errors: list[InputError] = []
    first = {host.key_file: host.subject for host in reversed(list(hosts))}
    for path, subject in first.items():
        try:
            keys[path] = logins.of_file(Path(path).expanduser(), f"{subject}: key file")
        except InputError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)
    return keys


def write_keys(directory: Path, keys: Mapping[str, str]) -> dict[str, str]:
    """Write keys, by the name of their Secret, each as a file of that name with mode 0600. The directory is made with
    mode 0700 where it is not there. Returns absolute paths. Raises InputError where that is not possible."""
    paths = {name: directory.absolute() / name for name in keys}
    try:
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        for name, path in paths.items():
            write_whole(path, keys[name])
    except OSError as error:
        raise InputError(f"cannot be written to: {error.strerror}", subject=f"--key-directory {directory}") from None
    return {name: str(path) for name, path in paths.items()}
