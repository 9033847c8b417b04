"""`capra up` and `capra down`: three hosts to a cluster and back, whatever dies in between. k0s is the stand-in."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.support import Capra, wait_for
from tests.e2e.test_secrets import process_lists, texts_below
from tests.hosts import Host, Hosts
from tests.hosts.fixtures import bring_up

pytestmark = pytest.mark.usefixtures("standin")
LEFT = "ls -d /var/lib/k0s /etc/k0s /run/k0s /run/capra-join /etc/systemd/system/k0s* /var/lib/capra 2>/dev/null; true"
VERSION = "1.34.4+k0s.0"


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """Three hosts, for all tests of this file."""
    with bring_up(3) as group:
        yield group


@pytest.fixture
def three(hosts: Hosts) -> list[Host]:
    """They, clean before each test however the last one has ended."""
    everything = [hosts[number] for number in range(3)]
    for host in everything:
        host.ssh(
            "k0s stop; k0s reset; rm -f /var/log/k0s-calls.log /etc/k0s-standin/*; rm -rf /var/lib/capra /run/capra*"
        )
    return everything


def entry(host: Host, role: str, *, user: str = "root", **fields: Any) -> dict[str, Any]:
    """An item of spec.hosts. Another user than root uses sudo."""
    ssh = {"address": host.address, "port": host.port, "user": user, "keyPath": str(host.key_file)}
    return {"role": role, "ssh": ssh, **fields}


def cluster(capra: Capra, *entries: dict[str, Any], name: str = "k0sctl.yaml", **k0s: Any) -> Path:
    """A k0sctl.yaml."""
    document = {
        "apiVersion": "k0sctl.k0sproject.io/v1beta1",
        "kind": "Cluster",
        "metadata": {"name": "demo"},
        "spec": {"hosts": list(entries), "k0s": {"version": VERSION, **k0s}},
    }
    path = capra.directory / name
    path.write_text(yaml.safe_dump(document))
    return path


def nodes(host: Host, *others: Host, unready: tuple[Host, ...] = ()) -> None:
    """What the API server of a host says of the nodes."""
    lines = [f"{one.name} {one not in unready}" for one in others]
    host.ssh("cat > /etc/k0s-standin/nodes", stdin="\n".join(lines) + "\n", check=True)


def calls(host: Host, word: str) -> int:
    """How often k0s was called with this first word."""
    return sum(call.split()[0] == word for call in host.k0s_calls())


def outcomes(report: list[dict[str, Any]]) -> list[str | None]:
    return [one["outcome"] for one in report]


def secrets(controller: Host) -> list[str]:
    """Every token that was made, and the key of the kubeconfig."""
    tokens = controller.ssh("cat /etc/k0s-standin/tokens", check=True).stdout.split()
    key = controller.ssh("k0s kubeconfig admin | sed -n 's/ *client-key-data: //p'", check=True).stdout.strip()
    assert tokens
    assert key
    return [*tokens, key]


def test_three_hosts_to_a_cluster_and_back(three: list[Host], capra: Capra) -> None:
    first, second, worker = three
    file = cluster(
        capra,
        entry(worker, "worker", user="ops"),
        entry(first, "controller", user="ops"),
        entry(second, "controller+worker"),
    )
    nodes(first, second, worker)
    with process_lists() as seen:
        done = capra.run("up", "-f", file, "--artifacts", "artifacts", "-vv")
    assert "2 of 2 nodes are ready" in done.stderr
    begun = [line.split(":")[0] for line in done.stderr.splitlines() if ": begins (" in line]
    assert begun == [first.address, second.address, worker.address], "controllers come one by one, and workers last"

    hidden = secrets(first)
    joined = [host.ssh("cut -c 1-64 /etc/k0s-standin/joined", check=True).stdout.strip() for host in (second, worker)]
    made = [hashlib.sha256(f"{token}\n".encode()).hexdigest() for token in hidden[:-1]]
    assert set(joined) == set(made), "a token for each role"
    kept = capra.directory / "demo.kubeconfig"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(kept.read_text())["clusters"][0] == {
        "name": "demo",
        "cluster": {
            "server": f"https://{first.address}:6443",
            "certificate-authority-data": yaml.safe_load(kept.read_text())["users"][0]["user"][
                "client-certificate-data"
            ],
        },
    }
    for secret in hidden:
        assert not [text for text in seen if secret in text], "in the list of processes"
        assert secret not in done.stdout + done.stderr
        places = [path for path, text in texts_below(capra.directory) if secret in text and path != kept]
        assert places == [], "on a disk of this side"
        for host in three:
            found = host.ssh(
                "grep -rlF -f - /etc /var /run /root /tmp --exclude-dir=k0s-standin 2>/dev/null", stdin=f"{secret}\n"
            )
            assert found.stdout == "", f"on {host.name}"
            assert secret not in host.ssh("journalctl --no-pager 2>/dev/null").stdout
    assert "removed by capra" in worker.ssh("cat /etc/k0s/capra-join-token", check=True).stdout

    again = capra.json("up", "-f", file)
    assert outcomes(again) == [None, None, None]
    assert [calls(host, "install") for host in three] == [1, 1, 1]
    assert first.ssh("wc -l < /etc/k0s-standin/tokens", check=True).stdout.strip() == "2", "nobody asks for more"

    for host in (first, second):
        members = f"{first.name}=https://{first.address}:2380\n{second.name}=https://{second.address}:2380\n"
        host.ssh("cat > /etc/k0s-standin/members", stdin=members, check=True)
    down = capra.run("down", "-f", file)
    ended = [line.split(":")[0] for line in down.stderr.splitlines() if ": begins (" in line]
    assert ended == [worker.address, second.address, first.address]
    assert calls(second, "etcd") >= 1
    assert [host.ssh(LEFT).stdout for host in three] == ["", "", ""]


def test_killed_anywhere_it_goes_on(three: list[Host], capra: Capra) -> None:
    """Of a worker, once at a step, and once on its way to it."""
    first, *workers = three
    file = cluster(capra, entry(first, "controller"), *(entry(worker, "worker") for worker in workers))
    nodes(first, *workers)
    for worker in workers:
        worker.ssh("touch /etc/k0s-standin/start-fails", check=True)
    process = capra.start("up", "-f", file)
    wait_for(lambda: all(calls(worker, "start") > 0 for worker in workers), "the workers to be started", 60)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for worker in workers:
        worker.ssh("rm /etc/k0s-standin/start-fails", check=True)
    report = capra.json("up", "-f", file)
    assert outcomes(report) == [None, "Finished", "Finished"]
    assert [calls(host, "install") for host in three] == [1, 1, 1], "nothing runs twice"
    assert outcomes(capra.json("up", "-f", file)) == [None, None, None]
    assert [host.ssh("ls -d /run/capra-join 2>/dev/null; true").stdout for host in three] == ["", "", ""]


def test_a_worker_that_fails_leaves_the_others_alone(three: list[Host], capra: Capra) -> None:
    first, good, bad = three
    file = cluster(capra, entry(first, "controller"), entry(bad, "worker"), entry(good, "worker"))
    bad.ssh("touch /etc/k0s-standin/install-fails", check=True)
    report = capra.json("up", "-f", file, code=1)
    assert outcomes(report) == ["Finished", "StepFailed", "Finished"]
    assert "its service cannot be installed" in report[1]["message"]
    assert (capra.directory / "demo.kubeconfig").exists(), "the cluster is there"
    bad.ssh("rm /etc/k0s-standin/install-fails", check=True)
    nodes(first, good, bad, unready=(bad,))
    done = capra.run("up", "-f", file, "--wait", "1", "-o", "json", code=1)
    assert f"error: 1 of 2 nodes are ready; not ready: {bad.name}" in done.stderr
    assert json.loads(done.stdout)["nodes"] == {"ready": [good.name], "unready": [bad.name], "missing": []}
    nodes(first, bad)
    assert f"not there: {good.name}" in capra.run("up", "-f", file, "--wait", "1", code=1).stderr


def test_without_a_first_controller_nobody_is_begun(three: list[Host], capra: Capra) -> None:
    first, second, worker = three
    file = cluster(capra, entry(first, "controller"), entry(second, "controller"), entry(worker, "worker"))
    first.ssh("touch /etc/k0s-standin/install-fails", check=True)
    assert outcomes(capra.json("up", "-f", file, code=1)) == ["StepFailed", "NotBegun", "NotBegun"]
    assert [host.k0s_calls() for host in (second, worker)] == [[], []]
    other = cluster(capra, entry(second, "controller"), entry(first, "controller"), name="other.yaml")
    assert "is the first controller, and has not been bootstrapped" in capra.run("up", "-f", other, code=2).stderr


def test_what_has_changed_in_the_file_is_told_and_not_done(three: list[Host], capra: Capra) -> None:
    one = three[0]
    file = cluster(capra, entry(one, "single"))
    assert outcomes(capra.json("up", "-f", file)) == ["Finished"]
    file = cluster(capra, entry(one, "single", installFlags=["--debug"]))
    [report] = capra.json("up", "-f", file, code=1)
    assert (report["outcome"], report["next"]) == (
        "OtherData",
        "put back what the file said; capra down with the same file removes the whole cluster",
    )
    assert calls(one, "install") == 1


def test_a_check_changes_nothing(three: list[Host], capra: Capra) -> None:
    first, second, worker = three
    file = cluster(capra, entry(first, "controller"), entry(second, "controller"), entry(worker, "worker"))
    report = capra.json("up", "-f", file, "--check")
    assert [step["state"] for step in report[0]["steps"]][:2] == ["create", "run"]
    assert [host.ssh(LEFT).stdout for host in three] == ["", "", ""]
    assert [host.k0s_calls() for host in three] == [[], [], []]
    assert not (capra.directory / "demo.kubeconfig").exists()
    refused = capra.run("up", "-f", file, "--kubeconfig-out", str(capra.directory), code=2).stderr
    assert "is a directory, and a file is written" in refused


def test_a_controller_that_hands_out_no_token(three: list[Host], capra: Capra) -> None:
    first, worker, _ = three
    file = cluster(capra, entry(first, "controller"), entry(worker, "worker"))
    first.ssh("touch /etc/k0s-standin/token-fails", check=True)
    report = capra.json("up", "-f", file, code=1)
    assert "the first controller: k0s cluster: token: Error: token failed" in report[1]["message"]
    assert calls(worker, "install") == 0


def test_a_k0s_that_does_not_start_is_told_soon(three: list[Host], capra: Capra) -> None:
    """And by the same words everywhere."""
    first, worker, _ = three
    file = cluster(capra, entry(first, "controller"), entry(worker, "worker"))
    first.ssh("touch /etc/k0s-standin/start-fails", check=True)
    done = capra.run("up", "-f", file, "-o", "json", code=1)
    report = json.loads(done.stdout)["machines"][0]
    assert report["seconds"] < 60
    title = "start k0s, and wait until it answers"
    assert report["message"].startswith(
        f"step 4 of 6 failed: {title}: k0s: it has failed: its service cannot be started; k0s"
    )
    assert (
        f"step 4/6 {title}: running: k0s: it does not answer yet, after 10 of 300 s; k0s start: Error:" in done.stderr
    )
    assert f"step 4 {title}: failed" in capra.run("logs", first.address).stdout
    assert title in capra.run("status").stdout


def test_killed_again_and_again_it_gets_there(three: list[Host], capra: Capra) -> None:
    """Each time a little later, so that every part of it is hit."""
    first, *workers = three
    file = cluster(capra, entry(first, "controller"), *(entry(worker, "worker") for worker in workers))
    nodes(first, *workers)
    for tries in range(1, 30):
        process = capra.start("up", "-f", file)
        try:
            process.communicate(timeout=0.7 * tries)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        else:
            break
    assert process.returncode == 0
    assert tries > 3
    assert [calls(host, "install") for host in three] == [1, 1, 1]
    assert [host.ssh("ls -d /run/capra-join 2>/dev/null; true").stdout for host in three] == ["", "", ""]
    token = first.ssh("cat /etc/k0s-standin/tokens", check=True).stdout.split()
    left = [path for path, text in texts_below(capra.directory) if any(one in text for one in token)]
    assert left == []
