"""Kind 23: what Jinja acts on comes out as cloud-init has it; what cannot be rendered reaches no host."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host

SENTINEL = "runcmd: [mkdir -p /run/cluster-api && touch /run/cluster-api/bootstrap-success.complete]"


@scenario("raw block")
def raw_block(host: Host, capra: Capra, case: dict[str, Any]) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data("\n".join([case["given"], SENTINEL]).encode())
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert host.ssh("cat /etc/app.tmpl").stdout == "{{ .Values.x }}"
