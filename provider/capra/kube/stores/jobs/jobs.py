"""Makes the Jobs of machines, and waits for them. See engine.ports.Jobs.

A Job is asked for its state every few seconds: as many as runs go on at once are asked for, one request each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from capra.kube.client.api import Api
from capra.kube.client.errors import ConflictError, DeniedError, InvalidError, MissingError
from capra.kube.client.resources import HEARD, JOB_LABEL, JOBS, MACHINE_UID_LABEL, PODS, SECRETS, Raw, name_of
from capra.kube.objects.jobs.manifest import belongs_to, deadline_of, end_of, to_job, to_secret, was_heard
from capra.model.jobs.job import DEADLINE_EXCEEDED, JobEnd, JobOrder

FIRST_LOOK, LONGEST_LOOK = 0.5, 5.0
"""Seconds between two looks at a Job: the first, and the longest."""

POD_PATIENCE = 120.0
"""Seconds that the Pods of a Job which is no longer wanted may take to go."""

MESSAGE_PATIENCE = 5.0
"""Seconds that a Pod's message may come later than the end of its Job."""

DEADLINE_PATIENCE = 120.0
"""Seconds that a Job may take beyond its deadline until it is said to have failed: its Pods are ended first. Then it is
deleted: somebody may have suspended it, or given it to another controller."""

Sleep = Callable[[float], Awaitable[None]]


class JobStore:
    """A port `Jobs`. sleep: how time is waited for."""

    def __init__(self, api: Api, sleep: Sleep = asyncio.sleep) -> None:
        self._api = api
        self._sleep = sleep

    async def carry_out(self, order: JobOrder) -> JobEnd:
        """See the port. Where this is cancelled, the Job goes on, and the same order finds it again."""
        if left := await self._end_others(order):
            return JobEnd(reason="PodLeft", message=f"Pod {left} of an earlier Job has not ended yet", began=False)
        try:
            job = await self._found_or_made(order)
            problem = f"a Job of the name {order.name} is there, and is not this machine's" if job is None else ""
        except (InvalidError, DeniedError) as error:  # a quota and an admission webhook deny
            job, problem = None, str(error)
        except MissingError:  # it was made, and somebody has deleted it
            await self._api.delete(SECRETS, order.namespace, order.name)
            return _deleted(order)
        if job is None:
            await self._api.delete(SECRETS, order.namespace, order.name)
            return JobEnd(reason="Refused", message=problem, began=False)
        end = await self._ended(order, job)
        await self._api.delete(SECRETS, order.namespace, order.name)
        return end

    async def heard(self, order: JobOrder) -> None:
        """The end was passed on: the same order makes another Job."""
        with suppress(MissingError):
            await self._api.patch(JOBS, order.namespace, order.name, {"metadata": {"annotations": {HEARD: ""}}})

    async def _end_others(self, order: JobOrder) -> str:
        """Take away all Jobs of the machine but this one, with their Secrets; the name of a Pod that is still there."""
        of_machine = f"{MACHINE_UID_LABEL}={order.uid}"
        goes_on = False
        for resource in (JOBS, SECRETS):
            for raw in (await self._api.list(resource, order.namespace, labels=of_machine))["items"]:
                is_this = name_of(raw) == order.name
                if not is_this or (resource == JOBS and was_heard(raw)):
                    await self._api.delete(resource, order.namespace, name_of(raw))
                elif resource == JOBS:
                    goes_on = True
        return await self._left(order.namespace, of_machine, order.name if goes_on else "")

    async def _left(self, namespace: str, labels: str, but: str) -> str:
        """Wait until no Pod with these labels may still run. A Pod outlasts its Job, and the wait for it may have been
        broken off: so its Job is not asked for. but: the Job whose Pods may go on; empty for none."""
        waited, pause = 0.0, FIRST_LOOK
        while True:
            pods = (await self._api.list(PODS, namespace, labels=labels))["items"]
            others = [pod for pod in pods if not but or (pod["metadata"].get("labels") or {}).get(JOB_LABEL) != but]
            alive = [name_of(pod) for pod in others if (pod.get("status") or {}).get("phase") not in _OVER]
            if not alive or waited >= POD_PATIENCE:
                return alive[0] if alive else ""
            await self._sleep(pause)
            waited, pause = waited + pause, min(pause * 2, LONGEST_LOOK)

    async def _found_or_made(self, order: JobOrder) -> Raw | None:
        """The Job; None where its name is somebody else's."""
        try:
            job = await self._api.get(JOBS, order.namespace, order.name)
        except MissingError:
            await self._make(order)
            job = await self._api.get(JOBS, order.namespace, order.name)
        return job if belongs_to(job, order.uid) else None

    async def _make(self, order: JobOrder) -> None:
        """The Secret first: its Pod waits for it. Either may be there, where the answer to an earlier request was
        lost."""
        # One that a Job before this one was given may hold other data.
        await self._api.delete(SECRETS, order.namespace, order.name)
        try:
            job = to_job(order)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidError(f"spec.provisionJob.jobSpecTemplate is not one of a Job: {error}") from error
        for resource, body in ((SECRETS, to_secret(order)), (JOBS, job)):
            try:
                await self._api.create(resource, order.namespace, body)
            except ConflictError:
                continue

    async def _ended(self, order: JobOrder, job: Raw) -> JobEnd:
        waited, pause, longest = 0.0, FIRST_LOOK, deadline_of(order) + DEADLINE_PATIENCE
        while not _is_over(job):
            if waited >= longest:
                await self._api.delete(JOBS, order.namespace, order.name)
                return JobEnd(reason=DEADLINE_EXCEEDED, message=f"Job {order.name} has not ended by itself")
            await self._sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, LONGEST_LOOK)
            try:
                job = await self._api.get(JOBS, order.namespace, order.name)
            except MissingError:
                return _deleted(order)
        waited, pause = 0.0, FIRST_LOOK
        while True:
            pods = (await self._api.list(PODS, order.namespace, labels=f"{JOB_LABEL}={order.name}"))["items"]
            end = end_of(job, pods)
            assert end is not None  # it is over
            if end.told or not pods or waited >= MESSAGE_PATIENCE:
                return end
            await self._sleep(pause)
            waited += pause


_OVER = ("Succeeded", "Failed")


def _deleted(order: JobOrder) -> JobEnd:
    return JobEnd(reason="Deleted", message=f"Job {order.name} was deleted before it had ended")


def _is_over(job: Raw) -> bool:
    return end_of(job, ()) is not None
