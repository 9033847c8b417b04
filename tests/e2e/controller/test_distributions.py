"""One host of a pool becomes a node of one distribution after another, and a clean host in between."""

from __future__ import annotations

import pytest

from tests.e2e import distributions
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site
from tests.hosts import Host

NODES = {
    "K0sWorkerConfig": distributions.k0s(),
    "KubeadmConfig": distributions.kubeadm(),
    "RKE2Config": distributions.rancher("rke2"),
    "KThreesConfig": distributions.rancher("k3s"),
}
PLANTS = {
    "process kubelet": (
        "cp /bin/sleep /usr/local/bin/kubelet; setsid kubelet 600 </dev/null >/dev/null 2>&1 &",
        "pkill -x kubelet",
    ),
    "mount /var/lib/kubelet/pods/2": (
        "mkdir -p /var/lib/kubelet/pods/2; mount -t tmpfs none /var/lib/kubelet/pods/2",
        "umount /var/lib/kubelet/pods/2",
    ),
    "chains KUBE-*": ("iptables -t nat -N KUBE-MARK-MASQ", "iptables -t nat -X KUBE-MARK-MASQ"),
    "directory /etc/kubernetes": (
        "mkdir -p /etc/kubernetes; touch /etc/kubernetes/admin.conf",
        "rm /etc/kubernetes/admin.conf",
    ),
    "interface flannel.1": ("ip link add flannel.1 type bridge", "ip link delete flannel.1"),
}


def _site(site: Site, host: Host, **entry: str) -> None:
    site.keys([host])
    site.cluster()
    site.entry(host, **entry)
    for kind, data in NODES.items():
        site.secret(kind.lower(), {"value": data, "format": b"cloud-config"})


def _life(site: Site, host: Host, name: str, kind: str) -> None:
    site.machine(name, {"pool": "p"}, data=kind.lower(), config=kind)
    site.provisioned(name)
    assert host.ssh("ls -d /etc/systemd/system/k0sworker.service /var/lib/kubelet 2>/dev/null").stdout != ""


@pytest.mark.parametrize("rounds", [2, pytest.param(5, marks=pytest.mark.nightly)])
def test_one_host_after_another_distribution(
    site: Site, controller: ControllerProcess, host: Host, rounds: int
) -> None:
    """None of their leftovers keeps the next one out, and nothing of the last one is left in the end."""
    _site(site, host, cleanUp="Default")
    for number in range(rounds):
        for kind in NODES:
            name = f"{kind.lower()}-{number}"
            _life(site, host, name, kind)
            site.delete("Machine", name)
            site.gone("Machine", name)
            site.all_available()
    left = (
        "find /etc/kubernetes /etc/rancher /var/lib/kubelet /var/lib/rancher /var/lib/k0s /var/lib/cni /var/lib/capra"
    )
    assert (
        host.ssh(f"{left} ! -type d 2>/dev/null; iptables-save | grep KUBE-; ip link show cni0 2>/dev/null").stdout
        == ""
    )


def test_a_leftover_is_named_and_keeps_the_host_out(site: Site, controller: ControllerProcess, host: Host) -> None:
    """Without a word of the user, nothing of a node of kubeadm's is removed, and the pool does not get it back."""
    _site(site, host)
    for number, (named, (plant, remove)) in enumerate(PLANTS.items()):
        name = f"m-{number}"
        site.machine(name, {"pool": "p"}, data="plain", config="KubeadmConfig")
        if number == 0:
            site.data("plain", commands=["true"])
        site.provisioned(name)
        host.ssh(plant, check=True)
        site.delete("Machine", name)
        site.gone("Machine", name)
        entry = site.until("the entry is quarantined", lambda: _quarantined(site, host))
        assert named in entry["status"]["message"], entry["status"]
        host.ssh(remove, check=True)
        # It is looked at again with a growing pause, and is clean.
        site.all_available()


def _quarantined(site: Site, host: Host) -> object:
    entry = site.get("PooledRemoteMachine", host.name)
    return entry if (entry.get("status") or {}).get("state") == "Quarantined" else None
