"""A host is clean when nothing of any Kubernetes distribution is left on it that was not there before the bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host, Hosts
from tests.hosts.fixtures import bring_up


@dataclass(frozen=True)
class Leftover:
    """Something that a distribution leaves. told: how it is named. runs: it is more than a file."""

    name: str
    plant: str
    remove: str
    told: str
    runs: bool = False


SHIM = "/usr/local/bin/containerd-shim-runc-v2"
OWN_CONTAINERD = "/var/lib/rancher/rke2/data/v1/bin/containerd"
UNIT = r"[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=60\n"
LEFTOVERS = [
    Leftover(
        "a running kubelet",
        "cp /bin/sleep /usr/local/bin/kubelet; setsid kubelet 600 </dev/null >/dev/null 2>&1 &",
        "pkill -x kubelet; rm /usr/local/bin/kubelet",
        "process kubelet",
        runs=True,
    ),
    Leftover(
        "a container",
        rf"printf '#!/bin/sh\nsleep 600\n:\n' >{SHIM}; chmod +x {SHIM};"
        f" setsid {SHIM} -namespace k8s.io -id x </dev/null >/dev/null 2>&1 &",
        f"pkill -f 'v[2] -namespace'; rm {SHIM}",
        "process containerd-shim",
        runs=True,
    ),
    Leftover(
        "a program of its own",
        f"mkdir -p {OWN_CONTAINERD.rpartition('/')[0]}; cp /bin/sleep {OWN_CONTAINERD};"
        f" setsid {OWN_CONTAINERD} 600 </dev/null >/dev/null 2>&1 &",
        "pkill -x containerd; rm -r /var/lib/rancher",
        f"process {OWN_CONTAINERD}",
        runs=True,
    ),
    Leftover(
        "a service that is about to be started again",
        rf"printf '{UNIT}' >/etc/systemd/system/kubelet.service; systemctl daemon-reload; systemctl start kubelet",
        "systemctl stop kubelet; rm /etc/systemd/system/kubelet.service; systemctl daemon-reload",
        "service kubelet",
        runs=True,
    ),
    Leftover(
        "a mount",
        "mkdir -p /var/lib/kubelet/pods/x; mount -t tmpfs none /var/lib/kubelet/pods/x",
        "umount /var/lib/kubelet/pods/x; rm -r /var/lib/kubelet",
        "mount /var/lib/kubelet/pods/x",
        runs=True,
    ),
    Leftover(
        "a port",
        "mkdir -p /run/sshd; /usr/sbin/sshd -p 10250 -o PidFile=/run/other-sshd.pid",
        "kill $(cat /run/other-sshd.pid)",
        "port 10250",
        runs=True,
    ),
    Leftover(
        "kubeadm's configuration",
        "mkdir -p /etc/kubernetes/pki; touch /etc/kubernetes/admin.conf",
        "rm -r /etc/kubernetes",
        "directory /etc/kubernetes",
    ),
    Leftover(
        "data of K3s",
        "mkdir -p /var/lib/rancher/k3s/server/db; touch /var/lib/rancher/k3s/server/db/state.db",
        "rm -r /var/lib/rancher",
        "directory /var/lib/rancher",
    ),
    Leftover(
        "a service that starts at the next boot",
        "cd /etc/systemd/system; echo '[Service]' >k3s.service;"
        " ln -s ../k3s.service multi-user.target.wants/k3s.service",
        "rm /etc/systemd/system/k3s.service /etc/systemd/system/multi-user.target.wants/k3s.service",
        "file /etc/systemd/system/multi-user.target.wants/k3s.service",
    ),
    Leftover("an interface", "ip link add cni0 type bridge", "ip link delete cni0", "interface cni0"),
    Leftover("a chain", "iptables -t nat -N KUBE-SERVICES", "iptables -t nat -X KUBE-SERVICES", "chains KUBE-*"),
    Leftover(
        "what others may have as well",
        "mkdir -p /var/lib/cni/networks; touch /var/lib/cni/networks/192.0.2.2",
        "rm -r /var/lib/cni",
        "directory /var/lib/cni",
    ),
]
named = pytest.mark.parametrize("leftover", [pytest.param(one, id=one.name) for one in LEFTOVERS])


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """One host for all tests of this file: each leaves it clean."""
    with bring_up() as group:
        yield group


@pytest.fixture
def host(hosts: Hosts) -> Iterator[Host]:
    """That host, which a test that fails leaves to the next one as if nothing had been."""
    yield hosts[0]
    if hosts[0].ssh("ls -A /var/lib/capra 2>/dev/null").stdout:
        hosts[0].ssh("rm -rf /var/lib/capra; pkill -x kubelet")


def _bootstrapped(capra: Capra, host: Host, **spec: Any) -> Path:
    """The manifest of a machine that has been bootstrapped."""
    manifest = capra.manifests(machine(host, **spec), key_secret(host))
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config(commands=["true"])))
    return manifest


@named
def test_what_is_left_is_named_and_keeps_the_host(capra: Capra, host: Host, leftover: Leftover) -> None:
    manifest = _bootstrapped(capra, host, cleanUp="Verify")
    host.ssh(leftover.plant, check=True)
    try:
        [report] = capra.json("cleanup", "-f", manifest, code=1)
    finally:
        host.ssh(leftover.remove, check=True)
    assert report["outcome"] == "HostNotClean"
    assert report["message"].startswith("still on the host: ")
    assert leftover.told in report["message"]
    assert host.ssh("test -e /var/lib/capra/claim").returncode == 0, "the host is still the machine's"
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"
    assert host.ssh("ls -A /var/lib/capra 2>/dev/null").stdout == ""


@named
def test_after_commands_only_what_runs_counts(capra: Capra, host: Host, leftover: Leftover) -> None:
    manifest = _bootstrapped(capra, host, cleanUpCommands=["true"])
    host.ssh(leftover.plant, check=True)
    try:
        [report] = capra.json("cleanup", "-f", manifest, code=1 if leftover.runs else 0)
    finally:
        host.ssh(leftover.remove, check=True)
    assert leftover.told in report["message"]
    if leftover.runs:
        assert report["outcome"] == "HostNotClean"
        capra.run("cleanup", "-f", manifest)
    else:
        assert report["outcome"] == "Finished"
        assert "verify: warning: still on the host: " in report["message"]


def test_nobody_looks_where_nobody_is_asked_to(capra: Capra, host: Host) -> None:
    manifest = _bootstrapped(capra, host, cleanUp="None")
    host.ssh(LEFTOVERS[0].plant, check=True)
    try:
        [report] = capra.json("cleanup", "-f", manifest)
    finally:
        host.ssh(LEFTOVERS[0].remove, check=True)
    assert report["outcome"] == "Finished"
    assert host.ssh("ls -A /var/lib/capra 2>/dev/null").stdout == ""


def test_what_was_there_before_the_bootstrap_is_no_trace_of_it(capra: Capra, host: Host) -> None:
    there = [
        one for one in LEFTOVERS if one.name in ("kubeadm's configuration", "a port", "what others may have as well")
    ]
    for one in there:
        host.ssh(one.plant, check=True)
    try:
        # Another attempt, with other bootstrap data, finds what the first one has made: that was not there before.
        manifest = capra.manifests(machine(host, cleanUp="Verify"), key_secret(host))
        first = capra.data(cloud_config(commands=[LEFTOVERS[0].plant, "exit 3"]))
        capra.run("bootstrap", "-f", manifest, "--bootstrap-data", first, code=1)
        second = capra.data(cloud_config(commands=["true"]))
        capra.run("bootstrap", "-f", manifest, "--bootstrap-data", second)
        [report] = capra.json("cleanup", "-f", manifest, code=1)
        assert report["message"].splitlines()[0] == "still on the host: process kubelet"
        told = report["steps"][-1]["output"]
        assert all(one.told in told for one in there), told
        host.ssh(LEFTOVERS[0].remove, check=True)
        capra.run("cleanup", "-f", manifest)
    finally:
        for one in there:
            host.ssh(one.remove)


def test_what_others_may_have_does_not_count_where_nobody_knows_what_was_there(capra: Capra, host: Host) -> None:
    shared = next(one for one in LEFTOVERS if one.name == "what others may have as well")
    manifest = _bootstrapped(capra, host, cleanUp="Verify")
    host.ssh(f"rm /var/lib/capra/before; {shared.plant}", check=True)
    try:
        capra.run("cleanup", "-f", manifest)
    finally:
        host.ssh(shared.remove, check=True)


def test_what_ends_in_a_moment_is_waited_for(capra: Capra, host: Host) -> None:
    manifest = _bootstrapped(capra, host, cleanUp="Verify")
    host.ssh("cp /bin/sleep /usr/local/bin/kubelet; setsid kubelet 2 </dev/null >/dev/null 2>&1 &", check=True)
    capra.run("cleanup", "-f", manifest)
    host.ssh("rm /usr/local/bin/kubelet", check=True)


USERS_TRICKS = {
    "a name": "cp /bin/sleep /var/tmp/kubelet; setsid /var/tmp/kubelet 60 </dev/null >/dev/null 2>&1 &",
    "a port": "/usr/sbin/sshd -D -p 10250 -h /var/tmp/key -o PidFile=none </dev/null >/dev/null 2>&1 &",
    # GNU ls prints a newline in a link's target as it is.
    "a line in a list": "d=$(printf '/var/tmp/l\\nl /proc/1/exe -> /var/lib/k0s/'); mkdir -p \"$d\";"
    ' cp /bin/sleep "$d/s"; setsid "$d/s" 60 </dev/null >/dev/null 2>&1 &',
    "a setuid program": "ln -sf /usr/bin/su /var/tmp/kubelet;"
    " (sleep 60 | setsid /var/tmp/kubelet root) >/dev/null 2>&1 &",
}


@pytest.mark.parametrize("trick", list(USERS_TRICKS))
def test_a_user_cannot_keep_a_host_out_of_its_pool(capra: Capra, host: Host, trick: str) -> None:
    manifest = _bootstrapped(capra, host, cleanUp="Verify")
    host.ssh("rm -rf /var/tmp/kubelet /var/tmp/l*", check=True)
    if trick == "a port":
        host.ssh("ssh-keygen -q -t ed25519 -N '' -f /var/tmp/key <<<y >/dev/null; chown ops /var/tmp/key", check=True)
    host.ssh(USERS_TRICKS[trick], user="ops", check=True)
    try:
        capra.run("cleanup", "-f", manifest)
    finally:
        host.ssh("pkill -u ops; rm -rf /var/tmp/kubelet /var/tmp/l* /var/tmp/key*")


def test_what_comes_beside_what_was_there_is_found(capra: Capra, host: Host) -> None:
    """An image may bring registries and a policy: a node's keys beside them are the bootstrap's."""
    host.ssh("mkdir -p /etc/kubernetes; touch /etc/kubernetes/audit.yaml", check=True)
    try:
        manifest = _bootstrapped(capra, host, cleanUp="Verify")
        host.ssh("mkdir -p /etc/kubernetes/pki; touch /etc/kubernetes/pki/ca.key", check=True)
        [report] = capra.json("cleanup", "-f", manifest, code=1)
        assert "directory /etc/kubernetes" in report["message"]
        host.ssh("rm /etc/kubernetes/pki/ca.key", check=True)
        capra.run("cleanup", "-f", manifest)
        assert host.ssh("ls /etc/kubernetes/audit.yaml").returncode == 0
    finally:
        host.ssh("rm -rf /etc/kubernetes")


@pytest.mark.usefixtures("standin")
def test_the_cleanup_of_k0s_takes_its_network_away(capra: Capra, host: Host) -> None:
    """k0s reset leaves it to a reboot. The host's own rules stay."""
    manifest = _bootstrapped(capra, host)
    host.ssh(
        "k0s install worker --token-file /etc/none; k0s start;"
        " ip link add kube-bridge type bridge; mkdir -p /var/lib/cni/networks; touch /var/lib/cni/networks/x;"
        " iptables -t nat -N KUBE-SERVICES; iptables -t nat -N KUBE-SEP-1;"
        " iptables -t nat -A KUBE-SERVICES -j KUBE-SEP-1;"
        " iptables -t nat -A OUTPUT -m comment --comment 'service portals' -j KUBE-SERVICES;"
        " iptables -t nat -N OWN; iptables -t nat -A OUTPUT -d 192.0.2.1 -j OWN; ip6tables -N KUBE-FIREWALL",
        check=True,
    )
    try:
        [report] = capra.json("cleanup", "-f", manifest)
        assert report["outcome"] == "Finished"
        rules = host.ssh("iptables-save; ip6tables-save").stdout
        assert "KUBE-" not in rules
        assert "-A OUTPUT -d 192.0.2.1/32 -j OWN" in rules
        assert host.ssh("ip link show kube-bridge; ls /var/lib/cni").stdout == ""
    finally:
        host.ssh("iptables -t nat -F; iptables -t nat -X; ip6tables -F; ip6tables -X; ip link delete kube-bridge")
