"""What crosses the pipe between parent and worker is the same on both sides."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from capra.engine.plan import plan_bootstrap
from capra.engine.requests import PlanOptions
from capra.model.run import RunRequest, RunResult, RunSecrets, TaskEvent
from capra.runs import message
from tests.unit.engine.examples import observation


def _request() -> RunRequest:
    request = plan_bootstrap(observation(), PlanOptions())
    secrets = RunSecrets(
        **{**vars(request.secrets), "steps": b"\x00\xff", "further_keys": ("k",), "certificates": ("", "c")}
        | {"bastion_keys": ("b",), "bastion_certificates": ("d",)}
    )
    return replace(request, secrets=secrets, notes=("note",))


def test_a_request_is_one_line_and_comes_back_as_it_was() -> None:
    request = _request()
    line = message.dump_request(request)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert message.load_request(line) == request


def test_a_result_that_is_too_long_is_never_success(monkeypatch: pytest.MonkeyPatch) -> None:
    result = RunResult(events=(TaskEvent("runner_on_ok", "task", {"x": "y" * 500}),), stats={"ok": 1})
    assert message.dump_result(result)["stats"] == {"ok": 1}
    monkeypatch.setattr(message, "RESULT_LIMIT", 400)
    cut = message.dump_result(result)
    assert (cut["events"], cut["stats"]) == ((), None)
    assert "at most 400 are taken" in cut["output"]


def test_a_result_comes_back_as_it_was() -> None:
    events = (TaskEvent("runner_on_ok", "task", {"x": [1]}),)
    result = RunResult(events=events, stats={"ok": 1}, host_keys=("ssh-ed25519 AAAA",), output="said")
    assert message.load_result(json.loads(json.dumps(message.dump_result(result)))) == result
