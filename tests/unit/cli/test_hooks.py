"""Playbooks of the user's from a terminal: what is run, told and remembered of them."""

from __future__ import annotations

from typing import Any

import pytest

from capra.cli.shared import planning
from capra.model.run import RunResult, TaskEvent
from capra.testing import FakeRunner, finished
from capra.testing.runner import RECAP
from tests.unit.cli.conftest import Terminal
from tests.unit.local.examples import machine, secret, write_text

PLAYBOOK = "- hosts: all\n"
FAILED = RunResult(
    (TaskEvent("runner_on_failed", "Install auditd", {"msg": "no such package"}),), RECAP | {"ok": 0, "failures": 1}
)
STEP = {"number": 0, "title": "run runcmd[0]", "state": "ok", "rc": 0, "seconds": 0.1}


def _arguments(capra: Terminal, **more: Any) -> tuple[str, ...]:
    write_text(capra.directory, PLAYBOOK, "hook.yml")
    write_text(capra.directory, "a: opensesame", "v.yml")
    hook = {"playbook": {"file": "hook.yml"}, "variables": {"file": "v.yml"}, **more}
    stages = {"beforeBootstrap": "harden", "afterBootstrap": "register", "beforeCleanUp": "leave"}
    ansible = {stage: [{"name": name, **hook}] for stage, name in stages.items()}
    return "-f", capra.manifest(machine(ansible=ansible), secret())


def _ran(capra: Terminal) -> list[str]:
    assert isinstance(capra.runner, FakeRunner)
    return [request.hook or str(request.playbook) for request in capra.runner.requests]


def test_a_bootstrap_and_a_cleanup_with_hooks(capra: Terminal) -> None:
    capra.runner = FakeRunner([finished(), finished(steps=[STEP], msg="1 step finished"), finished()])
    arguments = _arguments(capra)
    data = ("--bootstrap-data", capra.data())
    done = capra("bootstrap", *arguments, *data, "--hook-timeout", "7")
    assert _ran(capra) == ["harden", "bootstrap", "register"]
    assert [request.timeout for request in capra.runner.requests] == [7.0, 3600.0, 7.0]
    said = capra.said(done)
    assert "node-0: hook harden node-0: hook harden: tasks: 1 ok, 1 changed" in said
    assert "hook harden: tasks: 1 ok, 1 changed; 1 step finished; hook register" in said
    assert "1/1" in said
    assert "opensesame" not in said
    assert "is provisioned already" in capra.said(capra("bootstrap", *arguments, *data))
    capra("cleanup", *arguments)
    assert _ran(capra)[3:] == ["leave", "preflight", "k0s_cleanup"]


def test_a_hook_that_fails(capra: Terminal) -> None:
    capra.runner = FakeRunner([FAILED, finished()])
    arguments = ("bootstrap", *_arguments(capra), "--bootstrap-data", capra.data())
    [report] = capra.json(*arguments, code=1)
    assert (report["outcome"], report["decision"]) == ("HookFailed", "Bootstrap")
    assert report["message"] == "hook harden: task 'Install auditd' failed on node-0: no such package"
    assert report["next"].startswith("mend the cause and run the same command again")
    [report] = capra.json("status", "-f", str(capra.directory / "machine.yaml"))
    assert (report["phase"], report["reason"]) == ("Bootstrapping", "HookFailed")
    capra(*arguments)
    assert _ran(capra) == ["harden", "harden", "bootstrap", "register"]


def test_a_plan_lists_hooks_and_none_of_their_content(capra: Terminal) -> None:
    arguments = _arguments(capra)
    [planned] = capra.json("plan", *arguments, "--bootstrap-data", capra.data())
    hooks = [(one["stage"], one["name"], one["playbook"], one["done"]) for one in planned["hooks"]]
    assert hooks == [
        ("beforeBootstrap", "harden", "file hook.yml", False),
        ("afterBootstrap", "register", "file hook.yml", False),
    ]
    assert planned["hooks"][0]["variables"] == ["a"]
    done = capra("plan", *arguments, "--for", "cleanup")
    assert "beforeCleanUp leave file hook.yml to run" in capra.said(done)
    assert "opensesame" not in done.stdout
    assert _ran(capra) == []


def test_a_check_runs_hooks_in_check_mode(capra: Terminal) -> None:
    capra("bootstrap", "--check", "--diff", *_arguments(capra), "--bootstrap-data", capra.data())
    assert _ran(capra) == ["harden", "bootstrap", "register"]
    assert isinstance(capra.runner, FakeRunner)
    assert all(request.check and request.diff for request in capra.runner.requests)
    assert not list(capra.state.rglob("*.json"))


def test_a_missing_collection_is_told_before_anything_runs(capra: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "has_collection", lambda name: name == "a.b")
    arguments = ("bootstrap", *_arguments(capra, collections=["a.b", "c.d"]), "--bootstrap-data", capra.data())
    [report] = capra.json(*arguments, code=1)
    assert report["outcome"] == "MissingCollection"
    assert "hook harden needs the collection c.d, which is not installed where Capra runs" in report["message"]
    assert _ran(capra) == []


def test_a_playbook_that_is_none_is_bad_input(capra: Terminal) -> None:
    arguments = _arguments(capra)
    write_text(capra.directory, "hosts: all", "hook.yml")
    done = capra("bootstrap", *arguments, "--bootstrap-data", capra.data(), code=2)
    assert "file hook.yml: must be a playbook, which is a list of plays" in capra.said(done)
    assert _ran(capra) == []
