"""Whatever dies in between: the host goes on, the next run attaches or resumes, and every command runs exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine, wait_for
from tests.hosts import Host

STEPS = ["one", "two", "three"]
COMMANDS = [counted("one"), counted("two", "sleep 6; echo done > /var/tmp/two"), counted("three")]


def _started(host: Host, name: str) -> None:
    wait_for(lambda: count(host, name) == 1, f"command {name} has begun")


def _counts(host: Host) -> list[int]:
    return [count(host, name) for name in STEPS]


def _processes_below(pid: int) -> list[tuple[int, str]]:
    """Process ids and command lines of everything below a process."""
    table: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        table.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, queue = [], [pid]
    while queue:
        for child in table.get(queue.pop(), []):
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            found.append((child, command))
            queue.append(child)
    return found


@pytest.mark.parametrize("victim", ["capra", "ssh", "program"])
def test_killed_in_the_middle_of_a_command(host: Host, capra: Capra, victim: str) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=COMMANDS))
    process = capra.start("bootstrap", "-f", manifest, "--bootstrap-data", data)
    _started(host, "two")
    if victim == "capra":
        process.send_signal(signal.SIGKILL)
    elif victim == "program":
        # On the host: what follows the steps, not the command.
        host.ssh("readlink /var/lib/capra/lock.1 | cut -d: -f1 | xargs kill -KILL", check=True)
    else:
        sessions = [pid for pid, command in _processes_below(process.pid) if command.startswith("ssh ")]
        assert sessions
        for pid in sessions:
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)

    reports = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert reports[0]["outcome"] in ("Finished", None)  # None: the killed session's own run took it up again
    assert _counts(host) == [1, 1, 1]
    assert host.ssh("cat /var/tmp/two").stdout.strip() == "done"


def test_a_network_that_is_gone_for_a_while(host: Host, capra: Capra) -> None:
    """Long enough for ssh to give the session up: the same call takes the run up again when the network is back."""
    route = subprocess.run(["ip", "-o", "route", "get", host.address], check=True, capture_output=True, text=True)
    device = route.stdout.split(" dev ")[1].split()[0]
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("one"), counted("two", "sleep 20"), counted("three")]))
    process = capra.start("bootstrap", "-f", manifest, "--bootstrap-data", data)
    _started(host, "two")
    subprocess.run(["ip", "link", "set", device, "down"], check=True)
    time.sleep(45)
    subprocess.run(["ip", "link", "set", device, "up"], check=True)

    _, errors = process.communicate(timeout=90)

    assert process.returncode == 0, errors
    assert _counts(host) == [1, 1, 1]


def test_nothing_is_left_on_this_side_when_capra_is_killed(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("two", "sleep 20")]))
    process = capra.start("bootstrap", "-f", manifest, "--bootstrap-data", data)
    _started(host, "two")
    below = [pid for pid, _ in _processes_below(process.pid)]
    assert below

    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)

    wait_for(lambda: not any(_alive(pid) for pid in below), "worker, Ansible and ssh have ended")
    wait_for(lambda: not list(capra.private.iterdir()), "the private directory is gone")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_interrupt_leaves_the_host_resumable(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=COMMANDS))
    process = capra.start("bootstrap", "-f", manifest, "--bootstrap-data", data)
    _started(host, "two")

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in errors
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert _counts(host) == [1, 1, 1]


def test_a_reboot_in_the_middle_runs_the_step_again_and_says_so(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("one"), counted("two", "sleep 15"), counted("three")]))
    process = capra.start("bootstrap", "-f", manifest, "--bootstrap-data", data)
    _started(host, "two")
    host.reboot()
    process.communicate(timeout=90)

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert report["outcome"] == "Finished"
    assert _counts(host) == [1, 2, 1]
    assert report["steps"][1]["cuts"] == ["reboot"]


def test_a_failing_third_command_is_where_the_next_run_starts(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host, user="ops"), key_secret(host))
    third = counted("three", "cat /var/tmp/cause || { echo 'no cause: mend it'; exit 7; }")
    data = capra.data(cloud_config(commands=[counted("one"), counted("two"), third, counted("four")]))

    done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)

    said = done.stdout + done.stderr
    assert "status 7" in said
    assert "no cause: mend it" in said
    assert "3 of" in said
    host.ssh("touch /var/tmp/cause")
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert report["outcome"] == "Finished"
    assert [count(host, name) for name in ("one", "two", "three", "four")] == [1, 1, 2, 1]


def test_two_at_once_run_every_command_once(host: Host, capra: Capra, tmp_path: Path) -> None:
    """Two people with state of their own: only the host can tell them apart, and does."""
    other = Capra(tmp_path / "other")
    other.directory.mkdir()
    processes: list[subprocess.Popen[str]] = []
    for one in (capra, other):
        manifest = one.manifests(machine(host), key_secret(host))
        data = one.data(cloud_config(commands=COMMANDS))
        processes.append(one.start("bootstrap", "-f", manifest, "--bootstrap-data", data))
    for process in processes:
        process.communicate(timeout=90)

    assert [process.returncode for process in processes] == [0, 0]
    assert _counts(host) == [1, 1, 1]


def test_the_time_limit_ends_the_run_on_both_sides(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("two", "timeout 300 sleep 60; echo late > /var/tmp/late")]))

    done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, "--timeout", "4", code=1)

    assert "time limit" in done.stdout + done.stderr
    assert host.ssh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout.count("sleep 60") == 0
    assert host.ssh("cat /var/tmp/late 2>/dev/null | wc -l").stdout.strip() == "0"


def test_cancel_ends_the_run_on_both_sides(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("two", "setsid --wait sleep 60")]))
    process = capra.start("bootstrap", "-f", manifest, "--bootstrap-data", data)
    _started(host, "two")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    [report] = capra.json("cancel", "-f", manifest, "--bootstrap-data", data)
    assert report["message"] == "the run was ended on the host"

    assert host.ssh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout.count("sleep 60") == 0
