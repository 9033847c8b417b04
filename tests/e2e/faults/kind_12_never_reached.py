"""Where no host was ever reached, nothing has to be cleaned."""

from __future__ import annotations

from typing import Any

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site
from tests.e2e.faults.cases import scenario
from tests.hosts import Host


@scenario("mistyped address")
def mistyped_address(case: dict[str, Any], site: Site, host: Host, controller: ControllerProcess) -> None:
    site.keys([host])
    site.cluster()
    site.data()
    site.machine("m", {"address": case["given"]["address"], "sshKeyRef": {"name": "key"}})
    site.waits("m", "Unreachable")
    site.delete("Machine", "m")
    site.gone("RemoteMachine", "m", 30)
    assert "no host was ever reached" in _told(site, "NeverReached")


def _told(site: Site, reason: str) -> str:
    """The message of the event."""
    found = [one["message"] for one in site.all("Event") if one["reason"] == reason]
    assert len(found) == 1, f"{reason}: {len(found)} events, not one"
    return str(found[0])
