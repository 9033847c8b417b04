"""The host keys that were pinned at first contact or by `capra trust`, in OpenSSH's own known_hosts format."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from capra.errors import InputError
from capra.local.files import locked, write_whole
from capra.local.reading.bounded import read_bounded_file
from capra.model.checks import host_key, same_address
from capra.model.host_port import known_hosts_name

MAX_BYTES = 16 * 2**20
"""Of the file: 50,000 hosts with three keys."""


class KnownHosts:
    """One file. Several processes may write it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self, address: str, port: int) -> tuple[str, ...]:
        """The pinned keys of a host, each `TYPE BASE64`. Raises InputError for a line that is none."""
        names = _names(address, port)
        return tuple(key for host, key in self._lines() if host in names)

    def pin(self, address: str, port: int, keys: Iterable[str]) -> None:
        """Make these the keys of a host, instead of those that were there."""
        with self._locked():
            self._write(address, port, keys)

    def pin_first(self, address: str, port: int, keys: Iterable[str]) -> None:
        """Make these the keys of a host that has none: whatever was pinned while a run looked at it for the first time
        stays."""
        with self._locked():
            if not self.keys(address, port):
                self._write(address, port, keys)

    def forget(self, address: str, port: int) -> None:
        """Let the next contact with this host be a first one."""
        with self._locked():
            if self.keys(address, port):
                self._write(address, port, ())

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._path.with_name("known_hosts.lock"))

    def _write(self, address: str, port: int, keys: Iterable[str]) -> None:
        names = _names(address, port)
        kept = [(host, key) for host, key in self._lines() if host not in names]
        new = [(known_hosts_name(address, port), key) for key in keys]
        write_whole(self._path, "".join(f"{host} {key}\n" for host, key in kept + new))

    def _lines(self) -> list[tuple[str, str]]:
        """Host and key of each line."""
        try:
            text = read_bounded_file(self._path, MAX_BYTES, str(self._path)).decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", subject=str(self._path)) from None
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            host, _, rest = line.strip().partition(" ")
            try:
                found.append((host, host_key(rest)))
            except ValueError:
                problem = f"line {number} is not 'HOST TYPE KEY': remove it, and pin that host's key with capra trust"
                raise InputError(problem, subject=str(self._path)) from None
        return found


def _names(address: str, port: int) -> set[str]:
    return {known_hosts_name(address, port), f"[{same_address(address)}]:{port}"}
