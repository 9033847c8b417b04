"""Preflight on a real host whose places cannot be used, and whose account ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.faults.kind_27_places import findings
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host
from tests.hosts.fixtures import bring_up


@pytest.fixture(scope="module")
def shared() -> Iterator[Host]:
    """One host for all; each test puts back what it changes."""
    with bring_up(1) as hosts:
        yield hosts[0]


def full(place: str, options: str) -> str:
    return f"mount -t tmpfs -o {options} full {place}; head -c 2000000 /dev/zero > {place}/zeros 2>/dev/null; true"


INODES = "for n in $(seq 40); do : > /tmp/$n; done 2>/dev/null; true"
CASES = {
    "read-only /etc": (
        "mount --bind /etc /etc && mount -o remount,bind,ro /etc",
        "umount /etc",
        "place /etc",
        "error",
        "read-only",
    ),
    "noexec /usr/local/bin": (
        "mount --bind /usr/local/bin /usr/local/bin && mount -o remount,bind,noexec /usr/local/bin",
        "umount /usr/local/bin",
        "place /usr/local/bin",
        "warning",
        "noexec",
    ),
    "full /var/lib": (full("/var/lib", "size=1m"), "umount /var/lib", "place of the journal", "error", "0 MiB free"),
    "no inodes in /tmp": (
        f"mount -t tmpfs -o size=200m,nr_inodes=20 few /tmp; {INODES}",
        "umount /tmp",
        "place /tmp",
        "error",
        "0 of 20 inodes free",
    ),
    "an account that ends": (
        "chage -E $(date -d '+5 days' +%F) ops",
        "chage -E -1 ops",
        "account",
        "warning",
        "expires in 5 days",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_in_the_way_is_named(name: str, shared: Host, capra: Capra) -> None:
    spoil, mend, where, level, words = CASES[name]
    manifest = capra.manifests(machine(shared, user="ops"), key_secret(shared))
    shared.ssh(spoil, check=True)
    try:
        done = capra.json("preflight", "-f", manifest, code=1 if level == "error" else 0)
    finally:
        shared.ssh(mend, check=True)
    found = findings(done[0])[where]
    assert (found["level"], words in found["message"]) == (level, True), found
    assert found["advice"]


def test_what_could_not_be_looked_at_is_said(shared: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(shared, user="ops", useSudo=False), key_secret(shared))
    [report] = capra.json("preflight", "-f", manifest)
    found = findings(report)["account"]
    assert found["value"] == "unknown"
    assert "only root may read /etc/shadow" in found["message"]
