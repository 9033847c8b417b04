"""A real host is bootstrapped over real SSH by real Ansible: in one round trip, to the byte, as root and with sudo."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.e2e.support import TOKEN, Capra, cloud_config, count, counted, key_secret, machine
from tests.hosts import Host

EVERY_BYTE = bytes(range(256)) * 3
AWKWARD = 'it\'s "quoted"\n$HOME `id` \\ {{ 7 * 7 }} {% raw %} %b\\n\ttab\r\nlast line without end'
AWKWARD_PATH = "/etc/capra test/a 'b' $c `d` {{ e }}.txt"

FILES: list[dict[str, Any]] = [
    {"path": "/etc/k0s.token", "permissions": "0600", "content": "token"},
    {"path": "/opt/deep/er/bytes", "encoding": "b64", "content": base64.b64encode(EVERY_BYTE).decode()},
    {"path": AWKWARD_PATH, "permissions": "0640", "owner": "root:ops", "content": AWKWARD},
]
COMMANDS = [
    counted("one"),
    counted("two"),
    "cd /opt && pwd > /var/tmp/where",
    counted("four", "umask > /var/tmp/umask"),
]
"""With the sentinel's: five."""


@pytest.mark.parametrize("user", ["root", "ops"])
def test_three_files_and_five_commands_in_one_round_trip(host: Host, capra: Capra, user: str) -> None:
    assert host.ssh("command -v python3 python || echo none").stdout.strip() == "none"
    manifest = capra.manifests(machine(host, user=user), key_secret(host))
    data = capra.data(cloud_config(FILES, COMMANDS))
    before = host.exec_requests()

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert host.exec_requests() - before == 1
    assert report["outcome"] == "Finished"
    assert report["providerID"] == f"remote-machine://{host.address}:{host.port}"
    assert [step["state"] for step in report["steps"]] == ["ok"] * 9  # 3 files, 5 commands, the look for the sentinel
    assert {name: count(host, name) for name in ("one", "two", "four")} == {"one": 1, "two": 1, "four": 1}
    _assert_files(host)


def _assert_files(host: Host) -> None:
    def read(path: str) -> bytes:
        return base64.b64decode(
            host.ssh(f'base64 "$(printf %s {base64.b64encode(path.encode()).decode()} | base64 -d)"').stdout
        )

    assert read("/etc/k0s.token") == b"token"
    assert read("/opt/deep/er/bytes") == EVERY_BYTE
    assert read(AWKWARD_PATH) == AWKWARD.encode()
    stat = host.ssh("stat -c '%a %U %G' /etc/k0s.token /opt/deep/er/bytes /etc/capra*/*").stdout.splitlines()
    assert stat == ["600 root root", "644 root root", "640 root ops"]
    # Created parents are 0755, whatever the file's mode.
    assert host.ssh("stat -c %a /opt/deep /opt/deep/er '/etc/capra test'").stdout.split() == ["755"] * 3
    assert host.ssh("cat /var/tmp/umask").stdout.strip() == "0022"


@pytest.mark.parametrize("user", ["root", "ops"])
def test_what_the_host_says_of_itself_is_remembered(host: Host, capra: Capra, user: str) -> None:
    manifest = capra.manifests(machine(host, user=user), key_secret(host))
    data = capra.data(cloud_config())
    named = host.ssh("uname -n; echo $SSH_CONNECTION").stdout.split()
    assert named[0]

    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    [status] = capra.json("status", "-f", manifest)
    assert status["hostName"] == named[0]
    assert status["hostAddresses"] == ([] if named[3].startswith("127.") else [named[3]])


def test_a_second_bootstrap_says_so_and_does_nothing(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("once")]))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    before = host.exec_requests()

    done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert "already" in (done.stdout + done.stderr).lower()
    assert host.exec_requests() == before
    assert count(host, "once") == 1


def test_with_the_state_lost_the_host_remembers(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("once")]))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    for file in (capra.state / "machines").iterdir():
        file.unlink()

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert report["outcome"] == "Finished"
    assert report["changed"] is False
    assert count(host, "once") == 1


def test_a_dry_run_says_what_would_happen_and_changes_nothing(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(FILES, COMMANDS))
    snapshot = "find /etc /opt /var/lib /var/tmp /root /run/cluster-api -printf '%p %s %T@ %m\\n' 2>/dev/null | sort"
    before = host.ssh(snapshot).stdout

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, "--check")

    assert host.ssh(snapshot).stdout == before
    assert [step["state"] for step in report["steps"]] == ["create"] * 3 + ["run"] * 6
    [status] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert status["changed"] is True


