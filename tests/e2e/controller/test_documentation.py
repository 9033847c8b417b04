"""Every example of the reference's documentation, applied as it stands but for the hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import INFRASTRUCTURE, Site
from tests.e2e.support import count, counted
from tests.hosts import Host
from tests.hosts.fixtures import bring_up

DOCUMENTATION = Path(__file__).resolve().parents[2] / "cases" / "manifests" / "documentation.yaml"
ADDRESSES = ("1.2.3.4", "2.3.4.5", "3.4.5.6", "4.5.6.7")
KEYS = ("footloose-key", "footloose-key-1", "my-user-key")
SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n"
FILES = [
    {"path": "/etc/systemd/system/custom-service.service", "content": SERVICE},
    {
        "path": "/custom-cleanup-script.sh",
        "content": "#!/bin/bash\necho ran >> /var/tmp/count.script\n",
        "permissions": "0755",
    },
    {"path": "/opt/custom-data/file", "content": "x"},
    # The one host has no etcd to leave: it stands for a k0s whose commands all do what they should.
    {"path": "/usr/local/bin/k0s", "content": '#!/bin/sh\necho "$@" >> /var/tmp/k0s-calls\n', "permissions": "0755"},
]


@pytest.fixture
def four_hosts() -> Iterator[list[Host]]:
    with bring_up(4) as hosts:
        yield list(hosts)


def _machine(site: Site, name: str) -> None:
    """The Machine that an example leaves out. With a bootstrap Secret, as any provider would make it."""
    reference = {"apiGroup": INFRASTRUCTURE, "kind": "RemoteMachine", "name": name}
    spec = {"clusterName": "remote-test", "bootstrap": {"dataSecretName": "data"}, "infrastructureRef": reference}
    site.create("Machine", name, spec)


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_the_examples_end_as_provisioned_machines(
    site: Site, controller: ControllerProcess, four_hosts: list[Host], version: str
) -> None:
    text = DOCUMENTATION.read_text().replace("namespace: default", f"namespace: {site.namespace}")
    text = text.replace(f"{INFRASTRUCTURE}/v1beta1", f"{INFRASTRUCTURE}/{version}")
    for address, host in zip(ADDRESSES, four_hosts, strict=True):
        text = text.replace(address, host.address)
    text = text.replace("my-user\n", f"{four_hosts[2].sudo_user}\n")
    for key in KEYS:
        site.secret(key, {"value": Path(four_hosts[0].key_file).read_bytes()})
    start = "systemctl daemon-reload && systemctl start custom-service"
    site.data(files=FILES, commands=[counted("bootstrap"), start])
    site.plane.apply(text)
    # What k0smotron's other providers would tell.
    created = {"dataSecretName": "data", "initialization": {"dataSecretCreated": True}}
    site.patch("K0sWorkerConfig", "remote-test-0", {"status": created}, "status")
    for name in ("remote-test-2", "remote-test-3"):
        _machine(site, name)
    template = site.get("RemoteMachineTemplate", "remote-test-template")["spec"]["template"]["spec"]
    site.create("RemoteMachine", "remote-test-1", template)
    _machine(site, "remote-test-1")

    names = [f"remote-test-{number}" for number in range(4)]
    for name, host in zip(names, four_hosts, strict=True):
        assert site.provisioned(name)["spec"]["providerID"] == f"remote-machine://{host.address}:22"
        assert count(host, "bootstrap") == 1
    # As the reference's clients read it.
    old = site.plane.request("GET", site.path("RemoteMachine", "remote-test-0").replace("v1beta2", "v1beta1"))
    assert old["status"]["ready"] is True

    site.delete("Machine", "remote-test-3")
    site.gone("Machine", "remote-test-3")
    calls = four_hosts[3].ssh("cat /var/tmp/k0s-calls").stdout.splitlines()
    assert calls == ["etcd leave", "stop", "reset"]
    assert count(four_hosts[3], "script") == 1
    assert four_hosts[3].ssh("test -e /opt/custom-data || systemctl is-active custom-service").returncode != 0
    for name in names[:3]:
        site.delete("Machine", name)
    for name in names[:3]:
        site.gone("Machine", name)
    site.all_available()
    assert site.all("RemoteMachine") == []
