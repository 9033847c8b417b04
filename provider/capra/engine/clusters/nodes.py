"""Which Node of a workload cluster belongs to which Machine. Pure.

The rule is the reference's (docs/reference/contract.md: name, label or address), with the host's own name added, and
with one change: a Node that may be the wrong one is nobody's.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from capra.model.checks import same_address

NO_NAMES = frozenset({"", "localhost", "localhost.localdomain", "localhost4", "localhost6"})

NAMED = 10
"""Nodes or Machines that a problem names."""


@dataclass(frozen=True)
class Node:
    """What a Node tells of itself. machine: its label `k0smotron.io/machine-name`. host_names: its name, its label
    `kubernetes.io/hostname`, its addresses of type Hostname. addresses: those of every type."""

    name: str
    provider_id: str = ""
    machine: str = ""
    host_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True)
class NodeOwner:
    """What is known of a Machine that should have a Node. host_name, addresses: of its host, as far as known."""

    machine: str
    provider_id: str
    uid: str = ""
    host_name: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matching:
    """By the name of the Machine. settled: its Node has the provider ID. found: its Node must be given it.
    problems: why there is no telling which Node it is. A Machine in none of them has no Node yet."""

    settled: frozenset[str] = frozenset()
    found: dict[str, Node] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def match(owners: Sequence[NodeOwner], nodes: Iterable[Node]) -> Matching:
    """The Node of each Machine. owners: at most one for each Machine.

    Never one Node for two Machines, never one provider ID for two Nodes, never a Node that has another provider ID.
    """
    index = _Index(nodes)
    choices = {owner.machine: index.candidates(owner) for owner in owners}
    sharing = _machines_by((names[0].name, machine) for machine, names in choices.items() if len(names) == 1)
    sharers = _machines_by((owner.provider_id, owner.machine) for owner in owners)
    settled, found, problems = set(), {}, {}
    for owner in owners:
        machine, candidates = owner.machine, choices[owner.machine]
        if not candidates:
            continue
        node = candidates[0]
        if len(sharers[owner.provider_id]) > 1:
            problems[machine] = f"its provider ID is also that of {_others(sharers[owner.provider_id], machine)}"
        elif len(candidates) > 1:
            problems[machine] = f"any of the Nodes {_some(one.name for one in candidates)} could be its own"
        elif len(sharing[node.name]) > 1:
            problems[machine] = f"Node {node.name} could also be that of {_others(sharing[node.name], machine)}"
        elif node.provider_id:
            settled.add(machine)
        else:
            found[machine] = node
    return Matching(frozenset(settled), found, problems)


def _machines_by(pairs: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    machines = defaultdict(list)
    for key, machine in pairs:
        machines[key].append(machine)
    return machines


def _others(machines: Iterable[str], machine: str) -> str:
    return _some(f"Machine {name}" for name in machines if name != machine)


def _some(names: Iterable[str]) -> str:
    """The first of them, and how many more there are."""
    every = sorted(names)
    more = [f"{len(every) - NAMED} more"] if len(every) > NAMED else []
    return ", ".join([*every[:NAMED], *more])


class _Index:
    """Nodes, indexed by all that identifies them, so that the cost grows only with their number."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._by_provider_id: dict[str, list[Node]] = defaultdict(list)
        self._by_label: dict[str, list[Node]] = defaultdict(list)
        self._by_name: dict[str, list[Node]] = defaultdict(list)
        self._by_host_name: dict[str, list[Node]] = defaultdict(list)
        self._by_address: dict[str, list[Node]] = defaultdict(list)
        for node in nodes:
            if node.provider_id:
                self._by_provider_id[node.provider_id].append(node)
                continue
            self._by_label[node.machine].append(node)
            self._by_name[node.name].append(node)
            for name in _host_names(node.host_names):
                self._by_host_name[name].append(node)
            # A host may be reached by a DNS name, and a Node named after its address.
            for address in _comparable((*node.addresses, *node.host_names)):
                self._by_address[address].append(node)

    def candidates(self, owner: NodeOwner) -> list[Node]:
        """The Nodes at the first level that has any, by name."""
        levels = (
            (self._by_provider_id, [owner.provider_id]),
            (self._by_label, [owner.machine]),
            (self._by_name, [owner.machine]),
            (self._by_host_name, _host_names([owner.host_name])),
            (self._by_address, _comparable(owner.addresses)),
        )
        for index, keys in levels:
            nodes = {node.name: node for key in keys for node in index.get(key, ())}
            mine = [node for node in nodes.values() if node.provider_id or node.machine in {"", owner.machine}]
            if mine:
                return sorted(mine, key=attrgetter("name"))
        return []


def _host_names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(same_address, names)) - NO_NAMES


def _comparable(addresses: Iterable[str]) -> frozenset[str]:
    """The addresses that tell one host from another, each in one form."""
    return frozenset(filter(None, map(_telling, addresses)))


def _telling(address: str) -> str:
    """Empty for what every host has."""
    try:
        parsed = ipaddress.ip_address(same_address(address.partition("%")[0]))
    except ValueError:
        name = same_address(address)
        return "" if name in NO_NAMES else name
    if parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast:
        return ""
    return str(parsed)
