"""Which Node of a workload cluster belongs to which Machine. Pure.

The rule is the reference's (reference/contract A: name, label or address), with the host's own name added, and with one
change: a Node that could be a wrong one is nobody's (reference/peers 4).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from capra.model.checks import same_address

NO_NAMES = frozenset({"", "localhost", "localhost.localdomain", "localhost4", "localhost6"})


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
class Claim:
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


def match(claims: Sequence[Claim], nodes: Iterable[Node]) -> Matching:
    """The Node of each Machine. claims: of different Machines. Never one Node for two, never one that has another
    provider ID."""
    known = tuple(nodes)
    choices = {claim.machine: _candidates(claim, known) for claim in claims}
    claimed = Counter(names[0].name for names in choices.values() if len(names) == 1)
    settled, found, problems = set(), {}, {}
    for claim in claims:
        candidates = choices[claim.machine]
        if not candidates:
            continue
        node = candidates[0]
        if len(candidates) > 1:
            names = ", ".join(sorted(one.name for one in candidates))
            problems[claim.machine] = f"any of the Nodes {names} could be its own"
        elif claimed[node.name] > 1:
            others = sorted(name for name, nodes in choices.items() if nodes == [node] and name != claim.machine)
            problems[claim.machine] = f"Node {node.name} could also be that of Machine {', '.join(others)}"
        elif node.provider_id:
            settled.add(claim.machine)
        else:
            found[claim.machine] = node
    return Matching(frozenset(settled), found, problems)


def _candidates(claim: Claim, nodes: Sequence[Node]) -> list[Node]:
    """The Nodes at the first level that has any."""
    having = [node for node in nodes if node.provider_id and node.provider_id == claim.provider_id]
    if having:
        return having
    free = [node for node in nodes if not node.provider_id and node.machine in {"", claim.machine}]
    for level in LEVELS:
        if candidates := [node for node in free if level(claim, node)]:
            return candidates
    return []


def _by_label(claim: Claim, node: Node) -> bool:
    return node.machine == claim.machine


def _by_name(claim: Claim, node: Node) -> bool:
    return node.name == claim.machine


def _by_host_name(claim: Claim, node: Node) -> bool:
    name = same_address(claim.host_name)
    return name not in NO_NAMES and name in map(same_address, node.host_names)


def _by_address(claim: Claim, node: Node) -> bool:
    """A host may be called by its address, and a Node by the DNS name that is the address of its RemoteMachine."""
    return not _comparable(claim.addresses).isdisjoint(_comparable((*node.addresses, *node.host_names)))


LEVELS: tuple[Callable[[Claim, Node], bool], ...] = (_by_label, _by_name, _by_host_name, _by_address)


def _comparable(addresses: Iterable[str]) -> frozenset[str]:
    """The addresses that tell one host from another, each in one form."""
    return frozenset(filter(None, map(_telling, addresses)))


def _telling(address: str) -> str:
    """Empty for what every host has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        name = same_address(address)
        return "" if name in NO_NAMES else name
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast:
        return ""
    return same_address(str(parsed))
