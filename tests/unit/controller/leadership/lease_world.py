"""Replicas of one election, in time that passes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from capra.controller.leadership import election
from capra.controller.leadership.election import Election
from capra.settings import ControllerSettings
from tests.support.leases import Connection, LeaseServer, Stage
from tests.support.virtual_time import VirtualTimeLoop, run_in_virtual_time

SETTINGS = ControllerSettings()
DURATION = SETTINGS.leader_elect_lease_duration
DEADLINE = SETTINGS.leader_elect_renew_deadline
PERIOD = SETTINGS.leader_elect_retry_period
LONGEST_WAIT = PERIOD * 1.2
"""Seconds between two attempts of a candidate, at most (client-go's JitterFactor)."""

SOON = 0.2
"""Seconds for a few requests."""


@dataclass
class Replica:
    """One replica that is running."""

    connection: Connection
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    exits: list[int] = field(default_factory=list)
    """The exit status, when its process has been ended."""
    leading: asyncio.Task[None] = field(init=False)

    async def over(self) -> BaseException | None:
        """Until it is over; what it has raised."""
        async with asyncio.timeout(100 * DURATION):
            await asyncio.wait({self.leading})
        return None if self.leading.cancelled() else self.leading.exception()


@dataclass
class Replicas:
    """Those of one Lease."""

    server: LeaseServer = field(default_factory=LeaseServer)
    stage: Stage = field(default_factory=Stage)

    def start(self, name: str, *, ending: float = 0.0, work: Any = None) -> Replica:
        """ending: seconds that its work takes to end."""
        replica = Replica(Connection(self.server))

        def end_process(status: int) -> None:
            replica.exits.append(status)
            self.stage.leave(name)

        election = Election(cast(Any, replica.connection), SETTINGS, "here", name, end_process=end_process)
        doing = work or partial(self.stage.work, name, ending)
        replica.leading = asyncio.ensure_future(election.lead(doing, replica.stop))
        return replica

    async def until_at_work(self, name: str) -> float:
        """When it began."""
        async with asyncio.timeout(100 * DURATION):
            while name not in self.stage.at_work:
                await asyncio.sleep(0.01)
        return self.stage.when(name, "began")


def now() -> float:
    return asyncio.get_running_loop().time()


def hold_up(seconds: float) -> None:
    """The whole process stands still."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.advance(seconds)


def in_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elections measure the loop's time, and ask servers in memory."""
    monkeypatch.setattr(election, "time", SimpleNamespace(monotonic=now))
    monkeypatch.setattr(election, "Api", lambda connection, **_: connection)


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test, in time that passes at once."""

    def run() -> None:
        run_in_virtual_time(test())

    run.__name__ = test.__name__
    return run
