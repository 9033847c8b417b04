"""`capra up`, with a cluster that answers from memory: what is told after the hosts, and before."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.bootstrap.steps import load_tasks
from capra.cli.shared import ready
from capra.engine.ports import ProgressListener
from capra.model.run import Playbook, RunRequest, RunResult
from capra.testing import FakeRunner, finished, unreachable
from tests.unit.cli.conftest import Terminal
from tests.unit.clusters.examples import config
from tests.unit.local.examples import private_key

PAIR = base64.b64encode(b"x").decode()
KUBECONFIG = yaml.safe_dump(
    {
        "clusters": [{"cluster": {"certificate-authority-data": PAIR}}],
        "users": [{"user": {"client-certificate-data": PAIR, "client-key-data": PAIR}}],
    }
)


class Cluster(FakeRunner):
    """Hosts that do what they are told, and answer. nodes: the lines of the controller's answer. interrupt: the
    question at which Ctrl-C comes."""

    def __init__(self, nodes: str = "", interrupt: str = "") -> None:
        super().__init__()
        self.nodes, self.interrupt = nodes, interrupt

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """An answer to a question, else a run that ends well."""
        if request.playbook is not Playbook.K0S_CLUSTER:
            return await super().run(request, listener)
        self.requests.append(request)
        question = request.variables["k0s_cluster_question"]
        if question == self.interrupt:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)
        answers = {"token": "a-token", "kubeconfig": KUBECONFIG, "nodes": self.nodes}
        return RunResult(**{**vars(finished()), "answer": answers.get(question, "")})


def cluster_file(directory: Path, *hosts: tuple[str, str], **k0s: Any) -> str:
    """A k0sctl.yaml with hosts of these roles and names."""
    (directory / "key").write_text(private_key())
    (directory / "key").chmod(0o600)
    made = [
        {"role": role, "hostname": name, "ssh": {"address": f"192.0.2.{number}", "keyPath": str(directory / "key")}}
        for number, (role, name) in enumerate(hosts, 1)
    ]
    (directory / "k0sctl.yaml").write_text(yaml.safe_dump(config(*made, **k0s)))
    return "k0sctl.yaml"


THREE = (("controller", "c-0"), ("worker", "w-0"), ("worker", "w-1"))


def test_all_of_it(capra: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "INTERVAL", 0.01)
    capra.runner = Cluster("w-0 True\nw-1 True")
    done = capra("up", "-f", cluster_file(capra.directory, *THREE))
    assert "2 of 2 nodes are ready" in done.stderr
    assert "the kubeconfig is in demo.kubeconfig" in done.stderr


def test_the_steps_are_sent_with_what_they_are_for(capra: Terminal) -> None:
    """So that whoever tells of them, at once or later, says the same."""
    capra.runner = runner = Cluster()
    capra("up", "-f", cluster_file(capra.directory, *THREE), "--wait", "0")
    sent = [load_tasks(one.secrets.steps) for one in runner.requests if one.playbook is Playbook.BOOTSTRAP]
    assert [step["title"] for step in sent[1]] == [
        "get k0s",
        "install the service of k0s",
        "start k0s, and wait until it answers",
        "make the sentinel file",
        "look for the sentinel file",
    ]


@pytest.mark.parametrize(
    ("question", "told"), [("nodes", "waited for the nodes"), ("kubeconfig", "asked for the kubeconfig")]
)
def test_an_interrupt_after_the_hosts_keeps_what_there_is(capra: Terminal, question: str, told: str) -> None:
    capra.runner = Cluster(interrupt=question)
    done = capra("up", "-f", cluster_file(capra.directory, *THREE), code=130)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["MACHINE", "c-0", "w-0", "w-1"]
    assert f"interrupted while it {told}: every host is done; run the same command again to take it up" in done.stderr
    assert ("the kubeconfig is in demo.kubeconfig" in done.stderr) is (question == "nodes")


def test_a_limit_that_leaves_out_a_controller_which_is_not_there(capra: Terminal) -> None:
    capra.runner = runner = Cluster()
    file = cluster_file(capra.directory, *THREE)
    command = "bring it first, with capra up -f k0sctl.yaml --limit c-0"
    refused = capra("up", "-f", file, "--limit", "w-0", code=2)
    told = "error: --limit: leaves out c-0, the first controller, which has not been bootstrapped: w-0 cannot join"
    assert told in refused.stderr
    assert command in refused.stderr
    assert runner.requests == []
    capra("up", "-f", file, "--limit", "c-0", "--wait", "0")
    capra("up", "-f", file, "--limit", "w-0", "--wait", "0")
    capra("down", "-f", file)
    refused = capra("up", "-f", file, "--limit", "w-0", code=2)
    assert "c-0, the first controller, which has been cleaned: w-0 cannot join" in refused.stderr
    assert command in refused.stderr
    capra("up", "-f", file, "--limit", "w-0", "--check")


def test_a_first_controller_that_was_cleaned_makes_no_second_cluster(capra: Terminal) -> None:
    capra.runner = Cluster()
    file = cluster_file(capra.directory, *THREE)
    capra("up", "-f", file, "--wait", "0")
    capra("down", "-f", file, "--limit", "c-0")
    refused = capra("up", "-f", file, "--limit", "w-0", code=2)
    assert "hosts[0]: role: c-0 is the first controller, and has been cleaned, but w-0, w-1 may" in refused.stderr
    assert "joined a cluster: clean these hosts with capra down --limit" in refused.stderr


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ssh: connect to host 192.0.2.1 port 22: Connection timed out", "spec.hosts[0].ssh.address (192.0.2.1) is"),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused", "spec.hosts[0].ssh.port (22) is its port"),
        ("root@192.0.2.1: Permission denied (publickey).", "(spec.hosts[0].ssh.keyPath or --ssh-key)"),
    ],
)
def test_messages_name_the_fields_of_the_file(capra: Terminal, said: str, told: str) -> None:
    """Now, and when they are told again."""
    capra.runner = FakeRunner([unreachable(said)])
    file = cluster_file(capra.directory, *THREE)
    result = capra.json("up", "-f", file, code=1 if "denied" in said else 3)[0]
    assert told in result["message"]
    assert "spec." not in (result["message"] + result["next"]).replace("spec.hosts[0].", "")
    assert capra.json("status")[0]["message"] == result["message"]


def test_what_is_refused_names_the_field_of_the_file(capra: Terminal) -> None:
    capra.runner = Cluster()
    file = cluster_file(capra.directory, *THREE)
    strict = capra.json("up", "-f", file, "--host-key-policy", "strict", code=1)[0]
    assert strict["message"].startswith("spec.hosts[0].ssh.hostKey: is needed with --host-key-policy=strict")
    path = capra.directory / file
    path.write_text(path.read_text().replace("address: 192.0.2.2", "address: 192.0.2.2\n      port: 70000"))
    assert "k0sctl.yaml: spec.hosts[1]: ssh.port: must be" in capra("up", "-f", file, code=2).stderr
