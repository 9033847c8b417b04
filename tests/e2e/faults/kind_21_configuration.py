"""Kind 21: the caller's own OpenSSH configuration, of which only the way to a host counts."""

from __future__ import annotations

import time
from pathlib import Path

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine
from tests.hosts import Host


@scenario("a terminal by configuration")
def a_terminal_by_configuration(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("once", "test ! -t 0")]))
    took: list[float] = []
    for configuration in ("", "RequestTTY force\n"):
        other = Capra(capra.directory / f"caller{len(took)}", ssh_configuration=configuration)
        other.directory.mkdir()
        began = time.monotonic()
        [report] = other.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
        took.append(time.monotonic() - began)
        assert report["outcome"] == "Finished"
        other.json("cleanup", "-f", manifest)
    assert count(host, "once") == 2
    assert took[1] < took[0] + 10  # a terminal makes it hang until a time limit
    assert not Path(capra.directory / "caller1" / "home" / ".ssh" / "known_hosts").exists()
