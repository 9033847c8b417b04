"""The ways back of kubeadm, RKE2 and K3s, by the playbooks as a person would call them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import distributions
from tests.e2e.support import Capra, cloud_config, key_secret, machine, run_ansible
from tests.hosts import Host, Hosts
from tests.hosts.fixtures import bring_up

ROOT = Path(__file__).resolve().parents[2]
DATA = {name: distributions.NODES[name] for name in ("kubeadm", "rke2", "k3s")}
LEFT = (
    "find /etc/kubernetes /var/lib/kubelet /var/lib/rancher /etc/rancher /var/lib/cni /etc/cni/net.d /opt /var/lib/etcd"
    " /etc/systemd/system /var/lib/capra ! -type d 2>/dev/null"
    " | grep -E 'kubernetes|rancher|cni|opt|etcd|kubelet|k3s|rke2';"
    " cat /proc/[0-9]*/comm | grep -E 'kubelet|containerd|k3s|rke2'; grep -E '/var/lib/kubelet|/run/k3s' /proc/mounts;"
    " iptables-save | grep KUBE-; ip -o link show cni0 2>/dev/null; ls /var/lib/capra 2>/dev/null; true"
)
each = pytest.mark.parametrize("name", sorted(DATA))


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """One host, for all tests of this file: each leaves it clean."""
    with bring_up() as group:
        yield group


@pytest.fixture
def host(hosts: Hosts) -> Iterator[Host]:
    hosts[0].ssh("rm -f /var/log/calls.log; rm -rf /etc/*-standin/*", check=True)
    yield hosts[0]
    if hosts[0].ssh(LEFT).stdout:
        hosts[0].ssh("rm -rf /var/lib/capra /etc/kubeadm-standin /etc/rancher-standin")


def _bootstrap(capra: Capra, host: Host, data: bytes) -> Path:
    manifest = capra.manifests(machine(host), key_secret(host))
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(data))
    return manifest


def _clean(
    hosts: Hosts, name: str, code: int = 0, check: bool = False, tags: tuple[str, ...] = (), **variables: object
) -> str:
    given = {f"{name}_cleanup_{key}": value for key, value in variables.items()}
    arguments: list[str | Path] = [
        "-i",
        hosts.inventory,
        f"playbooks/{name}_cleanup.yml",
        "-v",
        "-e",
        json.dumps(given),
    ]
    return run_ansible([*arguments, *(["--check"] if check else []), *tags], ROOT, code=code).stdout


def _calls(host: Host) -> list[str]:
    return host.ssh("cat /var/log/calls.log 2>/dev/null").stdout.splitlines()


@each
def test_a_clean_host_stays_as_it_is(hosts: Hosts, host: Host, name: str) -> None:
    look = "find /etc /usr /var/lib -type f -printf '%p %T@\\n' | grep -v systemd/timers | sort"
    before = host.ssh(look).stdout
    said = _clean(hosts, name)
    assert "changed=0" in said
    assert _calls(host) == []
    assert host.ssh(look).stdout == before


@each
def test_nothing_is_left(hosts: Hosts, host: Host, capra: Capra, name: str) -> None:
    _bootstrap(capra, host, DATA[name])
    assert host.ssh(LEFT).stdout != ""
    assert "changed=1" in _clean(hosts, name)
    assert host.ssh(LEFT).stdout == ""
    own = {"kubeadm": "kubeadm reset --force", "rke2": "rke2-uninstall.sh ", "k3s": "k3s-agent-uninstall.sh "}[name]
    assert _calls(host)[-1] == own
    assert "changed=0" in _clean(hosts, name)


@each
def test_the_terminal_cleans_what_the_host_shows(host: Host, capra: Capra, name: str) -> None:
    manifest = _bootstrap(capra, host, DATA[name])
    [planned] = capra.json("plan", "--for", "cleanup", "-f", manifest)
    assert "the host is asked first" in planned["message"]
    [checked] = capra.json("cleanup", "-f", manifest, "--check")
    assert checked["message"].endswith("steps would run")
    assert host.ssh(LEFT).stdout != ""
    [report] = capra.json("cleanup", "-f", manifest)
    assert (report["outcome"], report["changed"]) == ("Finished", True)
    assert host.ssh(LEFT).stdout == ""
    assert _calls(host)[-1].split()[0] in {"kubeadm", "rke2-uninstall.sh", "k3s-agent-uninstall.sh"}


@pytest.mark.usefixtures("standin")
def test_a_check_tells_a_clean_host_from_one_that_is_not(host: Host, capra: Capra) -> None:
    manifest = _bootstrap(capra, host, distributions.k0s())
    shown = capra.run("cleanup", "-f", manifest, "--check").stdout
    assert "reset: would run " in shown
    assert "forget: would remove " in shown
    assert "steps would run" in shown
    capra.run("cleanup", "-f", manifest)
    [checked] = capra.json("cleanup", "-f", manifest, "--check")
    assert (checked["changed"], checked["message"].partition(":")[0]) == (False, "nothing would be cleaned")
    host.ssh("mkdir -p /run/cluster-api; touch /run/cluster-api/bootstrap-success.complete", check=True)
    [checked] = capra.json("cleanup", "-f", manifest, "--check")
    assert (checked["changed"], "steps would run" in checked["message"]) == (True, True)
    capra.run("cleanup", "-f", manifest)


@pytest.mark.usefixtures("standin")
def test_a_host_of_two_distributions_gets_one_cleanup_after_the_other(host: Host, capra: Capra) -> None:
    manifest = _bootstrap(capra, host, distributions.k0s())
    host.ssh("mkdir -p /etc/kubernetes; echo left >/etc/kubernetes/kubelet.conf", check=True)
    [report] = capra.json("cleanup", "-f", manifest, code=1)
    assert "still on the host: directory /etc/kubernetes" in report["message"]
    assert "reset" in " ".join(host.k0s_calls())
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"
    assert host.ssh(LEFT).stdout == ""


@each
@pytest.mark.parametrize("why", ["broken", "gone"])
def test_what_its_own_program_does_not_do_is_done_by_hand(
    hosts: Hosts, host: Host, capra: Capra, name: str, why: str
) -> None:
    _bootstrap(capra, host, DATA[name])
    if why == "broken":
        host.ssh("mkdir -p /etc/kubeadm-standin /etc/rancher-standin; touch /etc/kubeadm-standin/broken", check=True)
        host.ssh("touch /etc/rancher-standin/broken", check=True)
    else:
        host.ssh("rm -f /usr/local/bin/kubeadm /usr/local/bin/*-uninstall.sh", check=True)
    said = _clean(hosts, name)
    assert ("reset: warning: " in said) is (why == "broken")
    assert host.ssh(LEFT).stdout == ""


@each
def test_a_dry_run_changes_nothing(hosts: Hosts, host: Host, capra: Capra, name: str) -> None:
    _bootstrap(capra, host, DATA[name])
    before = host.ssh(LEFT).stdout
    said = _clean(hosts, name, check=True)
    assert "reset: would run /usr/local/bin/" in said
    assert "forget: would remove " in said
    [removed] = re.findall(r"clear: would remove (.*?)\\n", said)
    for left in ("interface cni0", "chains KUBE-*", "process containerd-shim", "directory /etc/cni/net.d", "service "):
        assert left in removed
    [found] = re.findall(r"verify: would look at the host; on it now: (.*?)\\n", said)
    assert "port" in found or "process" in found
    # What follows a process by its number may come in another order.
    assert sorted(host.ssh(LEFT).stdout.splitlines()) == sorted(before.splitlines())
    assert not [call for call in _calls(host) if "reset" in call or "uninstall" in call]
    _clean(hosts, name)


def _beside_locks(listed: str) -> set[str]:
    return {path for path in listed.split() if "/lock." not in path}


@each
def test_a_look_does_not_make_somebody_elses_node_one_of_capras(hosts: Hosts, host: Host, name: str) -> None:
    """Capra has bootstrapped nothing here, and a whole cleanup after a look that failed removes nothing."""
    host.ssh("mkdir -p /etc/rancher/other /etc/kubernetes; touch /etc/rancher/other/theirs", check=True)
    said = _clean(hosts, name, check=True)
    assert "clear: nothing to do (nothing is known of a bootstrap on this host)" in said
    said = _clean(hosts, name, tags=("--tags", "verify"), code=2)
    assert "verify: failed: still on the host: directory /etc/rancher" in said
    assert host.ssh("ls -A /var/lib/capra").returncode != 0
    assert "clear: nothing to do (nothing is known of a bootstrap on this host)" in _clean(hosts, name, check=True)
    for _ in range(2):
        said = _clean(hosts, name, code=2)
        assert "clear: nothing to do (nothing is known of a bootstrap on this host)" in said
    assert host.ssh("ls /etc/rancher/other/theirs").returncode == 0
    host.ssh("rm -r /etc/rancher /etc/kubernetes", check=True)
    assert "changed=0" in _clean(hosts, name)


@each
def test_a_look_before_a_bootstrap_takes_no_note_away(hosts: Hosts, host: Host, capra: Capra, name: str) -> None:
    host.ssh("mkdir -p /etc/cni/net.d /etc/rancher/other; touch /etc/cni/net.d/own /etc/rancher/other/own", check=True)
    _clean(hosts, name, tags=("--tags", "verify"), code=2)
    _bootstrap(capra, host, DATA[name])
    assert "there /etc/cni/net.d/own" in host.ssh("cat /var/lib/capra/before", check=True).stdout
    uid = host.ssh("cat /var/lib/capra/claim", check=True).stdout.split()[2]
    _clean(hosts, name, uid=uid)
    assert host.ssh("ls /etc/cni/net.d /etc/rancher/*").stdout.split().count("own") == 2
    host.ssh("rm -r /etc/cni/net.d/own /etc/rancher", check=True)
    assert host.ssh(LEFT).stdout == ""


@each
@pytest.mark.parametrize("tags", [("--skip-tags", "verify"), ("--tags", "whole-but-verify")], ids=["skip", "select"])
def test_a_cleanup_that_nobody_verifies_keeps_the_host(
    hosts: Hosts, host: Host, capra: Capra, name: str, tags: tuple[str, ...]
) -> None:
    if tags[0] == "--tags":
        phases = {"kubeadm": "leave,reset,remove,forget"}.get(name, "remove,forget")
        tags = ("--tags", phases)
    _bootstrap(capra, host, DATA[name])
    claim, noted = (host.ssh(f"cat /var/lib/capra/{file}", check=True).stdout for file in ("claim", "before"))
    uid = claim.split()[2]
    said = _clean(hosts, name, tags=tags, uid=uid)
    assert "nobody has verified that the host is clean: it stays its machine's until a cleanup with all phases" in said
    assert [host.ssh(f"cat /var/lib/capra/{file}").stdout for file in ("claim", "before")] == [claim, noted]
    _clean(hosts, name, uid=uid)
    assert host.ssh(LEFT).stdout == ""


@each
def test_a_look_changes_nothing_and_the_host_stays_its_machines(
    hosts: Hosts, host: Host, capra: Capra, name: str
) -> None:
    _bootstrap(capra, host, DATA[name])
    known = host.ssh("ls -d /var/lib/capra/*").stdout
    calls = _calls(host)
    claim = host.ssh("cat /var/lib/capra/claim").stdout
    uid = claim.split()[2]
    said = _clean(hosts, name, tags=("--tags", "verify"), uid=uid, code=2)
    assert "verify: failed: still on the host: " in said
    assert _calls(host) == calls
    assert host.ssh("cat /var/lib/capra/claim").stdout == claim
    assert _beside_locks(host.ssh("ls -d /var/lib/capra/*").stdout) == _beside_locks(known)
    said = _clean(hosts, name, tags=("--skip-tags", "remove"), uid=uid, code=2)
    assert "`remove what Capra left` needs the steps that the tags leave out" in said
    assert _calls(host) == calls
    _clean(hosts, name, uid=uid)
    assert host.ssh(LEFT).stdout == ""


def test_a_look_that_finds_nothing_gives_no_host_back(hosts: Hosts, host: Host, capra: Capra) -> None:
    """What Capra wrote is still there, and the machine may be in use."""
    _bootstrap(capra, host, cloud_config([{"path": "/etc/own", "content": "x"}], ["true"]))
    claim = host.ssh("cat /var/lib/capra/claim", check=True).stdout
    said = _clean(hosts, "k3s", tags=("--tags", "verify"), uid=claim.split()[2])
    assert "verify: nothing of a Kubernetes distribution" in said
    assert host.ssh("cat /var/lib/capra/claim").stdout == claim
    assert host.ssh("test -s /var/lib/capra/before && test -e /etc/own").returncode == 0
    _clean(hosts, "k3s", uid=claim.split()[2])
    assert host.ssh("test -e /etc/own || ls /var/lib/capra").returncode != 0


THREE = "".join(
    f"{number}e9e05c52164694d, started, {name}, https://{name}:2380, https://{name}:2379, false\n"
    for number, name in ((7, "other"), (8, "this"), (9, "third"))
)


def _of_three(host: Host) -> None:
    """This host is one of three members."""
    host.ssh("mkdir -p /etc/kubeadm-standin; cat >/etc/kubeadm-standin/members", stdin=THREE, check=True)


def test_a_control_plane_leaves_etcd_first_and_once(hosts: Hosts, host: Host, capra: Capra) -> None:
    _bootstrap(capra, host, distributions.NODES["kubeadm-control-plane"])
    _of_three(host)
    _clean(hosts, "kubeadm")
    assert [call for call in _calls(host) if "reset" in call or "remove" in call] == [
        "etcdctl member remove 8e9e05c52164694d",
        "kubeadm reset --force",
    ]
    assert host.ssh("cut -d, -f3 /etc/kubeadm-standin/members").stdout.split() == ["other", "third"]
    assert host.ssh(LEFT).stdout == ""


def test_the_only_member_has_nothing_to_leave(hosts: Hosts, host: Host, capra: Capra) -> None:
    _bootstrap(capra, host, distributions.NODES["kubeadm-control-plane"])
    assert "leave: nothing to do (the only member)" in _clean(hosts, "kubeadm")
    assert not [call for call in _calls(host) if "remove" in call]
    assert host.ssh(LEFT).stdout == ""


@pytest.mark.parametrize(
    ("says", "goes_on"),
    [
        ("Error: etcdserver: re-configuration failed due to not enough started members", False),
        ("Error: rpc error: code = Unavailable desc = etcdserver: no leader", True),
        ("Error: dial tcp 127.0.0.1:2379: connect: connection refused", True),
    ],
    ids=["refused", "no leader", "no answer"],
)
def test_a_member_that_others_need_is_not_wiped(
    hosts: Hosts, host: Host, capra: Capra, says: str, goes_on: bool
) -> None:
    _bootstrap(capra, host, distributions.NODES["kubeadm-control-plane"])
    _of_three(host)
    host.ssh("cat >/etc/kubeadm-standin/says", stdin=says, check=True)
    said = _clean(hosts, "kubeadm", code=0 if goes_on else 2, leave_timeout=2)
    if goes_on:
        assert "leave: warning: " in said
    else:
        assert "leave: failed: " in said
        assert "kubeadm reset --force" not in _calls(host)
        assert host.ssh("systemctl is-active kubelet; ls /var/lib/etcd/member").stdout == "active\nwal\n"
        host.ssh("rm /etc/kubeadm-standin/says", check=True)
        _clean(hosts, "kubeadm")
    assert host.ssh(LEFT).stdout == ""


def test_what_was_there_before_stays(hosts: Hosts, host: Host, capra: Capra) -> None:
    """An image may bring a kubelet that is enabled, and podman its network."""
    own = "/etc/cni/net.d/87-podman.conflist"
    host.ssh(
        f"mkdir -p /etc/cni/net.d; touch {own}; cat >/usr/bin/kubelet; chmod +x /usr/bin/kubelet;"
        " printf '[Service]\\nExecStart=/usr/bin/kubelet\\n[Install]\\nWantedBy=multi-user.target\\n'"
        " >/usr/lib/systemd/system/kubelet.service; systemctl daemon-reload; systemctl enable kubelet;"
        " iptables -N OWN; iptables -A OUTPUT -d 192.0.2.1 -j OWN",
        stdin=distributions.KUBELET,
        check=True,
    )
    try:
        _bootstrap(capra, host, DATA["kubeadm"])
        _clean(hosts, "kubeadm")
        assert host.ssh("systemctl is-active kubelet").stdout == "inactive\n"
        assert host.ssh("systemctl is-enabled kubelet").stdout == "enabled\n"
        assert host.ssh(f"ls {own}").stdout == f"{own}\n"
        assert "-A OUTPUT -d 192.0.2.1/32 -j OWN" in host.ssh("iptables-save").stdout
        assert host.ssh("iptables-save | grep KUBE-; find /var/lib/kubelet -type f").stdout == ""
    finally:
        host.ssh(
            f"systemctl disable --now kubelet; rm -f /usr/lib/systemd/system/kubelet.service /usr/bin/kubelet {own};"
            " systemctl daemon-reload; iptables -F; iptables -X"
        )


def test_nothing_of_others_is_touched(hosts: Hosts, host: Host, capra: Capra) -> None:
    """A local volume is a bind mount of the same file system; a disk is behind a link; a comment may say anything."""
    host.ssh(
        # An empty directory may be left of another test's node: a link would be made in it.
        "mkdir -p /srv/volume /srv/disk; echo data >/srv/volume/db; rm -rf /var/lib/rancher;"
        " ln -s /srv/disk /var/lib/rancher;"
        " iptables -N OWN; iptables -A INPUT -s 192.0.2.9 -m comment --comment 'before -j KUBE-SERVICES' -j OWN",
        check=True,
    )
    try:
        _bootstrap(capra, host, DATA["kubeadm"])
        host.ssh(
            "mkdir -p /var/lib/kubelet/pods/2/v /var/lib/kubelet/pods/3/v; echo theirs >/srv/disk/backup;"
            " mount --bind /srv/volume /var/lib/kubelet/pods/2/v; mount -t tmpfs a /var/lib/kubelet/pods/3/v;"
            " mount -t tmpfs b /var/lib/kubelet/pods/3/v; rm /usr/local/bin/kubeadm; iptables -N KUBE-FORWARD",
            check=True,
        )
        said = _clean(hosts, "kubeadm", code=2)
        assert "/var/lib/rancher stays: it leads to /srv/disk" in said
        assert host.ssh("cat /srv/volume/db /srv/disk/backup").stdout == "data\ntheirs\n"
        assert host.ssh("grep /var/lib/kubelet /proc/mounts; find /var/lib/kubelet -type f").stdout == ""
        rules = host.ssh("iptables-save").stdout
        assert "KUBE-FORWARD" not in rules
        assert '--comment "before -j KUBE-SERVICES" -j OWN' in rules
        host.ssh("rm /var/lib/rancher", check=True)
        _clean(hosts, "kubeadm")
    finally:
        host.ssh("rm -rf /var/lib/rancher /srv/volume /srv/disk; iptables -F; iptables -X")


def test_a_control_plane_leaves_again_the_next_time(hosts: Hosts, host: Host, capra: Capra) -> None:
    """What an image has brought stays, and so might a mark of the last life's beside it."""
    host.ssh("mkdir -p /etc/kubernetes; touch /etc/kubernetes/audit.yaml", check=True)
    try:
        for _ in range(2):
            _bootstrap(capra, host, distributions.NODES["kubeadm-control-plane"])
            _of_three(host)
            _clean(hosts, "kubeadm")
            # The terminal that has bootstrapped it knows nothing of the playbook.
            shutil.rmtree(capra.state)
        left = [call for call in _calls(host) if call.startswith("etcdctl member remove")]
        assert len(left) == 2
        assert host.ssh("find /etc/kubernetes -type f").stdout == "/etc/kubernetes/audit.yaml\n"
    finally:
        host.ssh("rm -rf /etc/kubernetes")
