"""Kind 19: whatever a value looks like, it reaches the host as the text that it is."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host


@scenario("the command true")
def command_true(host: Host, capra: Capra, case: dict[str, Any]) -> None:
    manifest = capra.manifests(machine(host, cleanUpCommands=case["given"]["cleanUpCommands"]), key_secret(host))
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"
    assert host.ssh("cat /var/cleaned").stdout == "done\n"