def test_commands_as_script(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(
        machine(host, user="ops", commandsAsScript=True, workingDir="/opt/capra work"), key_secret(host)
    )
    data = capra.data(cloud_config(commands=["value=kept", 'echo "$value" > /var/tmp/value']))

    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert host.ssh("cat /var/tmp/value").stdout.strip() == "kept"
    script = host.ssh("stat -c '%a' '/opt/capra work/k0s_install.sh'; head -n 2 '/opt/capra work/k0s_install.sh'")
    assert script.stdout.splitlines() == ["700", "#!/bin/sh", "set -e"]


def test_without_the_sentinel_it_has_not_succeeded(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(b"#cloud-config\nruncmd:\n- 'true'\n")

    done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)

    assert "/run/cluster-api/bootstrap-success.complete does not exist" in done.stdout + done.stderr


def test_ten_hosts_side_by_side_from_one_file(ten_hosts: list[Host], capra: Capra) -> None:
    documents = [document for host in ten_hosts for document in (machine(host), key_secret(host))]
    manifest = capra.manifests(*documents)
    data = capra.data(cloud_config(FILES[:1], [counted("once", "sleep 3")]))

    reports = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert [report["outcome"] for report in reports] == ["Finished"] * 10
    assert [count(host, "once") for host in ten_hosts] == [1] * 10
    cleaned = capra.json("cleanup", "-f", manifest)
    assert [report["outcome"] for report in cleaned] == ["Finished"] * 10
    assert {
        host.ssh("ls -d /etc/k0s.token /var/lib/capra 2>/dev/null | wc -l").stdout.strip() for host in ten_hosts
    } == {"0"}


def test_a_finished_step_that_has_changed_is_named_before_it_runs_again(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    first, second = counted("one"), counted("two", "test -e /var/tmp/cause")
    data = capra.data(cloud_config(commands=[first, second]))
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    host.ssh("touch /var/tmp/cause")
    data = capra.data(cloud_config(commands=[f"{first}; true", second]))

    done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data)

    told = [
        line.partition("runcmd[0]: ")[2] for line in (done.stdout + done.stderr).splitlines() if "runcmd[0]: " in line
    ]
    assert told[0].endswith(": changed"), told
    assert ": ok in " in told[-1], told
    assert [count(host, name) for name in ("one", "two")] == [2, 2]


def test_all_steps_run_again_when_that_is_asked_for(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("one"), counted("two", "test -e /var/tmp/cause")]))
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    host.ssh("touch /var/tmp/cause")

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, "--restart")

    assert report["outcome"] == "Finished"
    assert [count(host, name) for name in ("one", "two")] == [2, 2]


def test_data_that_makes_no_sentinel(host: Host, capra: Capra) -> None:
    """As MicroK8s' provider has it: said so by an annotation, the end of the commands proves the bootstrap."""
    document = machine(host)
    data = capra.data(b"#cloud-config\nruncmd: [echo ran >> /var/tmp/count.once]\n")
    arguments = ("bootstrap", "-f", capra.manifests(document, key_secret(host)), "--bootstrap-data", data)
    [report] = capra.json(*arguments, code=1)
    assert "set the annotation capra.infrastructure.cluster.x-k8s.io/sentinel to none" in report["message"]
    document["metadata"]["annotations"] = {"capra.infrastructure.cluster.x-k8s.io/sentinel": "none"}
    capra.manifests(document, key_secret(host))
    [report] = capra.json(*arguments)
    assert report["outcome"] == "Finished"
    assert count(host, "once") == 1


def test_a_command_that_fails_after_the_sentinel_is_a_warning(host: Host, capra: Capra) -> None:
    """kubeadm's postKubeadmCommands come after it."""
    manifest = capra.manifests(machine(host), key_secret(host))
    after = [counted("post"), "echo no such unit; exit 3", counted("never")]
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config(commands=[], after=after)))
    [report] = capra.json(*arguments)
    assert report["outcome"] == "Finished"
    told = "but step 3 of 5 failed: run runcmd[2]: echo …: no such unit (exit status 3); 1 step"
    assert f"{told} after it was not run" in report["message"]
    assert (count(host, "post"), count(host, "never")) == (1, 0)
    [report] = capra.json(*arguments)
    assert report["decision"] == "Keep"


def test_a_sentinel_that_was_there_before_proves_nothing(host: Host, capra: Capra) -> None:
    host.ssh("mkdir -p /run/cluster-api; touch /run/cluster-api/bootstrap-success.complete", check=True)
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("once"), "exit 3"]))
    for options in ((), (), ("--restart",)):
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, *options, code=1)
        assert report["outcome"] == "StepFailed"
    assert count(host, "once") == 2


def test_what_a_failed_step_said_can_be_read_afterwards(capra: Capra, host: Host) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config([{"path": "/etc/t", "content": TOKEN}], ["seq 1 40; cat /etc/t; exit 3"]))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    assert report["outcome"] == "StepFailed"
    told = capra.run("logs", host.name).stdout
    assert [f"    {number}" in told.splitlines() for number in (1, 40)] == [True, True]
    assert "failed, status 3" in told
    place = re.search(r"all of it is on the host, in (\S+)\)", told)
    assert place is not None
    assert host.ssh(f"head -1 {place[1]}").stdout == "1\n"
    assert capra.run("logs", host.name, "2").stdout.splitlines()[:2] == ["1", "2"]
    kept = "".join(path.read_text() for path in (capra.state / "output").rglob("*.json"))
    assert TOKEN not in kept + told
    assert "[hidden]" in kept
