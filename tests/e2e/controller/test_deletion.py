"""Deleting in every state: it ends, cleans what needs cleaning, and frees the entry of the pool."""

from __future__ import annotations

import contextlib
import urllib.error
from collections.abc import Callable

import pytest

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site
from tests.e2e.support import count, counted
from tests.hosts import Host

Reach = Callable[[Site, Host, ControllerProcess], None]
CLEAN_UP = [counted("clean")]


def _machine(site: Site, data: str = "data") -> None:
    site.machine("m", {"pool": "p"}, data=data)


def waiting(site: Site, host: Host, controller: ControllerProcess) -> None:
    _machine(site, data="not-there-yet")
    site.waits("m", "WaitingForBootstrapData")


def waiting_for_an_entry(site: Site, host: Host, controller: ControllerProcess) -> None:
    site.machine("other", {"pool": "p"})
    site.provisioned("other")
    _machine(site)
    site.waits("m", "PoolExhausted")


def reserving(site: Site, host: Host, controller: ControllerProcess) -> None:
    """The entry is held, and nothing else was done: the controller died in between."""
    controller.kill()
    _machine(site)
    raw = site.until("the RemoteMachine is owned", lambda: _owned(site))
    finalizers = {"finalizers": ["remotemachine.k0smotron.io/finalizer"]}
    site.patch("RemoteMachine", "m", {"metadata": finalizers})
    entry = site.get("PooledRemoteMachine", host.name)
    holder = f"m/{raw['metadata']['uid']}/{entry['metadata']['uid']}"
    site.annotate("PooledRemoteMachine", host.name, **{"capra.infrastructure.cluster.x-k8s.io/holder": holder})
    site.delete("Machine", "m")
    # Cluster API passes the deletion on when it gets to it. A controller that came first would bootstrap the machine.
    site.until("the RemoteMachine is being deleted", lambda: _deleted(site))
    controller.start()


def _owned(site: Site) -> dict[str, dict[str, str]] | None:
    raw = site.get("RemoteMachine", "m")
    return raw if raw["metadata"].get("ownerReferences") else None


def _deleted(site: Site) -> bool:
    return bool(site.get("RemoteMachine", "m")["metadata"].get("deletionTimestamp"))


def in_the_middle_of_a_command(site: Site, host: Host, controller: ControllerProcess) -> None:
    site.data("slow", commands=[counted("slow", "sleep 60"), counted("after")])
    _machine(site, data="slow")
    site.until("the command runs", lambda: count(host, "slow") == 1)


def failed(site: Site, host: Host, controller: ControllerProcess) -> None:
    site.data("bad", commands=[counted("bad", "exit 7")])
    _machine(site, data="bad")
    site.waits("m", "StepFailed")


def provisioned(site: Site, host: Host, controller: ControllerProcess) -> None:
    _machine(site)
    site.provisioned("m")


def without_its_bootstrap_secret(site: Site, host: Host, controller: ControllerProcess) -> None:
    provisioned(site, host, controller)
    site.delete("Secret", "data")


def without_its_cluster(site: Site, host: Host, controller: ControllerProcess) -> None:
    """The Cluster's deletion takes the Machine along."""
    provisioned(site, host, controller)
    site.delete("Cluster", "c")


def without_its_machine(site: Site, host: Host, controller: ControllerProcess) -> None:
    provisioned(site, host, controller)
    site.delete("Machine", "m")
    with contextlib.suppress(urllib.error.HTTPError):  # it may be gone already
        site.patch("Machine", "m", {"metadata": {"finalizers": None}})
    site.gone("Machine", "m")
    site.delete("RemoteMachine", "m")


@pytest.mark.parametrize(
    ("reach", "cleanups"),
    [
        (waiting, 0),
        (waiting_for_an_entry, 0),
        (reserving, 0),
        (in_the_middle_of_a_command, 1),
        (failed, 1),
        (provisioned, 1),
        (without_its_bootstrap_secret, 1),
        (without_its_cluster, 1),
        (without_its_machine, 1),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_deleted(site: Site, controller: ControllerProcess, host: Host, reach: Reach, cleanups: int) -> None:
    site.keys([host])
    site.data(commands=[counted("bootstrap")])
    site.entry(host, cleanUpCommands=CLEAN_UP)
    site.cluster()
    reach(site, host, controller)
    site.delete("Machine", "m")
    # Less than the 60 s of the command that is under way.
    site.gone("RemoteMachine", "m", 45)
    site.gone("Machine", "m")
    assert count(host, "clean") == cleanups
    assert count(host, "after") == 0
    if site.get("RemoteMachine", "other") is None:
        site.all_available()
    assert host.ssh("pgrep -x sleep").returncode != 0
