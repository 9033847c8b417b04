"""A user's playbook finds its own files and collections, and nothing of whoever runs it."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from capra.model.machine import MachineKey
from capra.model.run import Connection, Playbook, RunRequest, RunSecrets, TaskEvent
from capra.runs import events, evidence
from capra.runs.directory.artifacts import keep_artifacts
from capra.runs.directory.layout import lay_out
from capra.runs.directory.private import private_directory
from capra.runs.hooks import surroundings
from capra.runs.hooks.surroundings import forget_caller, has_collection, hook_environment
from capra.runs.hooks.watch import HookWatch, total_stats
from capra.runs.message import dump_request, load_request
from capra.runs.paths import collections_path
from capra.runs.redaction.redact import Redactor

PLAYBOOK = "- hosts: all\n"
REQUEST = RunRequest(
    MachineKey("default", "m"),
    Playbook.HOOK,
    Connection("192.0.2.1", become=True),
    {},
    RunSecrets("key", "become-pass", hook=PLAYBOOK, hook_variables={"a": "{{ 7 * 7 }}", "b": [1, None, True]}),
    hook="harden",
)


def test_a_request_survives_the_pipe() -> None:
    assert load_request(dump_request(REQUEST)) == REQUEST


def test_its_files_are_private_and_no_variable_is_a_template(tmp_path: Path) -> None:
    with private_directory(tmp_path) as directory:
        lay_out(directory, REQUEST)
        playbook = directory / "project" / surroundings.PLAYBOOK
        assert playbook.read_text() == PLAYBOOK
        assert stat.S_IMODE(playbook.stat().st_mode) == 0o600
        variables = json.loads((directory / "env" / "extravars").read_text())
        assert variables == {"a": {"__ansible_unsafe": "{{ 7 * 7 }}"}, "b": [1, None, True]}
        host = json.loads((directory / "inventory" / "hosts.json").read_text())["all"]["hosts"]["m"]
        assert host["ansible_become"] is True
    with private_directory(tmp_path) as directory:
        lay_out(directory, replace(REQUEST, hook="", playbook=Playbook.BOOTSTRAP))
        assert 'ansible_become"' not in (directory / "inventory" / "hosts.json").read_text()


def test_nothing_of_the_caller_is_left(tmp_path: Path) -> None:
    environment = {
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "KUBECONFIG": "/x",
        "CAPRA_KUBECONFIG": "/x",
        "HTTPS_PROXY": "http://user:password@proxy",
        "SSH_AUTH_SOCK": "/x",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token",
        "HOME": "/root",
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
    }
    forget_caller(environment, tmp_path)
    assert environment == {"PATH": "/bin", "LC_ALL": "C.UTF-8"} | {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
    }


def test_collections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert has_collection("ansible.builtin")
    assert has_collection("capra.machine")
    assert not has_collection("a.b")
    (tmp_path / ".ansible" / "collections" / "ansible_collections" / "a" / "b").mkdir(parents=True)
    assert has_collection("a.b")
    assert not has_collection("a.c")
    home = surroundings.own_collections()
    paths = hook_environment(home)["ANSIBLE_COLLECTIONS_PATH"].split(":")
    assert paths == [str(collections_path()), f"{tmp_path}/.ansible/collections", "/usr/share/ansible/collections"]
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "site" / "ansible_collections" / "c" / "d").mkdir(parents=True)
    assert has_collection("c.d")


@pytest.mark.parametrize(
    ("names", "sent"),
    [
        ([], False),
        (["playbook_on_start"], False),
        (["runner_on_start", "runner_on_unreachable"], False),
        (["runner_on_start"], True),
        (["runner_on_start", "runner_on_ok"], True),
        (["runner_on_start", "runner_on_failed"], True),
        (["runner_on_start", "runner_on_ok", "runner_on_start", "runner_on_unreachable"], True),
        (["runner_on_start", "runner_on_unreachable"] * 2, True),
    ],
)
def test_what_proves_that_nothing_was_sent(tmp_path: Path, names: list[str], sent: bool) -> None:
    evidence.lay_out_evidence(tmp_path)
    watch = HookWatch()
    for name in names:
        watch.see({"event": name})
    assert watch.may_have_sent is sent
    if watch.may_have_sent:
        evidence.doubt(tmp_path)
    assert evidence.was_sent(tmp_path) is sent


def test_the_recap_is_of_all_hosts() -> None:
    data = {"ok": {"m": 2, "localhost": 1}, "failures": {"localhost": 1}}
    assert total_stats({"event": "playbook_on_stats", "event_data": data}) == {
        "ok": 3,
        "changed": 0,
        "dark": 0,
        "failures": 1,
        "skipped": 0,
        "rescued": 0,
        "ignored": 0,
    }
    assert total_stats({"event": "runner_on_ok"}) is None


def test_a_secret_in_the_name_of_a_task_is_hidden() -> None:
    redactor = Redactor.of(RunSecrets(credentials=("opensesame",)))
    event = {"event": "runner_on_failed", "event_data": {"task": "Say opensesame", "res": {"msg": "opensesame"}}}
    assert events.task_event(event, redactor) == TaskEvent("runner_on_failed", "Say [hidden]", {"msg": "[hidden]"})


def test_any_task_of_a_user_contacts_somebody() -> None:
    event = {"event": "runner_on_start", "event_data": {"task_action": "ansible.builtin.raw"}}
    assert events.contacts(event, any_task=True)
    assert not events.contacts(event)


def test_artifacts_are_named_after_the_hook(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    place = keep_artifacts(tmp_path / "run", tmp_path / "kept", REQUEST)
    assert place.parent == tmp_path / "kept" / "default.m"
    assert place.name.endswith("-hook-harden")
