"""Kind 4: a step that reboots is repeated without bound."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host

TRIES = 4


@scenario("a step that reboots")
def a_step_that_reboots(case: dict[str, Any], host: Host, capra: Capra) -> None:
    commands = [f"echo ran >> /var/tmp/ran; {command}" for command in case["given"]["cleanUpCommands"]]
    manifest = capra.manifests(machine(host, cleanUpCommands=commands), key_secret(host))
    boots = {host.boot_id()}

    messages = []
    for _ in range(TRIES):
        [report] = capra.json("cleanup", "-f", manifest, code=1)
        host.wait_ready()
        boots.add(host.boot_id())
        messages.append(report["message"])

    assert len(boots) <= 3
    assert host.ssh("cat /var/tmp/ran").stdout == "ran\nran\n"
    assert "(cleanUpCommands[0]: echo ran" in messages[-1]
    assert "reboots the host" in messages[-1]
    assert "shutdown -r +1" in messages[-1]
