"""Kind 11: changed data runs finished steps again, in silence."""

from __future__ import annotations

from typing import Any

import yaml

from tests.e2e.faults.cases import scenario
from tests.e2e.support import SENTINEL, Capra, key_secret, machine
from tests.hosts import Host


@scenario("mended data")
def mended_data(case: dict[str, Any], host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    first = case["given"]["runcmd"][0]

    def bootstrap(commands: list[str], *more: str, code: int = 0) -> str:
        data = capra.data(b"#cloud-config\n" + yaml.safe_dump({"runcmd": commands}).encode())
        done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, *more, code=code)
        return done.stdout + done.stderr

    bootstrap(case["given"]["runcmd"], code=1)
    said = bootstrap([first, SENTINEL])

    assert "Finished" in said
    assert "step 1/3 run runcmd[0]: echo …: unchanged" in said, said
    assert "bootstrap data has changed: goes on at step 2; step 1 is unchanged" in " ".join(said.split())
    assert host.ssh("cat /root/ran").stdout == "ran\n"
