"""What is changed in an entry counts for the machine that has it, also while that is deleted."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site
from tests.e2e.faults.cases import scenario
from tests.e2e.support import counted
from tests.hosts import Host


@scenario("rotated key of a pool entry")
def rotated_key(site: Site, host: Host, controller: ControllerProcess, tmp_path: Path) -> None:
    site.keys([host])
    site.cluster()
    site.data(commands=[counted("once")])
    site.entry(host, cleanUpCommands=[counted("clean")])
    site.machine("m", {"pool": "p"})
    site.provisioned("m")
    provider_id = site.get("RemoteMachine", "m")["spec"]["providerID"]
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "new"], check=True)
    site.secret("new-key", {"value": (tmp_path / "new").read_bytes()})
    site.patch("PooledRemoteMachine", host.name, {"spec": {"machine": {"sshKeyRef": {"name": "new-key"}}}})
    site.until("the machine follows", lambda: _key(site) == "new-key")
    site.until("its event is there", lambda: "EntryFollowed" in site.events("m"))
    # From outside: nobody needs the old key any more.
    keys = host.path("/etc/ssh/authorized_keys")
    keys.write_text((tmp_path / "new.pub").read_text())
    site.delete("Machine", "m")
    site.gone("RemoteMachine", "m")
    site.all_available()
    assert host.path("/var/tmp/count.clean").read_text() == "ran\n"
    assert provider_id == f"remote-machine://{host.address}:{host.port}"


def _key(site: Site) -> str:
    return str(site.get("RemoteMachine", "m")["spec"]["sshKeyRef"]["name"])
