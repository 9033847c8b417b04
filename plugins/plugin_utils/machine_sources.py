"""Where the inventory plugin capra.machine.remote_machines has its hosts from: manifests, or a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from capra.inventory.hosts import InventoryHost

Keys = Mapping[tuple[str, str], str]
"""SSH private keys in OpenSSH's format, by namespace and name of their Secret."""


@dataclass(frozen=True)
class FoundKeys:
    """keys: secrets. problems: a sentence for each Secret that gives none."""

    keys: Keys = field(default_factory=dict, repr=False)
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class ManifestSource:
    """files: paths. state_directory: what `capra` in a terminal remembers."""

    files: tuple[str, ...]
    state_directory: Path

    def read(self) -> tuple[list[InventoryHost], FoundKeys]:
        """Hosts and keys. Raises CapraError."""
        from capra.local.inventories import machines  # noqa: PLC0415  # needs pydantic

        hosts, manifests = machines.machines_of_files(self.files, self.state_directory)
        return hosts, FoundKeys(*machines.keys_of_files(hosts, manifests))


@dataclass(frozen=True)
class ClusterSource:
    """kubeconfig: path; empty for `$KUBECONFIG`, `~/.kube/config` or a Pod's service account. context, namespace: empty
    for the current one and for all."""

    kubeconfig: str
    context: str
    namespace: str

    def objects(self) -> dict[str, Any]:
        """What may be cached: the objects, and no Secret. Raises CapraError."""
        from capra.kube.stores.inventory import list_machines  # noqa: PLC0415  # needs kubernetes

        return asyncio.run(list_machines(self.kubeconfig, self.context, self.namespace))

    def hosts(self, objects: Mapping[str, Any]) -> list[InventoryHost]:
        """The hosts of these objects."""
        from capra.kube.objects.inventory import inventory_hosts  # noqa: PLC0415

        return inventory_hosts(objects["machines"], objects["entries"])

    def keys(self, hosts: Sequence[InventoryHost]) -> FoundKeys:
        """The keys of these hosts. Raises CapraError."""
        from capra.kube.stores.inventory import read_secret_keys  # noqa: PLC0415

        wanted = [host.key_secret for host in hosts if host.spec.ssh_key_name]
        return (
            FoundKeys(*asyncio.run(read_secret_keys(self.kubeconfig, self.context, wanted))) if wanted else FoundKeys()
        )
