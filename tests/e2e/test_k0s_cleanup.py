"""The default cleanup on real hosts, under each service manager, by the playbook as a person would call it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import run_ansible, wait_for
from tests.hosts import Host, Hosts
from tests.hosts.fixtures import bring_up

ROOT = Path(__file__).resolve().parents[2]
LEFT = "ls -d /var/lib/k0s /etc/k0s /run/k0s /etc/systemd/system/k0s* /etc/init.d/k0s* /var/lib/capra 2>/dev/null; true"


@pytest.fixture(
    scope="module",
    params=["systemd", *(pytest.param(one, marks=pytest.mark.nightly) for one in ("sysvinit", "openrc"))],
)
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """One host, for all tests of this file: each leaves it clean, which is what they are about."""
    with bring_up(1, request.param) as group:
        yield group


@pytest.fixture
def host(hosts: Hosts) -> Iterator[Host]:
    """That host, with an empty record of calls and no faults, and clean again however the test ends."""
    hosts[0].ssh("rm -f /var/log/k0s-calls.log /etc/k0s-standin/*; touch /etc/k0s.token", check=True)
    yield hosts[0]
    if hosts[0].ssh(LEFT).stdout:
        hosts[0].ssh("rm -f /etc/k0s-standin/*; k0s stop; k0s reset; rm -rf /var/lib/capra")


def fault(host: Host, name: str, content: str = "") -> None:
    """Turn one of the stand-in's knobs."""
    host.ssh(f"cat > /etc/k0s-standin/{name}", stdin=content, check=True)


def members(host: Host, number: int) -> None:
    """What etcd says of its members: this host and others."""
    others = [f"other-{index}=https://192.0.2.{index}:2380" for index in range(1, number)]
    fault(host, "members", "\n".join([f"{host.name}=https://{host.address}:2380", *others]) + "\n")


def clean(
    hosts: Hosts,
    code: int = 0,
    sudo: bool = False,
    check: bool = False,
    tags: tuple[str, ...] = (),
    **variables: object,
) -> str:
    """Run the playbook; what it said of its steps. tags: arguments that select phases."""
    inventory = hosts.sudo_inventory if sudo else hosts.inventory
    variables = {f"k0s_cleanup_{name}": value for name, value in variables.items()}
    arguments: list[str | Path] = ["-i", inventory, "playbooks/k0s_cleanup.yml", "-v", "-e", json.dumps(variables)]
    return run_ansible([*arguments, *(["--check"] if check else []), *tags], ROOT, code=code).stdout


def install(host: Host, role: str, *arguments: str, binary: str = "k0s", data: str = "/var/lib/k0s") -> None:
    """k0s installed and started, and its data there."""
    host.ssh(f"{binary} install {role} {' '.join(arguments)} && {binary} start", check=True)
    wait_for(lambda: host.ssh(f"test -d {data} && {binary} status").returncode == 0, "k0s runs")


def verbs(host: Host) -> list[str]:
    """The calls that change something or ask etcd, without those of installing."""
    words = ("etcd", "stop", "reset")  # the stand-in's own start and stop are not the service manager's
    return [call for call in host.k0s_calls() if call.split(" ")[0] in words]


def assert_clean(host: Host) -> None:
    """No service, process, mount or data, as another than the role itself sees it."""
    assert host.ssh(LEFT).stdout == ""
    assert "k0s" not in host.ssh("cat /proc/mounts").stdout
    assert host.ssh("cat /proc/[0-9]*/comm").stdout.split().count("k0s") == 0
    if host.init == "systemd":
        assert "k0s" not in host.ssh("systemctl list-units --all --no-legend 'k0s*'").stdout


@pytest.mark.usefixtures("standin")
@pytest.mark.parametrize("sudo", [False, True], ids=["root", "sudo"])
def test_a_host_that_was_never_bootstrapped(hosts: Hosts, host: Host, sudo: bool) -> None:
    said = clean(hosts, sudo=sudo)
    assert "changed=0" in said
    assert host.k0s_calls() == []
    assert_clean(host)


@pytest.mark.usefixtures("standin")
@pytest.mark.parametrize("sudo", [False, True], ids=["root", "sudo"])
def test_a_controller_leaves_stops_and_resets(hosts: Hosts, host: Host, sudo: bool) -> None:
    members(host, 3)
    install(host, "controller", "--enable-worker")
    said = clean(hosts, sudo=sudo)
    assert "leave: left etcd" in said
    assert "verify: no service" in said
    assert verbs(host) == ["etcd member-list", "etcd leave", "reset"]
    assert_clean(host)
    assert "changed=0" in clean(hosts, sudo=sudo)


@pytest.mark.usefixtures("standin")
def test_the_only_controller_has_nothing_to_leave(hosts: Hosts, host: Host) -> None:
    members(host, 1)
    install(host, "controller")
    assert "leave: nothing to do (the only member)" in clean(hosts)
    assert verbs(host) == ["etcd member-list", "reset"]
    assert_clean(host)


