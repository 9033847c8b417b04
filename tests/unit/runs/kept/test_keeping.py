"""What a run has said is kept, while it runs and when it has ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from capra.engine.ports import ProgressListener
from capra.engine.requests import PlanOptions, new_request, plan_preflight
from capra.model.run import IN_CONTACT, Playbook, Progress, RunRequest, RunResult
from capra.runs.kept.keeping import Keeping
from capra.runs.kept.kept_run import KeptStep
from capra.runs.kept.kept_runs import KeptRuns
from capra.runs.runner import ObservedRunner
from capra.settings.values import KeepLimits
from capra.testing import FakeRunner
from capra.testing.runner import finished, stepped, unreachable
from tests.unit.engine.examples import observation

SEEN = observation()
REQUEST = new_request(SEEN, PlanOptions(), Playbook.BOOTSTRAP, {}, 60)
STEP = {"number": 0, "title": "run a", "kind": "command", "state": "ok", "rc": 0, "seconds": 1.0, "output": "all\n"}


class Slow:
    """A runner that says something, and then waits."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        listener(IN_CONTACT)
        listener(Progress(0, 2, "run a", "running", output="some\n"))
        listener(Progress(0, 2, "run a", "ok", 1.5))
        listener(Progress(1, 2, "run b", "running"))
        await asyncio.sleep(self.seconds)
        return finished(steps=[STEP])


@pytest.fixture
def kept(tmp_path: Path) -> KeptRuns:
    return KeptRuns(tmp_path / "output", KeepLimits(), lambda: 1000.0)


async def _run(kept: KeptRuns, runner: FakeRunner | Slow, request: RunRequest = REQUEST) -> list[Progress]:
    heard: list[Progress] = []
    await ObservedRunner(runner, Keeping(kept, lambda: 1000.0, period=0.05).observe).run(request, heard.append)
    return heard


async def test_a_run_that_has_ended(kept: KeptRuns) -> None:
    await _run(kept, FakeRunner([finished(steps=[STEP])]))
    run = kept.read(SEEN.machine.key)
    assert (run.playbook, run.begun, run.ended, run.outcome, run.message) == (
        "bootstrap",
        1000,
        1000,
        "Finished",
        "finished",
    )
    assert run.steps == (KeptStep(1, "run a", "ok", 0, 1.0, "all\n"),)


async def test_a_run_that_failed_before_its_first_step_has_what_ansible_said(kept: KeptRuns) -> None:
    result = unreachable()
    await _run(kept, FakeRunner([RunResult(result.events, result.stats, output="ssh: no route")]))
    run = kept.read(SEEN.machine.key)
    assert (run.outcome, run.steps, run.output) == ("Unreachable", (), "ssh: no route")


async def test_a_run_that_is_under_way(kept: KeptRuns) -> None:
    running = asyncio.create_task(_run(kept, Slow(0.4)))
    await asyncio.sleep(0.2)
    run = kept.read(SEEN.machine.key)
    assert (run.ended, run.outcome) == (0.0, "")
    # What a step has said stays when it has ended.
    assert run.steps == (KeptStep(1, "run a", "ok", None, 1.5, "some\n"), KeptStep(2, "run b", "running"))
    assert [one.number for one in await running] == [-1, 0, 0, 1]
    assert kept.read(SEEN.machine.key).outcome == "Finished"
    assert len(kept.names(SEEN.machine.key)) == 1


async def test_a_run_that_is_cut_off_says_so(kept: KeptRuns) -> None:
    running = asyncio.create_task(_run(kept, Slow(60)))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    run = kept.read(SEEN.machine.key)
    assert (run.outcome, run.ended, len(run.steps)) == ("Interrupted", 1000.0, 2)
    await asyncio.sleep(0.1)
    assert kept.read(SEEN.machine.key) == run


async def test_preflights_are_not_kept_and_hooks_are(kept: KeptRuns) -> None:
    await _run(kept, FakeRunner(), plan_preflight(SEEN, PlanOptions()))
    assert kept.names(SEEN.machine.key) == []
    hook = RunRequest(**{**vars(REQUEST), "playbook": Playbook.HOOK, "hook": "patch", "check": True})
    await _run(kept, FakeRunner(), hook)
    assert kept.read(SEEN.machine.key).playbook == "hook patch (check)"


async def test_a_full_disk_costs_no_run(tmp_path: Path) -> None:
    blocked = tmp_path / "output"
    blocked.write_text("a file")
    keeping = Keeping(KeptRuns(blocked, KeepLimits()), lambda: 1000.0)
    runner = ObservedRunner(FakeRunner([stepped()]), keeping.observe)
    with capture_logs() as logged:
        for _ in range(2):
            result = await runner.run(REQUEST, lambda progress: None)
            assert result.events[0].result["reason"] == "step_failed"
    assert [line["event"] for line in logged] == ["the output of runs cannot be kept"]
