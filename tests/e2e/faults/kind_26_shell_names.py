"""Kind 26: shell functions share global names."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host


@scenario("killed by a signal")
def killed_by_a_signal(case: dict[str, Any], host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=case["given"]["runcmd"]))

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)

    assert report["outcome"] == "StepFailed"
    assert report["message"].startswith("step 1 of 3 failed: run runcmd[0]: ")
    assert "(exit status 137, killed by signal 9)" in report["message"]
    assert (report["steps"][0]["state"], report["steps"][0]["rc"]) == ("failed", 137)
    ends = host.ssh("grep '^end' /var/lib/capra/bootstrap-*/journal; ls /var/lib/capra/bootstrap-*").stdout
    assert ends.count("end ") == 1
    assert "end 0 137 " in ends
    assert ".command" not in ends
