"""Machines and pool entries of manifests as hosts of an inventory, with what this machine remembers of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from capra.errors import InputError
from capra.inventory.hosts import InventoryHost
from capra.local.reading.keys import read_key_file
from capra.local.reading.manifests import Manifests, Placed, load_manifests
from capra.local.state import StateDirectory
from capra.model import checks
from capra.model.keys.host_key import plain_keys
from capra.model.keys.ssh_key import check_key
from capra.model.machine import HOST_KEYS_ANNOTATION, RemoteMachine
from capra.model.manifest.others import CoreMachineDocument


def machines_of_files(files: Sequence[str], state_directory: Path) -> tuple[list[InventoryHost], Manifests]:
    """The hosts, and the manifests that they are of. Raises InputErrors."""
    manifests, state = load_manifests(files), StateDirectory(state_directory)
    return [_host(one, manifests.owners.get(one.machine.key), state) for one in manifests.machines], manifests


def _host(placed: Placed, owner: CoreMachineDocument | None, state: StateDirectory) -> InventoryHost:
    machine = placed.machine
    record = state.read(machine)
    return InventoryHost(
        key=machine.key,
        spec=machine.spec,
        uid=machine.uid,
        cluster=owner.spec.cluster_name if owner else "",
        pool=machine.spec.pool,
        state=record.phase.value,
        host_keys=plain_keys(machine.spec.host_keys) or record.host_keys or _noted_keys(machine),
        labels=machine.labels,
        facts=record.facts,
        host_name=record.host_name,
        host_addresses=record.host_addresses,
    )


def _noted_keys(machine: RemoteMachine) -> tuple[str, ...]:
    """What a controller has noted in the object, where it comes from a cluster; what is no key is left out."""
    keys = []
    for line in machine.annotations.get(HOST_KEYS_ANNOTATION, "").splitlines():
        with suppress(ValueError):
            keys.append(checks.host_key(line))
    return tuple(keys)


def keys_of_files(
    hosts: Sequence[InventoryHost], manifests: Manifests
) -> tuple[Mapping[tuple[str, str], str], list[str]]:
    """The SSH keys of the hosts' Secrets, by namespace and name, in OpenSSH's format, and a sentence for each of which
    there is none."""
    keys: dict[tuple[str, str], str] = {}
    problems = []
    for place in dict.fromkeys(host.key_secret for host in hosts if host.spec.ssh_key_name):
        subject = "Secret {}/{}".format(*place)
        document = manifests.secrets.get(place)
        value = document.values().get("value") if document else None
        if value is None:
            problems.append(f"{subject}: has no key 'value', or is not in the files")
            continue
        try:
            keys[place] = check_key(value, subject=subject).openssh
        except InputError as error:
            problems.append(str(error))
    return keys, problems


def key_of_file(path: str) -> str:
    """The SSH key of a file, in OpenSSH's format. Raises InputError."""
    return read_key_file(Path(path), "ssh_key").openssh
