"""Leader election with a Lease: of several replicas one works, and another takes over when it ends or is gone.

The protocol is client-go's, so that its tools understand the Lease. `kubernetes.aio.leaderelection` is not used: it
goes by the wall clock, which may be set, writes local time as UTC, lets a request that hangs outlive the deadline, and
never gives the Lease back.

No two replicas work at once: the holder counts from before it asked for a renewal and ends its work when
`renew_deadline` is over, at the latest with its process when the lease duration is over; the others count the lease
duration from after they have seen the renewal. All this is measured with the monotonic clock; the times in the Lease
are for people.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from capra.controller.exit import end_process
from capra.controller.leadership.lease import LEASE_NAME, LEASES, Move, next_move, spec_of
from capra.errors import CapraError, Retry
from capra.kube.client.api import Api, RequestListener
from capra.kube.client.connection import ApiConnection
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import Raw
from capra.settings import ControllerSettings
from capra.settings.controller import JITTER

log = structlog.get_logger(__name__)


class LostLeadership(Retry):
    """The Lease could not be renewed in time, or somebody else has it: the work was ended."""


class WorkGoesOn(Retry):
    """The work was told to end, and has not: no other replica may begin before the Lease is over."""


class Election:
    """One replica's part in the election.

    identity: its own name, never that of another replica nor of an earlier one. end_process: called with the exit
    status when the work does not end before another replica may begin.
    """

    def __init__(
        self,
        connection: ApiConnection,
        settings: ControllerSettings,
        namespace: str,
        identity: str,
        *,
        listener: RequestListener = lambda verb, code: None,
        end_process: Callable[[int], object] = end_process,
    ) -> None:
        # A request that fails is made again after the retry period, not by the client.
        self._api = Api(connection, listener=listener, retry_seconds=0)
        self._duration = settings.leader_elect_lease_duration
        self._deadline = settings.leader_elect_renew_deadline
        self._period = settings.leader_elect_retry_period
        self._namespace = namespace
        self._identity = identity
        self._end_process = end_process
        self._seen: tuple[str, str] | None = None
        self._seen_at = 0.0
        self._renewed_at = 0.0
        self._told = ""

    async def lead(self, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """Wait for the leadership, then work until told to stop, and only then give the leadership back.

        Returns when it was told to stop, or when the work has ended by itself. Raises what the work raises,
        LostLeadership when the work had to be ended, and Fatal when the API server refuses the Lease. When it is
        cancelled, it ends the work and leaves the Lease to run out.
        """
        if not await self._acquire(stop):
            return
        log.info("leading", lease=self._lease_name, identity=self._identity)
        working = asyncio.create_task(_run(work))
        renewing = asyncio.create_task(self._renew())
        stopping = asyncio.create_task(stop.wait())
        lost, told = "", False
        try:
            await asyncio.wait({working, renewing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done() and not renewing.done():
                # It is renewed until the work has ended, however long that takes.
                told = working.cancel()
                await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            lost = renewing.result() if renewing.done() else ""
        finally:
            stopping.cancel()
            renewing.cancel()
            await self._ended(working, told)
        failure = None if working.cancelled() else working.exception()
        if not lost and not isinstance(failure, WorkGoesOn):
            await self._release()
        if failure is not None:
            raise failure
        if lost:
            raise LostLeadership(f"{self._lease_name}: {lost}")

    @property
    def _lease_name(self) -> str:
        return f"Lease {self._namespace}/{LEASE_NAME}"

    async def _acquire(self, stop: asyncio.Event) -> bool:
        """Wait until this replica is the leader. False when it was told to stop before."""
        while not stop.is_set():
            started = time.monotonic()
            try:
                async with asyncio.timeout(self._deadline):
                    leading = await self._attempt(leading=False)
            except (Retry, MissingError, TimeoutError) as error:  # missing: its namespace
                self._tell(f"cannot be had: {_reason(error)}")
            else:
                if leading:
                    self._renewed_at = started
                    return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._period * random.uniform(1.0, JITTER)):  # noqa: S311  # no secret
                    await stop.wait()
        return False

    async def _renew(self) -> str:
        """Renew until that fails. Returns why."""
        problem = ""
        while True:
            left = self._renewed_at + self._deadline - time.monotonic()
            await asyncio.sleep(max(0.0, min(self._period, left)))
            started = time.monotonic()
            left = self._renewed_at + self._deadline - started
            if left <= 0:
                return f"could not be renewed for {self._deadline:g} s: {problem or 'this process was held up'}"
            try:
                async with asyncio.timeout(left):
                    leading = await self._attempt(leading=True)
            except (CapraError, TimeoutError) as error:
                problem = _reason(error)
                log.warning("the Lease could not be renewed", lease=self._lease_name, error=problem)
            else:
                if not leading:
                    return "another replica has it"
                self._renewed_at = started

    async def _attempt(self, *, leading: bool) -> bool:
        """Get or renew the Lease if that is allowed. True when this replica has it."""
        lease = await self._read()
        unchanged_for = self._observe(lease)
        move = next_move(lease, self._identity, unchanged_for, self._duration)
        if move is Move.WAIT or (leading and move is Move.TAKE):
            self._tell(f"is held by {spec_of(lease).get('holderIdentity') or 'nobody'}")
            return False
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": math.ceil(self._duration), "renewTime": now}
        if move is not Move.RENEW:
            before = spec_of(lease).get("leaseTransitions") or 0
            spec |= {"acquireTime": now, "leaseTransitions": before + 1 if lease is not None else 0}
        await self._write(lease, spec)
        return True

    async def _read(self) -> Raw | None:
        try:
            return await self._api.get(LEASES, self._namespace, LEASE_NAME)
        except MissingError:
            return None

    async def _write(self, lease: Raw | None, spec: dict[str, Any]) -> None:
        """Raises ConflictError when the Lease is no longer the one that was read."""
        if lease is None:
            metadata = {"name": LEASE_NAME, "namespace": self._namespace}
            body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}
            await self._api.create(LEASES, self._namespace, body)
            return
        base = {"resourceVersion": lease["metadata"]["resourceVersion"], "uid": lease["metadata"]["uid"]}
        await self._api.patch(LEASES, self._namespace, LEASE_NAME, {"metadata": base, "spec": spec})

    def _observe(self, lease: Raw | None) -> float:
        """Seconds since this version of the Lease was first seen."""
        now = time.monotonic()
        metadata = lease["metadata"] if lease is not None else {}
        version = (str(metadata.get("uid", "")), str(metadata.get("resourceVersion", "")))
        if version != self._seen:
            self._seen, self._seen_at = version, now
        return now - self._seen_at

    async def _ended(self, working: asyncio.Task[None], told: bool) -> None:
        """End the work, at the latest when another replica may begin. told: it has been told to end. Being cancelled
        meanwhile changes nothing."""
        if not told:  # a second time would cut its end short
            working.cancel()
        cancelled: asyncio.CancelledError | None = None
        while True:
            left = self._renewed_at + self._duration - time.monotonic()
            try:
                await asyncio.wait({working}, timeout=max(0.0, left))
                break
            except asyncio.CancelledError as error:
                cancelled = error
        if not working.done():
            log.critical("the work does not end, and the Lease is over: the process ends", lease=self._lease_name)
            self._end_process(1)
        if cancelled is not None:
            raise cancelled

    async def _release(self) -> None:
        """Give the Lease back, so that another replica need not wait until it is over."""
        try:
            async with asyncio.timeout(self._deadline):
                lease = await self._read()
                if spec_of(lease).get("holderIdentity") == self._identity:
                    await self._write(lease, {"holderIdentity": ""})
        except (CapraError, TimeoutError) as error:
            log.warning("the Lease could not be given back", lease=self._lease_name, error=_reason(error))
        else:
            log.info("gave the Lease back", lease=self._lease_name)

    def _tell(self, state: str) -> None:
        """Each state is told once."""
        if state != self._told:
            self._told = state
            log.info("the Lease " + state, lease=self._lease_name, identity=self._identity)


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _reason(error: Exception) -> str:
    return str(error) or "the API server does not answer"
