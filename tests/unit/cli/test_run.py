"""`capra run`: a playbook on machines, side by side or in groups, which leaves what is remembered alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capra.cli.commands import run
from capra.model.run import Playbook, RunResult, TaskEvent
from capra.testing import FakeRunner, finished, unreachable
from capra.testing.runner import RECAP
from tests.unit.cli.conftest import Terminal
from tests.unit.local.examples import HOST_KEY, machine, secret, write_text

PLAYBOOK = "- hosts: all\n"
FAILED = RunResult(
    (TaskEvent("runner_on_failed", "Restart it", {"msg": "no such service"}),), RECAP | {"ok": 0, "failures": 1}
)


def _arguments(capra: Terminal, machines: int = 1) -> tuple[str, ...]:
    write_text(capra.directory, PLAYBOOK, "patch day.yml")
    write_text(capra.directory, "token: opensesame\n", "v.yml")
    documents = [machine(f"node-{number}", address=f"192.0.2.{number + 1}") for number in range(machines)]
    return "run", "patch day.yml", "-f", capra.manifest(*documents, secret())


def _ran(capra: Terminal) -> list[str]:
    assert isinstance(capra.runner, FakeRunner)
    return [request.key.name for request in capra.runner.requests]


def test_it_runs_and_remembers_a_host_key_only(capra: Terminal) -> None:
    capra.runner = FakeRunner([finished((HOST_KEY,))])
    arguments = (*_arguments(capra), "--variables", "v.yml", "--check", "--diff", "--hook-timeout", "7")
    [report] = capra.json(*arguments)
    assert (report["decision"], report["outcome"]) == ("Run", "Finished")
    assert report["message"] == "hook patch-day: tasks: 1 ok, 1 changed"
    (request,) = capra.runner.requests
    assert (request.playbook, request.hook, request.timeout) == (Playbook.HOOK, "patch-day", 7.0)
    assert (request.check, request.diff, request.secrets.hook) == (True, True, PLAYBOOK)
    assert request.secrets.hook_variables == {"token": "opensesame"}
    assert "opensesame" in request.secrets.credentials
    assert not list((capra.state / "machines").iterdir())
    assert HOST_KEY in (capra.state / "known_hosts").read_text()


def test_exit_codes_are_those_of_other_commands(capra: Terminal) -> None:
    capra.runner = FakeRunner([FAILED])
    done = capra(*_arguments(capra), code=1)
    assert "hook patch-day: task 'Restart it' failed on node-0: no such service" in capra.said(done)
    capra.runner = FakeRunner([unreachable()])
    capra(*_arguments(capra), code=3)


def test_groups_end_after_one_with_a_failure(capra: Terminal) -> None:
    capra.runner = FakeRunner([finished(), finished(), FAILED, finished()])
    reports = capra.json(*_arguments(capra, 7), "--serial", "2", code=1)
    assert [report["outcome"] for report in reports[:4]].count("HookFailed") == 1
    assert [report["outcome"] for report in reports[4:]] == ["NotBegun"] * 3
    assert sorted(_ran(capra)) == ["node-0", "node-1", "node-2", "node-3"]
    capra.runner = FakeRunner()
    capra(*_arguments(capra, 5), "--serial", "2")
    assert len(_ran(capra)) == 5


def test_only_those_that_are_named(capra: Terminal) -> None:
    capra(*_arguments(capra, 3), "--limit", "node-1")
    assert _ran(capra) == ["node-1"]


@pytest.mark.parametrize(
    ("text", "more", "problem"),
    [
        ("hosts: all", (), "file patch day.yml: must be a playbook, which is a list of plays"),
        (PLAYBOOK, ("--variables", "no.yml"), "--variables: no.yml cannot be read: No such file or directory"),
        (PLAYBOOK, ("--variables", "bad.yml"), "file bad.yml: must be a mapping of variables"),
        (PLAYBOOK, ("--collection", "a.b"), "--collection: a.b is not installed where Capra runs"),
    ],
)
def test_bad_input_contacts_nobody(
    capra: Terminal, monkeypatch: pytest.MonkeyPatch, text: str, more: Any, problem: str
) -> None:
    monkeypatch.setattr(run, "has_collection", lambda name: False)
    arguments = _arguments(capra)
    write_text(capra.directory, text, "patch day.yml")
    write_text(capra.directory, "- hush", "bad.yml")
    done = capra(*arguments, *more, code=2)
    assert problem in capra.said(done)
    assert "hush" not in capra.said(done)
    assert _ran(capra) == []
    assert not Path(capra.state / "machines").exists()
