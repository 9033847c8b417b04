"""Kind 25: login scripts that print or read."""

from __future__ import annotations

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host


@scenario("an rc file without a final newline")
def an_rc_file_without_a_final_newline(host: Host, capra: Capra) -> None:
    host.ssh("usermod -s /bin/bash ops", check=True)  # bash alone reads ~/.bashrc for a command
    for place in ("/root", "/home/ops"):
        host.ssh(f"printf '\\nprintf hello; printf hello >&2\\n' > {place}/.bashrc", check=True)
    for user in ("root", "ops"):
        manifest = capra.manifests(machine(host, user=user), key_secret(host))
        [report] = capra.json("preflight", "-f", manifest)
        assert report["outcome"] == "Finished"
