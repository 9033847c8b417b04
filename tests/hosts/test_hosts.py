"""The tool itself: what it brings up is as promised, and nothing of it stays."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hosts import Host, HostError, Hosts, Unavailable, apt, cgroup, extras, group, network, nspawn, rootfs, state
from tests.hosts.fixtures import HostsFactory, bring_up
from tests.hosts.process import run
from tests.support.waiting import Wait, wait_until

ROOT = Path(__file__).parents[2]
INITS = ("systemd", "sysvinit", "openrc")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 and os.environ.get("CI") != "true", reason="NOT RUN: containers take root"
)


def traces(identifier: str, count: int = 3) -> list[str]:
    """All that exists of a group on this machine: links, namespaces, mounts, cgroups, processes, records."""
    links = [name for name in os.listdir("/sys/class/net") if name.startswith(network.bridge(identifier))]
    named = run("ip", "netns", "list").stdout.split()
    namespaces = [name for name in named if name.startswith(f"capra-{identifier}-")]
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if identifier in line]
    nodes = [str(node) for i in range(count) for node in cgroup.nodes(identifier, i) if node.exists()]
    processes = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and f"capra-{identifier}".encode() in _command_line(entry)
    ]
    records = [str(one.state_dir) for one in state.registered() if one.id == identifier]
    return links + namespaces + mounts + nodes + processes + records


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@needs_root
def test_three_hosts_come_up_as_promised_and_leave_nothing(tmp_path: Path) -> None:
    before = run("ip", "-brief", "link").stdout.count("\n")
    with bring_up(count=3) as up:
        identifier = up.group.id
        assert len({host.address for host in up}) == 3
        assert len({host.host_key for host in up}) == 3
        assert all(ipaddress.ip_address(host.address) in up.group.network for host in up)
        assert len({host.ssh("cat /etc/machine-id").stdout for host in up}) == 3
        for host in up:
            assert host.ssh("id -un; hostname", check=True).stdout.split() == ["root", host.name]
            assert host.ssh("sudo -n id -u", user="ops", check=True).stdout.strip() == "0"
            assert host.ssh("sudo -n true", user="nosudo").returncode == 1
            assert host.ssh("command -v python3 python perl5 || echo none").stdout.strip() == "none"
            assert host.ssh("systemctl is-system-running").stdout.strip() == "running"
            assert host.path("/etc/hostname").read_text().strip() == host.name
        assert up[0].ssh(f"ping -c 1 -W 2 {up[1].name}").returncode == 0
        listed = json.loads((up.group.state_dir / "hosts.json").read_text())
        assert [Host.from_json(entry) for entry in listed] == list(up)
        assert (up.group.key_file.stat().st_mode & 0o777) == 0o600
        assert traces(identifier)
    assert traces(identifier) == []
    assert not up.group.state_dir.exists()
    assert run("ip", "-brief", "link").stdout.count("\n") <= before + 20  # Others may work here too.
    up.down()


@needs_root
def test_bare_hosts_are_sshd_and_nothing_else_and_leave_nothing() -> None:
    with bring_up(count=2, backend="bare") as up:
        identifier = up.group.id
        for host in up:
            said = host.ssh("id -un; hostname; cat /proc/1/comm; ls /home", check=True).stdout.split()
            assert said == ["root", host.name, "sshd", "nosudo", "ops"]
            assert host.ssh(f"ping -c 1 {up[0].name}").returncode == 0
        up[0].ssh("touch /run/mine /etc/mine; setsid sleep 600 >/dev/null 2>&1 &", check=True)
        assert up[0].path("/run/mine").exists()
        assert up[0].path("/etc/mine").exists()
        assert not up[1].path("/etc/mine").exists()
        with pytest.raises(Unavailable, match="bare"):
            up[0].reboot()
    assert traces(identifier) == []


@needs_root
@pytest.mark.parametrize(("name", "python"), [(extras.TOOLS, False), (extras.CLOUD_INIT, True)])
def test_more_packages_are_there_and_cloud_init_has_not_run(name: str, python: bool) -> None:
    with bring_up(extra=name) as [host]:
        assert host.init == "systemd"
        assert (host.ssh("command -v python3").returncode == 0) is python
        assert (host.ssh("command -v cloud-init").returncode == 0) is python
        assert host.ssh("test -x /lib/systemd/systemd-timesyncd && command -v locale-gen").returncode == 0
        assert host.ssh("ls /run/cloud-init/result.json /var/lib/cloud/instance").returncode != 0
        assert host.ssh("systemctl is-system-running").stdout.strip() == "running"


@needs_root
def test_sudo_is_quick() -> None:
    with bring_up() as up:
        began = time.monotonic()
        up[0].ssh("sudo -n true", user="ops", check=True)
        # 20 s where a host cannot resolve its own name.
        assert time.monotonic() - began < 15


@needs_root
@pytest.mark.parametrize("host", INITS, indirect=True)
@pytest.mark.parametrize("hard", [False, True], ids=["by itself", "power cut"])
def test_reboot_keeps_the_disk_and_nothing_else(host: Host, hard: bool) -> None:
    host.ssh("echo kept > /etc/kept; echo kept > /var/kept; touch /run/gone", check=True)
    before = host.boot_id()
    assert host.path("/run/gone").exists()
    host.reboot(hard=hard)
    assert host.boot_id() not in ("", before)
    assert host.ssh("cat /etc/kept /var/kept; ls /run/gone").stdout.split() == ["kept", "kept"]
    assert not host.path("/run/gone").exists()


@needs_root
def test_exec_requests_are_counted(hosts: HostsFactory) -> None:
    host = hosts()[0]
    before = host.exec_requests()
    for user in ("root", "ops", "nosudo"):
        host.ssh("true", user=user, check=True)
    assert host.exec_requests() == before + 3


@needs_root
def test_the_root_file_system_in_the_cache_is_never_written(host: Host) -> None:
    host.ssh("echo x > /etc/written; rm /etc/debian_version", check=True)
    lower = rootfs.place("systemd")
    assert not (lower / "etc/written").exists()
    assert (lower / "etc/debian_version").exists()


@needs_root
def test_a_killed_up_is_taken_down(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.hosts", "up", "--count", "3", "--state-dir", str(tmp_path / "s")]
    process = subprocess.Popen(words, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
    begun = Wait("a host has begun to boot", 60)
    wait_until(lambda: list((tmp_path / "s").glob("hosts/*/console.log")), begun, 0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = state.load(tmp_path / "s")
    assert left is not None
    assert traces(left.id)
    run("rm", "-f", tmp_path / "s" / state.RECORD)  # The registry still knows.
    words = [sys.executable, "-m", "tests.hosts", "down", "--state-dir", str(tmp_path / "s")]
    subprocess.run(words, cwd=ROOT, check=True)
    assert traces(left.id) == []
    assert not (tmp_path / "s").exists()


@needs_root
def test_a_failed_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(host: Host) -> None:
        raise HostError(f"{host.name} does not boot")

    monkeypatch.setattr(Host, "wait_ready", refuse)
    with pytest.raises(HostError, match="does not boot"):
        Hosts.up(2, state_dir=tmp_path / "s")
    assert not (tmp_path / "s").exists()
    assert not [one for one in state.registered() if one.state_dir == tmp_path / "s"]


def test_what_is_in_use_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    used = state.new("loopback", "none", tmp_path / "used", ("a",), owner=os.getpid())
    ended = subprocess.Popen(["true"])
    ended.wait()
    lost = state.new("loopback", "none", tmp_path / "lost", ("a",), owner=ended.pid)
    shell = state.new("loopback", "none", tmp_path / "shell", ("a",))
    gone, kept = group.take_down_left_over()
    assert {one.id for one in gone} == {lost.id, shell.id}
    assert kept == [used]
    assert (tmp_path / "used").exists()
    assert not (tmp_path / "lost").exists()


def test_containers_without_root_are_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="root"):
        nspawn.check()


def test_loopback(tmp_path: Path) -> None:
    with bring_up(backend="loopback", count=2) as up:
        host = up[0]
        before = host.exec_requests()
        seen = host.ssh('echo "$HOME $XDG_STATE_HOME"; command -v k0s', check=True).stdout.split()
        assert all(Path(path).is_relative_to(host.root) for path in seen)
        assert host.exec_requests() == before + 1
        script = 'echo t > "$K0S_STANDIN_ROOT/etc/t"; k0s install worker --token-file /etc/t; k0s start; k0s status'
        assert "Role: worker" in host.ssh(script, check=True).stdout
        host.ssh("setsid sleep 300 < /dev/null > /dev/null 2>&1 &")
        root = host.root
        with pytest.raises(Unavailable):
            host.reboot()
    assert not root.exists()
    left = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and str(root) in _environment(entry)]
    assert left == []


def _environment(process: Path) -> str:
    try:
        return (process / "environ").read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.list", "# old\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror/debian here main contrib\n"),
        ("a.sources", "Types: deb deb-src\nURIs: http://mirror/debian\nSuites: here here-updates\nComponents: main\n"
         "Signed-By: /k.gpg\n"),
        ("b.list", "deb http://other x main\ndeb [signed-by=/k.gpg] http://mirror/debian here main\n"),
    ],
    ids=["one-line", "deb822", "second line"],
)  # fmt: skip
def test_the_mirror_is_apts_own(name: str, text: str) -> None:
    read = apt._deb822_entries if name.endswith(".sources") else apt._one_line_entries
    entry = next(entry for entry in read(text) if "here" in entry["suites"])
    assert entry["uris"] == ["http://mirror/debian"]
    assert "main" in entry["components"]
    assert entry["signed-by"] == ["/k.gpg"]


@needs_root
def test_a_subnet_is_free() -> None:
    subnet = network.free_subnet()
    assert subnet.prefixlen == 23
    assert subnet.subnet_of(ipaddress.IPv4Network("10.0.0.0/8"))
