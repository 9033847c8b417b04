"""Hosts that are reached through others only: no packet gets from one network to the next."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.hosts import Host, network
from tests.hosts.fixtures import bring_up

PRIVATE = b"PRIVATE KEY"


@dataclass(frozen=True)
class Chain:
    """outer is reached directly and takes `key` alone; middle is reached from outer only, and inner from middle."""

    outer: Host
    middle: Host
    inner: Host
    key: Path

    def bastion(self, host: Host, **more: Any) -> dict[str, Any]:
        """`spec.bastion` for this host."""
        own = {"sshKeyRef": {"name": "outer-key"}} if host is self.outer else {}
        return {"address": host.address, "port": host.port, **own, **more}

    @property
    def two(self) -> dict[str, Any]:
        """`spec.bastion` of inner."""
        return self.bastion(self.middle, bastion=self.bastion(self.outer))

    def secret(self) -> dict[str, Any]:
        """The Secret with the key of outer."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "outer-key", "namespace": "default"},
            "data": {"value": base64.b64encode(self.key.read_bytes()).decode()},
        }

    def left_on_bastions(self) -> list[str]:
        """Files with anything of a private key, but the host's own keys, on either bastion."""
        found = []
        for host in (self.outer, self.middle):
            for directory in ("root", "home", "tmp", "var/tmp", "var/lib", "run", "dev/shm", "etc"):
                done = subprocess.run(
                    ["grep", "-rlsaI", PRIVATE.decode(), str(host.path(directory))],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                found += [line for line in done.stdout.splitlines() if "/ssh_host_" not in line]
        return found


@contextmanager
def chain_of(directory: Path) -> Iterator[Chain]:
    """Three new hosts, one behind the other."""
    key = directory / "outer key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with bring_up(3) as hosts:
        group = hosts.group.id
        outer, middle, inner = (
            hosts[0],
            replace(hosts[1], address=network.put_behind(group, 1, 0)),
            replace(hosts[2], address=network.put_behind(group, 2, 1)),
        )
        outer.path("/etc/ssh/authorized_keys").write_text(key.with_name("outer key.pub").read_text())
        yield Chain(outer, middle, inner, key)


def counted_on(host: Host, name: str) -> int:
    """As `count`, for a host that only others reach."""
    file = host.path(f"/var/tmp/count.{name}")
    return len(file.read_text().splitlines()) if file.exists() else 0