@pytest.mark.usefixtures("standin")
def test_a_worker(hosts: Hosts, host: Host) -> None:
    fault(host, "mounts")
    install(host, "worker", "--token-file=/etc/k0s.token")
    assert "leave: nothing to do (role: worker)" in clean(hosts)
    assert verbs(host) == ["reset"]
    assert_clean(host)


@pytest.mark.usefixtures("standin")
def test_directories_and_binary_of_ones_own(hosts: Hosts, host: Host) -> None:
    host.ssh("mkdir -p /srv/tools && mv /usr/local/bin/k0s /srv/tools/k0s", check=True)
    try:
        data, kubelet = "/srv/k0s/data", "/srv/k0s/kubelet"
        install(host, "worker", f"--data-dir={data} --kubelet-root-dir={kubelet}", binary="/srv/tools/k0s", data=data)
        host.ssh(f"mkdir -p '{kubelet}/pods/a b' && mount -t tmpfs none '{kubelet}/pods/a b'", check=True)
        clean(hosts, sudo=True)
        assert verbs(host) == [f"reset --data-dir={data} --kubelet-root-dir={kubelet}"]
        assert host.ssh("ls /srv/k0s").stdout == ""
        assert_clean(host)
    finally:
        host.ssh("mv /srv/tools/k0s /usr/local/bin/k0s; rm -rf /srv/tools /srv/k0s")


@pytest.mark.usefixtures("standin")
def test_leaving_that_hangs_ends_within_its_time_and_holds_the_cleanup(hosts: Hosts, host: Host) -> None:
    members(host, 3)
    install(host, "controller")
    fault(host, "leave-hangs")
    said = clean(hosts, code=2, leave_timeout=3)
    assert "leave: failed: k0s etcd leave has not ended within 3 s" in said
    assert host.ssh("k0s status").returncode == 0
    assert "reset" not in verbs(host)
    host.ssh("rm /etc/k0s-standin/leave-hangs", check=True)
    assert "leave: left etcd" in clean(hosts)
    assert_clean(host)


@pytest.mark.usefixtures("standin")
def test_a_reset_that_fails_is_told_and_the_rest_is_done_by_hand(hosts: Hosts, host: Host) -> None:
    install(host, "worker", "--token-file=/etc/k0s.token")
    fault(host, "reset-fails")
    said = clean(hosts)
    assert "reset: warning: /usr/local/bin/k0s reset, status 1: Error: reset failed" in said
    assert_clean(host)
    assert "changed=0" in clean(hosts)


@pytest.mark.usefixtures("standin")
def test_check_mode_touches_nothing(hosts: Hosts, host: Host) -> None:
    members(host, 3)
    install(host, "controller")
    before = host.k0s_calls()
    said = clean(hosts, check=True)
    assert "reset: would run /usr/local/bin/k0s reset" in said
    for told in (
        *("leave: would run", "stop: would stop", "remove: would remove", "verify: nothing has been touched"),
        *("clear: ", "verify: would look at the host; on it now: "),
    ):
        assert told in said
    assert host.k0s_calls() == before
    assert host.ssh("k0s status").returncode == 0
    assert host.ssh("test -e /var/lib/capra").returncode == 1
    clean(hosts)
    assert_clean(host)


@pytest.mark.usefixtures("standin")
def test_killed_in_the_middle_and_run_again(hosts: Hosts, host: Host) -> None:
    """The unit is gone by then: what the first attempt wrote down is what the second one goes by."""
    data = "/srv/k0s-data"
    install(host, "worker", "--token-file=/etc/k0s.token", f"--data-dir={data}", data=data)
    fault(host, "reset-hangs")
    program = str(Path(sys.executable).parent / "ansible-playbook")
    arguments = [program, "-i", str(hosts.inventory), "playbooks/k0s_cleanup.yml"]
    first = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: f"reset --data-dir={data}" in host.k0s_calls(), "the reset has begun")
        host.ssh("rm -f /etc/k0s-standin/* /etc/systemd/system/k0sworker.service /etc/init.d/k0sworker", check=True)
        # The program on the host and its step: the group of the process that the newest lock names.
        host.ssh("kill -s KILL -- -$(readlink $(ls -v /var/lib/capra/lock.* | tail -n 1) | cut -d: -f1)", check=True)
    finally:
        first.kill()
        first.wait()
    journal = host.ssh("cat /var/lib/capra/k0s_cleanup-*/journal", check=True).stdout
    assert [line.split()[1] for line in journal.splitlines() if line.startswith("start ")] == ["0", "1", "2"]
    said = clean(hosts)
    # It went on in the third phase.
    assert said.count('"cuts": ["lost"]') == 1
    assert said.count('"title": "leave etcd"') == 1
    assert host.ssh(f"test -e {data}").returncode == 1
    assert_clean(host)


def test_without_a_binary(hosts: Hosts, host: Host) -> None:
    install(host, "worker", "--token-file=/etc/k0s.token")
    host.ssh("cp /usr/local/bin/k0s /root/kept && rm /usr/local/bin/k0s", check=True)
    try:
        assert "there is no k0s binary" in clean(hosts)
        assert_clean(host)
    finally:
        host.ssh("mv /root/kept /usr/local/bin/k0s", check=True)


