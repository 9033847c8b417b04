"""A machine or a pool entry as a host of Ansible's inventory: its name, its variables, its groups. Pure."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capra.model.host_port import join_host_port
from capra.model.machine import BECOME_PLUGINS, MachineKey, MachineSpec

DEFAULT_NAMESPACE = "default"
MACHINE = "RemoteMachine"
GROUPS = {MACHINE: "machines", "PooledRemoteMachine": "pool_entries"}
_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class InventoryHost:
    """A host. spec: with an address. cluster, pool, state: empty where there is none, or nobody knows. host_keys: that
    are known of it, each `TYPE BASE64`. facts: what it said of itself, by the names of
    `capra.bootstrap.templates.instance_data.FACTS`; host_name and host_addresses are of the same origin."""

    key: MachineKey
    spec: MachineSpec
    uid: str = ""
    cluster: str = ""
    pool: str = ""
    state: str = ""
    host_keys: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    host_name: str = ""
    host_addresses: tuple[str, ...] = ()

    @property
    def key_secret(self) -> tuple[str, str]:
        """Namespace and name of the Secret with its SSH key; the name is empty where it has none."""
        return self.key.namespace, self.spec.ssh_key_name


@dataclass(frozen=True)
class Files:
    """Paths on the control node. key: of the SSH private key, known_hosts: of a file with all host keys; empty where
    there is none."""

    key: str = ""
    known_hosts: str = ""


def inventory_names(hosts: Sequence[InventoryHost], namespace: str = "") -> list[str]:
    """A name for each host, in the same order: the object's, with `.NAMESPACE` behind it unless that is `default` or
    the one that was asked for; an entry whose name a machine has, too, ends with `.entry`."""
    names = [_own_name(host, namespace) for host in hosts]
    times = Counter(names)
    return [
        f"{name}.entry" if times[name] > 1 and host.key.kind != MACHINE else name
        for name, host in zip(names, hosts, strict=True)
    ]


def _own_name(host: InventoryHost, namespace: str) -> str:
    plain = host.key.namespace in (DEFAULT_NAMESPACE, namespace)
    return host.key.name if plain else f"{host.key.name}.{host.key.namespace}"


def host_variables(host: InventoryHost, files: Files) -> dict[str, Any]:
    """What Ansible needs to reach it, and `capra_…`: what Capra knows of it. No secret is among them."""
    spec, plugin = host.spec, BECOME_PLUGINS.get(host.spec.become_method)
    return {
        "ansible_host": spec.address,
        "ansible_port": spec.port,
        "ansible_user": spec.user,
        **({"ansible_become": True} if spec.use_sudo else {}),
        **({"ansible_become_method": plugin} if spec.use_sudo and plugin else {}),
        **({"ansible_ssh_private_key_file": files.key} if files.key else {}),
        **({"ansible_ssh_common_args": " ".join(arguments)} if (arguments := _arguments(host, files)) else {}),
        "capra_kind": host.key.kind,
        "capra_namespace": host.key.namespace,
        "capra_name": host.key.name,
        "capra_uid": host.uid,
        "capra_cluster": host.cluster,
        "capra_pool": host.pool,
        "capra_state": host.state,
        "capra_labels": dict(host.labels),
        "capra_facts": dict(host.facts),
        "capra_host_name": host.host_name,
        "capra_host_addresses": list(host.host_addresses),
    }


def _arguments(host: InventoryHost, files: Files) -> list[str]:
    """OpenSSH's options. Ansible splits them as a shell does, and OpenSSH splits the file's name once more and expands
    percent signs in it."""
    options = []
    if host.spec.bastions:
        # The keys and the known hosts of bastions are those of whoever runs Ansible.
        jumps = [f"{one.user}@{join_host_port(one.address, one.port)}" for one in reversed(host.spec.bastions)]
        options.append(f"-o {shlex.quote('ProxyJump=' + ','.join(jumps))}")
    if files.key:
        options.append("-o IdentitiesOnly=yes")
    if files.known_hosts and host.host_keys:
        path = files.known_hosts.replace("%", "%%")
        options += [
            f"-o 'UserKnownHostsFile=\"{path}\"'",
            "-o GlobalKnownHostsFile=/dev/null",
            f"-o 'HostKeyAlias={_key_alias(host.key)}'",
            "-o StrictHostKeyChecking=yes",
        ]
    return options


def known_hosts(hosts: Iterable[InventoryHost]) -> str:
    """All known keys, in the form of a known_hosts file, each under the name of its object: what one namespace says of
    an address counts for no host of another."""
    lines = (f"{_key_alias(host.key)} {key}\n" for host in hosts for key in host.host_keys)
    return "".join(dict.fromkeys(lines))


def _key_alias(key: MachineKey) -> str:
    """`capra.remotemachine.NAMESPACE.NAME`, for HostKeyAlias. OpenSSH compares such names in lower case. Neither a kind
    nor a namespace has a dot, and so no two objects share a name."""
    return f"capra.{key.kind.lower()}.{key.namespace}.{key.name}"


def host_groups(host: InventoryHost) -> list[str]:
    """The groups it is in: of its kind, and of its cluster, pool, state, operating system and architecture, as far as
    they are known (`pool_…`, `os_…`)."""
    told = {
        "cluster": host.cluster,
        "pool": host.pool,
        "state": host.state.lower(),
        "os": host.facts.get("os.id", ""),
        "architecture": host.facts.get("architecture", ""),
    }
    return [GROUPS[host.key.kind], *(_UNSAFE.sub("_", f"{kind}_{name}") for kind, name in told.items() if name)]
