"""What is written down about a group of hosts before it exists, so that it can always be taken down.

The record stands in the state directory (`group.json`) and, as a copy, in a registry under the user's cache
directory: `down --all` finds groups by it even when the state directory is lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .errors import HostError
from .process import alive, start_time
from .rootfs import cache_home

RECORD = "group.json"
FILES = (RECORD, "hosts.json", "inventory.ini", "inventory-sudo.ini", "known_hosts", "key", "key.pub")
"""All that lies in a state directory, beside the directory `hosts`."""


@dataclass(frozen=True)
class Group:
    """Hosts brought up by one call; every name of theirs on this machine follows from `id` and an index."""

    id: str
    """Six hexadecimal digits."""
    backend: str
    """`nspawn`, `bare` or `loopback`."""
    init: str
    state_dir: Path
    names: tuple[str, ...]
    subnet: str = ""
    """Empty for loopback, and as long as none was chosen."""
    owner_pid: int = 0
    """The process that uses them; 0: brought up from a shell, for whoever wants them."""
    owner_started: int = 0
    extra: str = ""
    """The name of the root file system (`extras.EXTRAS`) where it is not that of the init."""

    @property
    def network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.subnet)

    @property
    def hosts_dir(self) -> Path:
        """The directory with one subdirectory for each host."""
        return self.state_dir / "hosts"

    @property
    def key_file(self) -> Path:
        return self.state_dir / "key"

    @property
    def in_use(self) -> bool:
        """Whether the process that brought them up still lives."""
        return bool(self.owner_pid) and alive(self.owner_pid, self.owner_started)

    def with_subnet(self, subnet: ipaddress.IPv4Network) -> Group:
        return replace(self, subnet=str(subnet))

    def save(self) -> None:
        """Write the record in both places, whole."""
        text = json.dumps({**asdict(self), "state_dir": str(self.state_dir)}, indent=2) + "\n"
        write_whole(self.state_dir / RECORD, text)
        write_whole(_registered(self.id), text)

    def forget(self) -> None:
        """Remove the files of the state directory, it too if it is empty then, and the registration."""
        for name in FILES:
            (self.state_dir / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.state_dir.rmdir()
        _registered(self.id).unlink(missing_ok=True)


def new(backend: str, init: str, state_dir: Path, names: tuple[str, ...], owner: int = 0, extra: str = "") -> Group:
    """A new group with its record saved; `HostError` where the directory already holds one."""
    state_dir = state_dir.absolute()
    if (state_dir / RECORD).exists():
        raise HostError(f"{state_dir} holds hosts already: take them down first")
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    started = start_time(owner) if owner else 0
    group = Group(secrets.token_hex(3), backend, init, state_dir, names, "", owner, started, extra)
    group.save()
    return group


def load(state_dir: Path) -> Group | None:
    """The group of a state directory, by its own record or by the registry; None where there is none."""
    own = _read(state_dir.absolute() / RECORD)
    if own is not None:
        return replace(own, state_dir=state_dir.absolute())
    return next((group for group in registered() if group.state_dir == state_dir.absolute()), None)


def registered() -> list[Group]:
    """All groups this user brought up and nobody took down."""
    found = (_read(path) for path in sorted(_registry().glob("*.json")))
    return [group for group in found if group is not None]


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Only one process at a time looks for a free subnet and takes it."""
    with (_registry() / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file under another name, then rename it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=mode)
    partial.write_text(text)
    partial.chmod(mode)
    partial.rename(path)


def _registry() -> Path:
    place = cache_home() / "hosts"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def _registered(identifier: str) -> Path:
    return _registry() / f"{identifier}.json"


def _read(path: Path) -> Group | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return Group(**{**fields, "state_dir": Path(fields["state_dir"]), "names": tuple(fields["names"])})