@pytest.mark.usefixtures("standin")
def test_what_a_reset_leaves_is_removed(hosts: Hosts, host: Host) -> None:
    """Containers' shims outlive k0s by design, and a reset can end well and leave its data."""
    for name in ("leaves-process", "reset-leaves"):
        fault(host, name)
    install(host, "worker", "--token-file=/etc/k0s.token")
    assert "remove: removed" in clean(hosts)
    assert "containerd-shim" not in host.ssh("cat /proc/[0-9]*/comm").stdout
    assert_clean(host)


@pytest.mark.usefixtures("standin")
def test_a_controller_that_does_not_run_cannot_leave_and_is_told(hosts: Hosts, host: Host) -> None:
    members(host, 3)
    install(host, "controller")
    host.ssh("k0s stop", check=True)
    assert "leave: warning: k0s does not run here" in clean(hosts)
    assert verbs(host).count("etcd leave") == 1
    assert_clean(host)


def test_what_uses_its_directories_is_ended_and_what_mentions_them_is_not(hosts: Hosts, host: Host) -> None:
    """A container runtime that outlives k0s, and a monitor of the host that leaves these directories out."""
    install(host, "worker", "--token-file=/etc/k0s.token")
    loop = "printf '#!/bin/sh\\nwhile :; do sleep 1; done\\n' > /usr/bin/NAME && chmod 755 /usr/bin/NAME"
    host.ssh("; ".join(loop.replace("NAME", name) for name in ("containerd", "monitor")), check=True)
    runtime = "setsid /usr/bin/containerd --root=/var/lib/k0s/containerd </dev/null >/dev/null 2>&1 & echo $!"
    process = host.ssh(runtime, check=True).stdout.strip()
    if host.init == "systemd":
        unit = "[Service]\\nExecStart=/usr/bin/monitor --ignore=/var/lib/k0s/kubelet\\n"
        host.ssh(f"printf '{unit}' > /etc/systemd/system/monitor.service; systemctl daemon-reload", check=True)
        host.ssh("systemctl start monitor", check=True)
    clean(hosts)
    assert_clean(host)
    assert host.ssh(f"kill -0 {process}").returncode == 1
    if host.init == "systemd":
        assert host.ssh("systemctl is-active monitor").stdout.strip() == "active"
        host.ssh("systemctl stop monitor; rm /etc/systemd/system/monitor.service; systemctl daemon-reload")


@pytest.mark.usefixtures("standin")
def test_tags_select_phases_and_a_part_is_no_cleanup(hosts: Hosts, host: Host) -> None:
    members(host, 3)
    install(host, "controller")
    said = clean(hosts, tags=("--tags", "reset"), code=2)
    assert "`reset k0s` needs the steps that the tags leave out: `leave etcd`, `stop k0s`; nothing was done" in said
    assert "Run it with --tags leave,stop,reset, or leave reset out" in said
    said = clean(hosts, tags=("--tags", "verify"), code=2)
    assert re.search("verify: failed: .*service file", said)
    assert host.ssh("ls /var/lib/capra/claim").returncode != 0
    assert verbs(host) == []
    said = clean(hosts, tags=("--tags", "leave"))
    assert ("leave: left etcd" in said, "stop: " in said) == (True, False)
    assert verbs(host) == ["etcd member-list", "etcd leave"]
    assert host.ssh("k0s status && ls /var/lib/capra/claim").returncode == 0
    said = clean(hosts, tags=("--skip-tags", "reset,forget,verify"))
    assert ("remove: removed" in said, "reset: " in said, "verify: " in said) == (True, False, False)
    assert verbs(host) == ["etcd member-list", "etcd leave"]
    assert host.ssh("ls -d /var/lib/k0s").returncode != 0
    assert host.ssh("ls /var/lib/capra/claim").returncode == 0
    clean(hosts)
    assert_clean(host)


@pytest.mark.usefixtures("standin")
def test_what_one_part_has_found_another_run_knows(hosts: Hosts, host: Host) -> None:
    """The unit that tells of the data directory is gone by then."""
    data = "/srv/k0s-data"
    fault(host, "reset-leaves")
    install(host, "worker", "--token-file=/etc/k0s.token", f"--data-dir={data}", data=data)
    clean(hosts, tags=("--tags", "leave,stop,reset"))
    assert f"reset --data-dir={data}" in verbs(host)
    host.ssh("rm -f /etc/systemd/system/k0sworker.service /etc/init.d/k0sworker", check=True)
    clean(hosts)
    assert host.ssh(f"test -e {data}").returncode == 1
    assert_clean(host)


@pytest.mark.usefixtures("standin")
def test_a_look_at_a_clean_host_leaves_nothing_there(hosts: Hosts, host: Host) -> None:
    said = clean(hosts, tags=("--tags", "verify"))
    assert "verify: nothing of a Kubernetes distribution" in said
    assert "changed=0" in said
    assert_clean(host)
    assert "ok=1 " in clean(hosts, tags=("--tags", "deploy"))
    assert "skipped=1" in clean(hosts, tags=("--skip-tags", "leave,stop,reset,remove,verify,network,forget"))
