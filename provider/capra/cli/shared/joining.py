"""What is asked of the first controller of a cluster, and the join tokens that it hands out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from capra.cli.shared.phases import PreparedCluster
from capra.clusters import questions
from capra.clusters.cluster import ClusterHost
from capra.clusters.questions import EXPIRY_SECONDS
from capra.engine.outcome import judge
from capra.engine.ports import Runner
from capra.engine.requests import PlanOptions
from capra.errors import Fatal
from capra.model.observation import Observation
from capra.model.run import Outcome, RunRequest


@dataclass(frozen=True)
class Asking:
    """Asks hosts of a cluster, by way of the runner."""

    prepared: PreparedCluster
    runner: Runner
    options: PlanOptions

    async def leader(self, question: Callable[[Observation, ClusterHost, PlanOptions], RunRequest]) -> str:
        """The first controller's answer. Raises Fatal where it gives none."""
        leader = self.prepared.cluster.leader
        observation = await self.prepared.store.load(leader.key)
        outcome, answer = await self._run(question(observation, leader, self.options))
        if not outcome.ok:
            raise Fatal(f"{leader.name}, the first controller: {outcome.cause}", outcome.kind.value)
        return answer

    async def bring(self, host: ClusterHost, token: str) -> Outcome:
        """The token to the host: how that has ended."""
        observation = await self.prepared.store.load(host.key)
        return (await self._run(questions.bring_token(observation, host, token, self.options)))[0]

    async def _run(self, request: RunRequest) -> tuple[Outcome, str]:
        result = await self.runner.run(request, lambda progress: None)
        outcome = judge(request, result)
        self.prepared.store.pin(request.key, outcome.host_keys, outcome.bastion_keys)
        return outcome, result.answer


@dataclass
class Tokens:
    """Join tokens in memory: one for each role, asked for when the first host needs it, and again before it expires.
    clock: seconds."""

    asking: Asking
    clock: Callable[[], float] = time.monotonic
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _held: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)

    async def token(self, role: str) -> str:
        """Of a role of k0s, controller or worker. Raises Fatal."""
        async with self._lock:
            asked_at, token = self._held.get(role, (0.0, ""))
            if not token or self.clock() - asked_at > EXPIRY_SECONDS / 2:
                asked_at = self.clock()
                token = await self.asking.leader(
                    lambda observation, leader, options: questions.ask_token(observation, leader, role, options)
                )
                self._held[role] = (asked_at, token)
            return token
