"""One bridge for a group of hosts, one network namespace and one veth pair for each host."""

from __future__ import annotations

import ipaddress
import json
import secrets
from pathlib import Path

from .errors import HostError
from .process import run

NOBODY = "02:00:00:00:00:01"
"""A hardware address that no host has."""


def bridge(group: str) -> str:
    """Name of the group's bridge (interface names have at most 15 characters)."""
    return f"cap{group}"


def namespace(group: str, index: int) -> str:
    return f"capra-{group}-{index}"


def veth(group: str, index: int) -> str:
    """Name of the bridge's end of a host's veth pair."""
    return f"cap{group}v{index}"


def free_subnet() -> ipaddress.IPv4Network:
    """A /23 of 10.0.0.0/8 (509 hosts) that no route of this machine touches."""
    routes = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all").stdout or "[]")
    taken = [
        ipaddress.ip_network(route["dst"], strict=False) for route in routes if route.get("dst", "default")[0].isdigit()
    ]
    for _ in range(1000):
        candidate = ipaddress.IPv4Network((0x0A000000 + (secrets.randbelow(1 << 15) << 9), 23))
        if candidate.network_address.packed[1] >= 16 and not any(candidate.overlaps(t) for t in taken):
            return candidate
    raise HostError("no free /23 in 10.0.0.0/8")


def address(subnet: ipaddress.IPv4Network, index: int) -> str:
    """Address of host `index` (from 0); the bridge has the first one."""
    return str(subnet.network_address + 2 + index)


def silence(group: str, address: str) -> None:
    """What is sent to this address of the group's network is never answered, and no error says so. Without a fixed
    hardware address, the kernel would tell after 3 s that there is no such host."""
    run("ip", "neigh", "replace", address, "lladdr", NOBODY, "dev", bridge(group), "nud", "permanent")


def create(group: str, subnet: ipaddress.IPv4Network, count: int) -> None:
    """The bridge with its address, and `count` namespaces with `eth0` on it."""
    name = bridge(group)
    lines = [
        f"link add {name} type bridge forward_delay 0",
        f"addr add {subnet.network_address + 1}/{subnet.prefixlen} dev {name}",
        f"link set {name} up",
    ]
    for index in range(count):
        run("ip", "netns", "add", namespace(group, index))
        lines += [
            f"link add {veth(group, index)} type veth peer name eth0 netns {namespace(group, index)}",
            f"link set {veth(group, index)} master {name} up",
        ]
    run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")
    for index in range(count):
        inside = [
            "link set lo up",
            f"addr add {address(subnet, index)}/{subnet.prefixlen} dev eth0",
            "link set eth0 up",
        ]
        run("ip", "-netns", namespace(group, index), "-batch", "-", stdin="\n".join(inside) + "\n")


def remove(group: str, count: int) -> None:
    """Remove all that `create` made, or as much of it as there is."""
    for index in range(count):
        if Path("/sys/class/net", veth(group, index)).exists():
            run("ip", "link", "delete", veth(group, index), check=False)
        if Path("/run/netns", namespace(group, index)).exists():
            run("ip", "netns", "delete", namespace(group, index), check=False)
    if Path("/sys/class/net", bridge(group)).exists():
        run("ip", "link", "delete", bridge(group))


def put_behind(group: str, index: int, bastion: int) -> str:
    """Take a host off the group's bridge and connect it with another host alone, which passes no packets on. Gives its
    new address: whoever wants to get there logs in to the other host first."""
    mine, other = namespace(group, index), namespace(group, bastion)
    outer, inner = f"198.18.{index}.1", f"198.18.{index}.2"
    run("ip", "link", "delete", veth(group, index))
    run("ip", "-netns", other, "link", "add", f"to{index}", "type", "veth", "peer", "name", "eth0", "netns", mine)
    for name, link, address_ in ((other, f"to{index}", outer), (mine, "eth0", inner)):
        lines = [f"addr add {address_}/30 dev {link}", f"link set {link} up"]
        run("ip", "-netns", name, "-batch", "-", stdin="\n".join(lines) + "\n")
    return inner
