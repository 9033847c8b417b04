"""The parts of a run that need no host: its private directory, its messages, its files, and what is hidden."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capra.model.machine import MachineKey
from capra.model.run import Connection, Playbook, Progress, RunRequest, RunResult, RunSecrets, TaskEvent
from capra.runs import events
from capra.runs.directory.artifacts import keep_artifacts
from capra.runs.directory.layout import ansible_environment, lay_out, ssh_arguments
from capra.runs.directory.private import private_directory, sweep
from capra.runs.message import dump_request, load_request, load_result
from capra.runs.paths import collections_path
from capra.runs.redaction.redact import HIDDEN, Redactor

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
REQUEST = RunRequest(
    key=MachineKey("default", "node-0"),
    playbook=Playbook.BOOTSTRAP,
    connection=Connection("192.0.2.1", 2222, "ops", True, ("ssh-ed25519 AAAA",)),
    variables={"bootstrap_uid": "x", "text": "{{ 7 * 7 }}"},
    secrets=RunSecrets(KEY, "hunter2", b"\xff\x00steps", ("join-token-123",)),
)


@settings(max_examples=25)
@given(steps=st.binary(), text=st.text())
def test_a_request_survives_the_pipe(steps: bytes, text: str) -> None:
    secrets = RunSecrets(text, text, steps, (text,))
    request = replace(REQUEST, secrets=secrets, variables={"list": [text, 1, True]})
    line = dump_request(request)
    assert line.count(b"\n") == 1
    assert load_request(line) == request


def test_a_result_survives_the_pipe() -> None:
    result = RunResult(
        (TaskEvent("runner_on_ok", "task", {"steps": []}),), {"ok": 1}, ("ssh-ed25519 AAAA",), "timeout", sent=False
    )
    assert load_result(json.loads(json.dumps(asdict(result)))) == result


def test_a_private_directory_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with private_directory(tmp_path) as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        lay_out(directory, REQUEST)
        for file in directory.rglob("*"):
            mode = stat.S_IMODE(file.stat().st_mode)
            assert mode == (0o700 if file.is_dir() else 0o600) or file.name == "lock"
        assert (directory / "steps").read_bytes() == REQUEST.secrets.steps
        assert "hunter2" not in " ".join(ansible_environment(directory, REQUEST).values())
    assert list(tmp_path.iterdir()) == []


def test_directories_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = tmp_path / "capra-run-dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "key").write_text(KEY)
    being_made = tmp_path / "capra-run-new"
    being_made.mkdir()
    alive = tmp_path / "capra-run-alive"
    alive.mkdir()
    with (alive / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert sweep(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["capra-run-alive", "capra-run-new"]


def test_everything_secret_is_hidden_however_deep() -> None:
    redactor = Redactor.of(REQUEST.secrets)
    seen = redactor.data({"msg": "token join-token-123", "list": [("b3BlbnNzaC1rZXktdjEAAAAA", 5)], "short": "hunter2"})
    assert seen == {"msg": f"token {HIDDEN}", "list": [[HIDDEN, 5]], "short": HIDDEN}
    assert redactor.text("-----BEGIN OPENSSH PRIVATE KEY-----") == "-----BEGIN OPENSSH PRIVATE KEY-----"


def test_a_secret_is_hidden_in_the_form_that_json_gives_it() -> None:
    secret = 'quote " backslash \\ umlaut ü'
    redactor = Redactor.of(RunSecrets(hidden=(secret,)))
    for form in (secret, json.dumps({"a": secret}), json.dumps({"a": secret}, ensure_ascii=False)):
        assert "backslash" not in redactor.text(form)


def test_a_first_contact_trusts_and_a_known_host_is_checked(tmp_path: Path) -> None:
    known = " ".join(ssh_arguments(REQUEST.connection, tmp_path / "known_hosts"))
    assert "StrictHostKeyChecking=yes" in known
    first = " ".join(ssh_arguments(replace(REQUEST.connection, host_keys=()), tmp_path / "known_hosts"))
    assert "StrictHostKeyChecking=accept-new" in first
    lay_out(tmp_path, REQUEST)
    assert (tmp_path / "known_hosts").read_text() == "[192.0.2.1]:2222 ssh-ed25519 AAAA\n"


def test_a_path_with_blanks_is_one_file_for_openssh() -> None:
    words = ssh_arguments(REQUEST.connection, Path("/run/my user/100%"))
    assert 'UserKnownHostsFile="/run/my user/100%%/known_hosts"' in words


def test_events_that_tell_something() -> None:
    redactor = Redactor.of(REQUEST.secrets)
    said = {
        "event": "verbose",
        "stdout": 'capra-progress {"step":1,"count":2,"title":"t","state":"ok","seconds":0.5,"output":"o"}',
    }
    assert events.progress(said) == Progress(1, 2, "t", "ok", 0.5, "o")
    assert events.progress({"event": "verbose", "stdout": "capra-progress {broken"}) is None
    result = {"event": "runner_on_failed", "event_data": {"task": "t", "res": {"msg": "join-token-123"}}}
    assert events.task_event(result, redactor) == TaskEvent("runner_on_failed", "t", {"msg": HIDDEN})
    ignored = {"event": "runner_on_failed", "event_data": {"task": "t", "res": {}, "ignore_errors": True}}
    assert events.task_event(ignored, redactor) is None
    recap = {"event": "playbook_on_stats", "event_data": {"ok": {"node-0": 2}, "failures": {"other": 1}}}
    assert events.stats(recap, "node-0") == dict.fromkeys(events.STATS_FIELDS, 0) | {"ok": 2}
    assert events.stats(said, "node-0") is None


def test_kept_artifacts_hold_no_secret_and_not_the_environment(tmp_path: Path) -> None:
    source = tmp_path / "run"
    (source / "job_events").mkdir(parents=True)
    (source / "job_events" / "1.json").write_text(json.dumps({"stdout": "join-token-123 said"}))
    (source / "stdout").write_text("join-token-123")
    (source / "command").write_text("environment")
    place = keep_artifacts(source, tmp_path / "kept", REQUEST)
    assert sorted(str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()) == [
        "job_events/1.json",
        "stdout",
    ]
    assert "join-token-123" not in "".join(file.read_text() for file in place.rglob("*") if file.is_file())


def test_the_collection_is_found_beside_the_package() -> None:
    assert (collections_path() / "ansible_collections" / "capra" / "machine" / "roles" / "bootstrap").is_dir()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), private_directory(tmp_path / "missing"):
        pass
    assert os.listdir(tmp_path) == []
