"""Kind 14: links and predictable names in others' directories."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host

SWAPPER = """
cd /home/ops
while [ ! -e end ]; do
    for NAME in app.conf .capra.*; do
        mv -T "$NAME" away && ln -s /etc/profile "$NAME" && echo x >>swapped
        rm -f "$NAME"
        mv -T away "$NAME" || rm -rf away
    done
done 2>/dev/null
"""


@scenario("planted link")
def planted_link(case: dict[str, Any], host: Host, capra: Capra) -> None:
    """The user swaps all the time; bootstrap and cleanup may fail meanwhile, and end when the user stops."""
    manifest = capra.manifests(machine(host), key_secret(host))
    files = [{**case["given"]["write_files"][0], "owner": "ops", "permissions": "0666"}]
    data = capra.data(cloud_config(files))
    victim = "stat -c '%a %u %g %i' /etc/profile; sha256sum /etc/profile"
    before = host.ssh(victim).stdout
    host.ssh("echo own >/home/ops/app.conf", user="ops", check=True)
    host.ssh(f"cat >swapper <<'END'\n{SWAPPER}END\nnohup sh swapper >/dev/null 2>&1 &", user="ops", check=True)
    outcomes = set()
    for _ in range(3):
        for command in (("bootstrap", "-f", manifest, "--bootstrap-data", data), ("cleanup", "-f", manifest)):
            process = capra.start(*command)
            process.communicate(timeout=120)
            outcomes.add(process.returncode)
            assert host.ssh(victim).stdout == before
    assert outcomes <= {0, 1}
    host.ssh("touch /home/ops/end; sleep 0.2", user="ops", check=True)
    assert int(host.ssh("wc -l </home/ops/swapped").stdout) > 20, "nothing was swapped"
    host.ssh("rm -rf /home/ops/app.conf && ln -s /etc/profile /home/ops/app.conf", user="ops", check=True)
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    process = capra.start("cleanup", "-f", manifest)
    told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert host.ssh(victim).stdout == before
