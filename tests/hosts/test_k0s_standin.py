"""The stand-in k0s behaves as the real one was seen to, under each service manager."""

from __future__ import annotations

import pytest

from tests.hosts import Host

from .test_hosts import INITS, needs_root

pytestmark = [needs_root, pytest.mark.usefixtures("standin")]
UNIT = {
    "systemd": "/etc/systemd/system/k0s{role}.service",
    "sysvinit": "/etc/init.d/k0s{role}",
    "openrc": "/etc/init.d/k0s{role}",
}


def k0s(host: Host, words: str, status: int = 0) -> str:
    """Call k0s on the host; its output, both streams."""
    done = host.ssh(f"k0s {words} 2>&1")
    assert done.returncode == status, f"k0s {words}: {done.returncode}\n{done.stdout}"
    return done.stdout


@pytest.mark.parametrize("host", INITS, indirect=True)
def test_life_of_a_worker(host: Host) -> None:
    unit = host.path(UNIT[host.init].format(role="worker"))
    host.ssh("echo token > /etc/k0s.token", check=True)
    assert "k0s has not been installed as a service" in k0s(host, "stop", 1)
    assert 'can\'t get "status" via "/run/k0s/status.sock"' in k0s(host, "status", 1)
    k0s(host, "install worker --token-file /etc/k0s.token")
    assert "/usr/local/bin/k0s" in unit.read_text()
    assert "--token-file=/etc/k0s.token" in unit.read_text()
    assert "Init already exists" in k0s(host, "install worker", 1)
    assert host.ssh("pgrep -x k0s").returncode == 1, "installing does not start it"
    k0s(host, "start")
    assert "Role: worker" in k0s(host, "status")
    assert host.ssh("pgrep -x k0s; pgrep -x kubelet", check=True).stdout.count("\n") == 2
    assert "please stop k0s before reset" in k0s(host, "reset", 1)
    host.reboot()
    host.ssh("for _ in 1 2 3 4 5 6 7 8 9 10; do k0s status && break; sleep 0.5; done")
    assert "Role: worker" in k0s(host, "status"), "the service starts at boot"
    k0s(host, "stop")
    assert host.ssh("pgrep -x k0s; pgrep -x kubelet").stdout == ""
    k0s(host, "reset")
    assert not unit.exists()
    left = "ls -d /var/lib/k0s /etc/k0s /run/k0s /etc/rc?.d/*k0s* /etc/runlevels/*/k0s* 2>/dev/null"
    assert host.ssh(left).stdout == ""
    assert host.path("/usr/local/bin/k0s").exists()
    k0s(host, "reset")
    assert host.k0s_calls()[-1] == "reset"


@pytest.mark.parametrize("host", INITS, indirect=True)
def test_life_of_a_controller(host: Host) -> None:
    assert "can't connect to the etcd: open /var/lib/k0s/pki" in k0s(host, "etcd leave", 1)
    k0s(host, "install controller --data-dir=/data --enable-worker --kubelet-root-dir /kubelet")
    host.ssh("touch /etc/k0s-standin/mounts; echo 1 > /etc/k0s-standin/leave-retry-seconds", check=True)
    k0s(host, "start")
    assert "Role: controller" in k0s(host, "status")
    assert host.ssh("pgrep -x etcd; pgrep -x kube-apiserver", check=True).stdout.count("\n") == 2
    assert k0s(host, "etcd member-list") == f'{{"members":{{"{host.name}":"https://{host.address}:2380"}}}}\n'
    assert "not enough started members" in k0s(host, "etcd leave", 1)
    members = f"{host.name}=https://{host.address}:2380\\nother=https://10.0.0.9:2380\\n"
    host.ssh(f"printf '{members}' > /etc/k0s-standin/members", check=True)
    k0s(host, "etcd leave")
    assert k0s(host, "etcd member-list") == '{"members":{"other":"https://10.0.0.9:2380"}}\n'
    k0s(host, "stop")
    assert host.ssh("pgrep -x k0s; pgrep -x etcd").stdout == ""
    if host.init == "systemd":
        assert host.ssh("systemctl is-active k0scontroller").stdout.strip() == "failed"
    assert "context deadline exceeded" in k0s(host, "etcd leave --data-dir=/data", 1)
    assert "/kubelet" in host.ssh("cat /proc/mounts").stdout
    k0s(host, "reset --data-dir=/data --kubelet-root-dir=/kubelet")
    assert "/kubelet" not in host.ssh("cat /proc/mounts").stdout
    assert host.ssh("ls -d /data /kubelet 2>/dev/null").stdout == ""
    if host.init == "systemd":
        assert "not-found failed" in host.ssh("systemctl list-units --all --plain | tr -s ' '").stdout


def test_knobs(host: Host) -> None:
    host.ssh("echo 1 > /etc/k0s-standin/reset-fails; touch /etc/k0s-standin/install-fails", check=True)
    k0s(host, "reset", 1)
    k0s(host, "reset", 0)
    k0s(host, "install worker", 1)
    k0s(host, "install worker", 1)
    host.ssh("rm /etc/k0s-standin/install-fails; touch /etc/k0s-standin/leaves-process", check=True)
    host.ssh("touch /etc/k0s-standin/reset-leaves; echo t > /etc/t", check=True)
    k0s(host, "install worker --token-file=/etc/t")
    k0s(host, "start")
    k0s(host, "stop")
    k0s(host, "reset")
    assert host.ssh("pgrep -f containerd-shi[m]").returncode == 0
    assert host.path("/var/lib/k0s").exists()


def test_only_root_may(host: Host) -> None:
    done = host.ssh("k0s install worker", user="ops")
    assert done.returncode == 1
    assert "must be run as root" in done.stderr


def test_knobs_of_what_passes_and_what_does_not(host: Host) -> None:
    host.ssh("echo 2 > /etc/k0s-standin/leave-unhealthy-seconds; touch /etc/k0s-standin/reset-breaks", check=True)
    members = f"{host.name}=https://{host.address}:2380\\nother=https://10.0.0.9:2380\\n"
    host.ssh(f"printf '{members}' > /etc/k0s-standin/members", check=True)
    k0s(host, "install controller")
    k0s(host, "start")
    assert "etcdserver: unhealthy cluster" in k0s(host, "etcd leave", 1)
    assert "other" in k0s(host, "etcd member-list")
    host.ssh("sleep 2.5")
    k0s(host, "etcd leave")
    k0s(host, "stop")
    assert "device or resource busy" in k0s(host, "reset", 1)
    assert "no such file or directory" in k0s(host, "reset", 1)
    assert host.path("/var/lib/k0s/etcd").exists()
