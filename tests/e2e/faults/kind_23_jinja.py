"""Kind 23: what Jinja would render is refused with its line, and nothing reaches the host."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host


@scenario("raw block")
def raw_block(host: Host, capra: Capra, case: dict[str, Any]) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(case["given"].encode())
    done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=2)
    assert "line 3 (`{%`)" in done.stdout + done.stderr
    assert host.ssh("ls -d /etc/app.tmpl /var/lib/capra 2>/dev/null | wc -l").stdout.strip() == "0"
