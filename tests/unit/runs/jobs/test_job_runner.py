"""A run by a Job: what is recorded, carried and judged."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from capra.engine.outcome import judge
from capra.model.jobs.job import JobEnd, JobOrder, JobWay, ProvisionJob
from capra.model.machine import MachineKey
from capra.model.run import Connection, OutcomeKind, Playbook, Progress, RunRequest, RunResult, RunSecrets
from capra.runs.jobs.job_runner import JobRunner
from capra.testing.runner import FakeRunner, finished, stepped

SECRET = "Zx9-hidden-credential"
WAY = Connection("192.0.2.7", job=JobWay(ProvisionJob(template={"spec": {}}), "m-1", "u"))
VARIABLES = {"bootstrap_sentinel": "/run/done"}
REQUEST = RunRequest(MachineKey("ns", "m"), Playbook.BOOTSTRAP, WAY, VARIABLES, RunSecrets(credentials=(SECRET,)))
RECORDED = replace(
    stepped("host_error"), answer=json.dumps({"command": "sh", "input": base64.b64encode(b"x").decode()})
)
ANSWER = "\ncapra begin\ncapra end\ncapra over 0\n"


class FakeJobs:
    """A port `Jobs`."""

    def __init__(self, end: JobEnd) -> None:
        self.end = end
        self.orders: list[JobOrder] = []
        self.told = 0

    async def carry_out(self, order: JobOrder) -> JobEnd:
        self.orders.append(order)
        return self.end

    async def heard(self, order: JobOrder) -> None:
        self.told += 1


async def run(end: JobEnd, *results: RunResult) -> tuple[RunResult, FakeRunner, FakeJobs]:
    inner, jobs = FakeRunner([RECORDED, *results]), FakeJobs(end)
    return await JobRunner(inner, jobs).run(REQUEST, lambda progress: None), inner, jobs


async def test_the_answer_is_judged_as_if_it_had_come_over_ssh() -> None:
    result, inner, jobs = await run(JobEnd(succeeded=True, message=ANSWER, told=True), finished())
    assert judge(REQUEST, result).ok
    recording, judging = (one.connection.job for one in inner.requests)
    assert recording is not None
    assert judging is not None
    assert (recording.answer, recording.asked.template) == (None, {})
    assert json.loads(judging.answer or "")["stdout"] == "\n\ncapra begin\ncapra end\n"
    [order] = jobs.orders
    assert (order.name, order.machine, order.timeout) == ("m-1", "m", 3600)
    assert b"/run/done" in order.data["k0smotron-entrypoint.sh"]
    assert jobs.told == 1


@pytest.mark.parametrize(
    ("end", "results", "kind", "sent", "words"),
    [
        (JobEnd(reason="DeadlineExceeded"), [], OutcomeKind.TIMED_OUT, True, "activeDeadlineSeconds"),
        (JobEnd(reason="PodLeft", message="Pod a", began=False), [], OutcomeKind.HOST_BUSY, False, "Pod a"),
        (
            JobEnd(reason="Refused", message="422", began=False),
            [],
            OutcomeKind.INVALID,
            False,
            "m-1 could not begin: 422",
        ),
        (JobEnd(reason="x", message="capra unsent\nno way", told=True), [], OutcomeKind.UNREACHABLE, False, "no way"),
        (JobEnd(reason="x", message=f"died {SECRET}", told=True), [], OutcomeKind.LOST, True, "died [hidden]"),
        (JobEnd(reason="Deleted", message="was deleted"), [], OutcomeKind.LOST, True, "was deleted"),
        (JobEnd(message="capra unproven", told=True), [], OutcomeKind.LOST, True, "/run/done is not on the host"),
        (JobEnd(reason="R", message=ANSWER, told=True), [stepped()], OutcomeKind.STEP_FAILED, True, "step 1 of 1"),
        (JobEnd(reason="R", message=ANSWER, told=True), [finished()], OutcomeKind.LOST, True, "has failed (R)"),
    ],
)
async def test_what_is_no_success(
    end: JobEnd, results: list[RunResult], kind: OutcomeKind, sent: bool, words: str
) -> None:
    result, _, _ = await run(end, *results)
    outcome = judge(REQUEST, result)
    assert (outcome.kind, outcome.sent) == (kind, sent)
    assert words in outcome.message


async def test_what_does_not_fit_into_a_secret_is_told() -> None:
    long = json.dumps({"command": "sh", "input": base64.b64encode(b"x" * 1_000_001).decode()})
    jobs = FakeJobs(JobEnd())
    result = await JobRunner(FakeRunner([replace(RECORDED, answer=long)]), jobs).run(REQUEST, lambda progress: None)
    outcome = judge(REQUEST, result)
    assert (outcome.kind, outcome.sent, jobs.orders) == (OutcomeKind.INVALID, False, [])
    assert "a Secret holds" in outcome.message


async def test_other_machines_are_the_other_runners() -> None:
    inner, heard = FakeRunner([finished()]), list[Progress]()
    request = replace(REQUEST, connection=Connection("192.0.2.7"))
    assert (await JobRunner(inner, FakeJobs(JobEnd())).run(request, heard.append)).stats
    assert inner.requests == [request]
