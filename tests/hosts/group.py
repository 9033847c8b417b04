"""Groups of hosts: up, found again, down."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import overload

from . import bare, extras, loopback, nspawn, state
from .host import Host, inventory_line
from .process import run
from .state import Group

MOST = 500
"""Hosts of one group: its network has 509 addresses for them."""

BACKENDS: dict[str, ModuleType] = {"nspawn": nspawn, "bare": bare, "loopback": loopback}


class Hosts(Sequence[Host]):
    """The hosts of one `up`, in order; a context manager that takes them down."""

    def __init__(self, hosts: Sequence[Host], group: Group) -> None:
        self._hosts = tuple(hosts)
        self.group = group

    @classmethod
    def up(
        cls,
        count: int = 1,
        init: str = "systemd",
        prefix: str = "host",
        state_dir: Path | None = None,
        backend: str = "nspawn",
        owned: bool = True,
        extra: str = "",
    ) -> Hosts:
        """Bring up `count` hosts named `<prefix>-1`, … and wait until they are ready.

        `backend`: `nspawn`, `bare`, `loopback`, or `auto`: nspawn for root, else loopback.
        `extra`: a root file system with more packages (`extras.EXTRAS`), whose init counts.
        `owned`: `down --all` leaves them alone as long as this process lives.
        Raises `Unavailable` where this machine cannot, `HostError` where it should have; nothing is left then.
        """
        if backend == "auto":
            backend = "nspawn" if os.geteuid() == 0 else "loopback"
        if backend not in BACKENDS:
            raise ValueError(f"unknown backend {backend!r}: one of {', '.join(BACKENDS)}, auto")
        init = extras.init_of(extra) if extra else init
        if count < 1 or count > MOST:
            raise ValueError(f"{count} hosts: from 1 to {MOST} in one group")
        BACKENDS[backend].check()
        directory = state_dir or Path(tempfile.mkdtemp(prefix="capra-hosts-"))
        names = tuple(f"{prefix}-{number}" for number in range(1, count + 1))
        group = state.new(backend, init, directory, names, os.getpid() if owned else 0, extra)
        try:
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "capra-test", "-f", group.key_file)
            hosts = BACKENDS[backend].up(group)
            _write_lists(group, hosts)
        except BaseException:
            take_down(group)
            raise
        # As it was saved: with the subnet that was chosen.
        return cls(hosts, state.load(directory) or group)

    @classmethod
    def load(cls, state_dir: Path) -> Hosts:
        """The hosts another process brought up."""
        group = state.load(state_dir)
        listed = state_dir.absolute() / "hosts.json"
        if group is None or not listed.exists():
            raise FileNotFoundError(f"no hosts are up in {state_dir}")
        return cls([Host.from_json(entry) for entry in json.loads(listed.read_text())], group)

    @property
    def inventory(self) -> Path:
        """Ansible inventory that logs in as root (loopback: as oneself)."""
        return self.group.state_dir / "inventory.ini"

    @property
    def sudo_inventory(self) -> Path:
        """Ansible inventory that logs in as the sudo user and becomes root."""
        return self.group.state_dir / "inventory-sudo.ini"

    def named(self, name: str) -> Host:
        for host in self:
            if host.name == name:
                return host
        raise KeyError(f"no host {name}: there are {', '.join(host.name for host in self)}")

    def down(self) -> None:
        """Take all down; a second time does nothing."""
        take_down(self.group)

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def __len__(self) -> int:
        return len(self._hosts)

    def __iter__(self) -> Iterator[Host]:
        return iter(self._hosts)

    @overload
    def __getitem__(self, index: int) -> Host: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Host]: ...

    def __getitem__(self, index: int | slice) -> Host | Sequence[Host]:
        return self._hosts[index]


def take_down(group: Group) -> None:
    """Remove the group, however far it got; its record goes last, so that this can be repeated."""
    BACKENDS[group.backend].down(group)
    shutil.rmtree(group.hosts_dir, ignore_errors=True)
    group.forget()


def take_down_left_over() -> tuple[list[Group], list[Group]]:
    """Take down every group of this user whose owner is gone; those taken down, and those in use."""
    known = state.registered()
    kept = [group for group in known if group.in_use]
    gone = [group for group in known if group not in kept]
    for group in gone:
        take_down(group)
    return gone, kept


def _write_lists(group: Group, hosts: Sequence[Host]) -> None:
    """hosts.json and the two inventories."""
    text = json.dumps([host.to_json() for host in hosts], indent=2) + "\n"
    state.write_whole(group.state_dir / "hosts.json", text)
    lines = "".join(inventory_line(host, host.user) for host in hosts)
    state.write_whole(group.state_dir / "inventory.ini", f"[hosts]\n{lines}")
    lines = "".join(inventory_line(host, host.sudo_user) for host in hosts)
    become = "[hosts:vars]\nansible_become=true\n"
    state.write_whole(group.state_dir / "inventory-sudo.ini", f"[hosts]\n{lines}\n{become}")
