"""Twenty machines race for ten hosts, and the controller is killed again and again."""

from __future__ import annotations

import random
import time
from collections import Counter

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site
from tests.e2e.support import count, counted
from tests.hosts import Host

KILLS = 20
HOLDER = "capra.infrastructure.cluster.x-k8s.io/holder"
DIRTY = "/var/tmp/dirty"


def _holders(site: Site) -> dict[str, str]:
    found = {raw["metadata"]["name"]: raw["metadata"].get("annotations", {}) for raw in site.all("PooledRemoteMachine")}
    return {name: annotations[HOLDER].split("/")[0] for name, annotations in found.items() if annotations.get(HOLDER)}


def test_never_two_holders_and_no_command_twice(
    site: Site, controller: ControllerProcess, ten_hosts: list[Host]
) -> None:
    random.seed(20)
    site.keys(ten_hosts)
    first = f"test ! -e {DIRTY} && touch {DIRTY}"
    site.data(commands=[counted("first", first), counted("second", "sleep 1"), counted("third")])
    for host in ten_hosts:
        site.entry(host, cleanUpCommands=[f"rm {DIRTY}", counted("clean")])
    site.cluster()
    names = [f"m-{number}" for number in range(20)]
    for name in names:
        site.machine(name, {"pool": "p"})
    held: dict[str, set[str]] = {}
    for _ in range(KILLS):
        deadline = time.monotonic() + random.uniform(0.5, 5.0)
        while time.monotonic() < deadline:
            holders = _holders(site)
            assert max(Counter(holders.values()).values(), default=0) <= 1, holders
            for entry, machine in holders.items():
                held.setdefault(entry, set()).add(machine)
            time.sleep(0.1)
        controller.kill()
        controller.start(ready=False)
    winners = site.until("ten machines are provisioned", lambda: _provisioned(site, 10), 300)
    assert len(_holders(site)) == 10
    assert all(len(machines) == 1 for machines in held.values()), f"an entry had two holders: {held}"
    for host in ten_hosts:
        assert [count(host, name) for name in ("first", "second", "third")] == [1, 1, 1]
    losers = [name for name in names if name not in winners]
    for name in losers:
        site.waits(name, "PoolExhausted")

    # The hosts of those that go are cleaned, once, and handed on.
    for name in winners:
        site.delete("Machine", name)
    for _ in range(3):
        time.sleep(random.uniform(1.0, 4.0))
        controller.kill()
        controller.start(ready=False)
    assert sorted(site.until("the others are provisioned", lambda: _provisioned(site, 10, winners), 300)) == sorted(
        losers
    )
    for host in ten_hosts:
        assert [count(host, name) for name in ("first", "second", "third", "clean")] == [2, 2, 2, 1]


def _provisioned(site: Site, number: int, but: list[str] | None = None) -> list[str]:
    """The provisioned machines, when there are so many."""
    found = [
        raw["metadata"]["name"]
        for raw in site.all("RemoteMachine")
        if (raw.get("status") or {}).get("ready") and raw["metadata"]["name"] not in (but or ())
    ]
    return found if len(found) == number else []
