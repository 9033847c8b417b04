"""Questions to hosts, and where their answers are not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from capra.clusters.questions import ask_token, bring_token
from capra.engine.requests import PlanOptions
from capra.model.run import Playbook, RunResult
from capra.runs.directory.layout import lay_out, read_answer
from capra.runs.kept.keeping import Keeping
from capra.runs.kept.kept_runs import KeptRuns
from capra.runs.message import dump_request, dump_result, load_request, load_result
from capra.runs.runner import ObservedRunner
from capra.settings.values import KeepLimits
from capra.testing import FakeRunner
from tests.unit.clusters.examples import cluster, host
from tests.unit.engine.examples import observation

TOKEN = "H4sIAAAAtoken-5f1e9d7c3b2a"
ONE = cluster(host("controller", 1, k0sInstallPath="/opt/k0s", dataDir="/data"))


def test_a_question_names_what_is_asked() -> None:
    request = ask_token(observation(), ONE.leader, "worker", PlanOptions(artifacts="/a"))
    assert (request.playbook, request.artifacts) == (Playbook.K0S_CLUSTER, "")
    assert {name.removeprefix("k0s_cluster_"): value for name, value in request.variables.items()} == {
        "question": "token",
        "role": "worker",
        "expiry": "3600s",
        "binary": "/opt/k0s",
        "data_dir": "/data",
        "use_sudo": False,
    }


def test_a_token_is_no_variable_and_is_hidden(tmp_path: Path) -> None:
    request = bring_token(observation(), ONE.leader, TOKEN, PlanOptions())
    assert TOKEN not in repr(request)
    assert request.secrets.credentials == (TOKEN,)
    assert request.variables["k0s_cluster_name"] == "default/m"
    assert load_request(dump_request(request)) == request
    lay_out(tmp_path, request)
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN in path.read_text()]
    assert holding == [tmp_path / "token"]
    assert holding[0].stat().st_mode & 0o777 == 0o600
    assert read_answer(tmp_path) == ""


def test_who_takes_a_host_over_asks_for_no_claim() -> None:
    request = bring_token(observation(), ONE.leader, TOKEN, PlanOptions(take_over="unknown"))
    assert "k0s_cluster_name" not in request.variables


def test_an_answer_crosses_the_pipe_and_shows_nowhere(tmp_path: Path) -> None:
    result = RunResult(stats={"ok": 1}, answer=TOKEN)
    assert TOKEN not in repr(result)
    assert load_result(dump_result(result)).answer == TOKEN
    kept = KeptRuns(tmp_path / "kept", KeepLimits())
    request = ask_token(observation(), ONE.leader, "worker", PlanOptions())

    class Answering(FakeRunner):
        async def run(self, request: object, listener: object) -> RunResult:
            return result

    got = asyncio.run(
        ObservedRunner(Answering(), Keeping(kept, lambda: 0.0).observe).run(request, lambda progress: None)
    )
    assert got.answer == TOKEN
    assert not (tmp_path / "kept").exists()
