"""Two terminals with one host: what one remembers of it says nothing of what the other has done since."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host

TOKEN = {"path": "/etc/k0s.token", "permissions": "0600", "content": "token"}
LEFT = "ls -d /etc/k0s.token /var/lib/capra /run/cluster-api/bootstrap-success.complete 2>/dev/null"


def _colleague(tmp_path: Path) -> Capra:
    directory = tmp_path / "colleague"
    directory.mkdir()
    return Capra(directory)


def test_a_cleanup_asks_the_host_whatever_is_remembered(host: Host, capra: Capra, tmp_path: Path) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    bootstrap = ("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config([TOKEN])))
    cleanup = ("cleanup", "-f", manifest)
    capra.json(*bootstrap)
    capra.json(*cleanup)
    _colleague(tmp_path).json(*bootstrap)

    [report] = capra.json(*cleanup)

    assert (report["outcome"], report["changed"]) == ("Finished", True)
    assert host.ssh(LEFT).stdout == ""
    [report] = capra.json(*cleanup)
    assert (report["decision"], report["outcome"], report["changed"]) == ("Cleanup", "Finished", False)
    assert report["message"] == "nothing to clean"


def test_a_machine_made_anew_under_its_name_does_not_clean_its_predecessors_host(host: Host, capra: Capra) -> None:
    def manifest(uid: str) -> Path:
        document = machine(host)
        document["metadata"]["uid"] = uid
        return capra.manifests(document, key_secret(host), name=f"{uid}.yaml")

    data = ("--bootstrap-data", capra.data(cloud_config([TOKEN])))
    capra.json("bootstrap", "-f", manifest("uid-1"), *data)

    for command in (("bootstrap", *data), ("cleanup",)):
        [report] = capra.json(*command, "-f", manifest("uid-2"), code=1)
        assert (report["outcome"], "UID uid-1" in report["message"]) == ("HostClaimed", True)
    assert host.ssh("cat /etc/k0s.token").stdout == "token"

    capra.json("cleanup", "-f", manifest("uid-1"))
    assert host.ssh(LEFT).stdout == ""


def test_another_port_is_the_same_host(host: Host, capra: Capra, tmp_path: Path) -> None:
    other = _colleague(tmp_path)
    manifests = []
    for person, name, port in ((capra, "one", host.port), (other, "two", 2222)):
        document = machine(host, port=port)
        document["metadata"] |= {"name": name, "uid": f"uid-of-{name}"}
        manifests.append(person.manifests(document, key_secret(host)))
    data = ("--bootstrap-data", capra.data(cloud_config([TOKEN])))
    host.ssh("$(command -v sshd || echo /usr/sbin/sshd) -p 2222 -o PidFile=/run/sshd-2222.pid", check=True)
    try:
        capra.json("bootstrap", "-f", manifests[0], *data)
        for command in (("bootstrap", *data), ("cleanup",)):
            [report] = other.json(*command, "-f", manifests[1], code=1)
            assert (report["outcome"], "default/one" in report["message"]) == ("HostClaimed", True)
        assert host.ssh("cat /etc/k0s.token").stdout == "token"
        capra.json("cleanup", "-f", manifests[0])
        for command in (("cleanup",), ("bootstrap", *data), ("cleanup",)):
            [report] = other.json(*command, "-f", manifests[1])
            assert report["outcome"] == "Finished"
    finally:
        host.ssh("kill $(cat /run/sshd-2222.pid)", check=True)
