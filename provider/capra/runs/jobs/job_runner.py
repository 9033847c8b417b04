"""A runner that has a Kubernetes Job reach the host, for the machines that ask for one."""

from __future__ import annotations

from dataclasses import replace

from capra.engine.ports import Jobs, ProgressListener, Runner
from capra.model.jobs.job import DEADLINE_EXCEEDED, JobEnd, JobOrder, JobWay, ProvisionJob
from capra.model.run import IN_CONTACT, Playbook, RunRequest, RunResult, TaskEvent
from capra.runs.jobs.session import job_data, read_told
from capra.runs.redaction.redact import Redactor

LONGEST_DATA = 1_000_000
"""Bytes of a Secret's values that an API server takes, in all."""


class JobRunner:
    """See engine.ports.Runner. runner: for all other machines, and for Ansible's part of these."""

    def __init__(self, runner: Runner, jobs: Jobs) -> None:
        self._runner = runner
        self._jobs = jobs

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """See the port. The play is run twice on this side, without a host: once for what it sends, and once for what
        it makes of the answer. What is told in between is the Job's."""
        job = request.connection.job
        if job is None:
            return await self._runner.run(request, listener)
        recorded = await self._runner.run(_relayed(request, job, None), lambda progress: None)
        if not recorded.answer:
            return replace(recorded, sent=False)
        sentinel = str(request.variables.get("bootstrap_sentinel", "")) if _bootstraps(request) else ""
        data = job_data(request, recorded.answer, sentinel)
        length = sum(map(len, data.values()))
        if length > LONGEST_DATA:
            problem = f"what the Job is to carry is {length} bytes long, and a Secret holds {LONGEST_DATA}"
            return _refused("ssh_config", f"{problem}: have files fetched by a command instead")
        order = JobOrder(
            namespace=request.key.namespace,
            machine=request.key.name,
            uid=job.uid,
            name=job.name,
            template=job.asked.template,
            data=data,
            timeout=int(request.timeout),
        )
        listener(IN_CONTACT)
        result = await self._result(request, order, await self._carried_out(order))
        await self._jobs.heard(order)
        return result

    async def _carried_out(self, order: JobOrder) -> JobEnd:
        """A Job that is awaited no longer goes on."""
        try:
            return await self._jobs.carry_out(order)
        except BaseException as error:
            error.sent = True  # type: ignore[attr-defined]  # see the port
            raise

    async def _result(self, request: RunRequest, order: JobOrder, end: JobEnd) -> RunResult:
        """What the Job's end says of the run."""
        redactor = Redactor.of(request.secrets)
        message = redactor.text(end.message)
        if end.reason == DEADLINE_EXCEEDED:
            return _failed("timeout", f"Job {order.name} has not ended within its activeDeadlineSeconds")
        if end.reason == "PodLeft":
            return replace(_failed("busy", f"waiting for an earlier Job to go: {message}"), sent=False)
        if not end.began:
            return _refused("ssh_config", f"Job {order.name} could not begin: {message or end.reason}")
        told = read_told(end.message if end.told else "")
        if not told.begun:
            failed = TaskEvent("runner_on_unreachable", order.name, _unreachable(redactor.text(told.why)))
            return RunResult(events=(failed,), sent=False)
        if not told.answer:
            why = redactor.text(told.why) or message
            if told.unproven:
                why = f"the steps have ended well, and {request.variables.get('bootstrap_sentinel')} is not on the host"
            return _failed("no_report", f"Job {order.name} has failed without the host's report: {why or end.reason}")
        job = request.connection.job
        assert job is not None  # see run
        result = await self._runner.run(_relayed(request, job, told.answer), lambda progress: None)
        if not end.succeeded and _well(result):
            return _failed("no_report", f"Job {order.name} has failed ({end.reason}), though the steps have ended well")
        return replace(result, answer="", sent=True)


def _relayed(request: RunRequest, job: JobWay, answer: str | None) -> RunRequest:
    """The play without its host. No key is offered to anybody, and nobody asks for one."""
    way = replace(request.connection, job=replace(job, asked=ProvisionJob(), answer=answer))
    return replace(request, connection=way, probe=True)


def _bootstraps(request: RunRequest) -> bool:
    return request.playbook is Playbook.BOOTSTRAP


def _well(result: RunResult) -> bool:
    stats = result.stats or {}
    return bool(stats.get("ok")) and not stats.get("failures") and not stats.get("dark")


def _unreachable(why: str) -> dict[str, str]:
    return {"reason": "unreachable", "msg": why or "the Job's command has not reached the host"}


def _failed(reason: str, message: str) -> RunResult:
    return RunResult(events=(TaskEvent("runner_on_failed", "Job", {"reason": reason, "msg": message}),))


def _refused(reason: str, message: str) -> RunResult:
    return replace(_failed(reason, message), sent=False)
