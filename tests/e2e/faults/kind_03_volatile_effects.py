"""Kind 3: a step's end taken as lasting although its effect died with the boot."""

from __future__ import annotations

from typing import Any

import yaml

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host


@scenario("join configuration below /run")
def join_configuration_below_run(case: dict[str, Any], host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    given = case["given"]
    # The sentinel's directory is the bootstrap provider's to make.
    given["runcmd"] = ["mkdir -p /run/cluster-api", *given["runcmd"]]
    data = capra.data(b"#cloud-config\n" + yaml.safe_dump(given).encode())

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    assert report["outcome"] == "StepFailed"
    host.reboot()
    assert host.ssh("test -e /run/kubeadm/join.yaml").returncode != 0
    host.ssh("touch /var/ready", check=True)
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert report["outcome"] == "Finished"
    assert "took what steps 1 to 2 had made" in report["message"]
    assert host.ssh("cat /var/joined").stdout == "token: t"
    assert host.ssh("stat -c %a /run/kubeadm/join.yaml").stdout.strip() == "600"
