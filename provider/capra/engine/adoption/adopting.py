"""The look at a host that may be a node already, and what it means. Nothing is changed on the host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from capra.bootstrap.templates.instance_data import believed
from capra.engine import records
from capra.engine.adoption.evidence import (
    AdoptionVerdict,
    ClusterEvidence,
    Proof,
    before_asking,
    facts_of,
    judge_adoption,
    node_names,
)
from capra.engine.decisions import Bootstrap, Decision, Keep, Wait
from capra.engine.hooks.deciding import refused_run
from capra.engine.outcome import judge
from capra.engine.ports import Clock, Runner
from capra.engine.probes.facts import machine_id_of
from capra.engine.requests import PlanOptions, plan_preflight
from capra.errors import CapraError, InputError
from capra.model.machine import Adoption
from capra.model.observation import Observation, Record
from capra.model.run import HostFacts, Outcome, OutcomeKind, RunRequest

LOOK_AGAIN = 30.0
"""Seconds until a host is looked at again that may still become a Node."""

WAITING_FOR_NODE = "WaitingForNode"

AskCluster = Callable[[Observation, Sequence[str], str], Awaitable[ClusterEvidence]]
"""Asks the machine's workload cluster for Nodes of these names, and who has adopted the host of this machine ID. Raises
CapraError where it does not answer."""


async def no_cluster(observation: Observation, names: Sequence[str], machine_id: str) -> ClusterEvidence:
    """There is none to ask."""
    raise InputError(
        "there is no workload cluster to ask for its Node (a terminal adopts with capra adopt)",
        subject=str(observation.machine.key),
    )


class Adopting:
    """Looks at hosts for the engine."""

    def __init__(self, runner: Runner, clock: Clock, options: PlanOptions, ask_cluster: AskCluster) -> None:
        self._runner = runner
        self._clock = clock
        self._options = options
        self._ask_cluster = ask_cluster

    async def look(
        self, observation: Observation, adoption: Adoption
    ) -> tuple[Decision, Record, Outcome | None] | None:
        """What was decided, the record, and how the look ended where it has failed; None where the host is to be
        bootstrapped."""
        try:
            request = plan_preflight(observation, self._options)
        except InputError as error:
            return refused_run(Bootstrap(), error), observation.record, None
        outcome = judge(request, await self._runner.run(request, lambda progress: None))
        if not outcome.ok:
            return self._failed(observation, outcome)
        if refusal := _refused_root(request, outcome):
            return self._failed(observation, replace(outcome, kind=OutcomeKind.BECOME_REFUSED, message=refusal))
        verdict = await self._judge(observation, adoption, outcome.details)
        record, now = records.with_keys_shown(observation.record, outcome), self._clock()
        known = replace(observation, record=record)
        if verdict.proof is Proof.ABSENT:
            return None
        if verdict.proof is Proof.ADOPTED:
            adopted = records.adopted(known, _host(outcome.details), machine_id_of(facts_of(outcome.details)))
            return Keep(adopted=True), replace(adopted, changed_at=now), None
        if verdict.proof is Proof.REFUSED:
            return self._failed(known, replace(outcome, kind=OutcomeKind.ADOPTION_REFUSED, message=verdict.message))
        until = now + LOOK_AGAIN
        waiting = replace(record, not_before=until, reason=WAITING_FOR_NODE, message=verdict.message, changed_at=now)
        return Wait(WAITING_FOR_NODE, verdict.message, until), waiting, None

    def _failed(self, observation: Observation, outcome: Outcome) -> tuple[Decision, Record, Outcome]:
        record = records.ended(observation.record, Bootstrap(), outcome, self._clock(), self._options.check)
        return Bootstrap(), record, outcome

    async def _judge(self, observation: Observation, adoption: Adoption, details: Mapping[str, Any]) -> AdoptionVerdict:
        known = before_asking(observation, adoption, details)
        if known is not None:
            return known
        try:
            facts = facts_of(details)
            evidence = await self._ask_cluster(observation, node_names(observation, facts), machine_id_of(facts))
        except CapraError as error:
            return AdoptionVerdict(Proof.LATER, f"the workload cluster cannot be asked for its Node: {error}"[:500])
        return judge_adoption(observation, adoption, details, evidence)


def _host(details: Mapping[str, Any]) -> HostFacts:
    """The host's name and addresses, as a bootstrap would have told them."""
    facts = believed(facts_of(details))
    return HostFacts(facts.get("hostname", ""), tuple(facts.get("address", "").split()))


def _refused_root(request: RunRequest, outcome: Outcome) -> str:
    """Why the host was only asked as an ordinary user, who does not see all; empty where it was not."""
    findings = outcome.details.get("findings")
    found = [one for one in findings if isinstance(one, Mapping)] if isinstance(findings, list) else []
    told = (str(one.get("message")) for one in found if one.get("name") == "become" and one.get("level") == "error")
    return next(told, "") if request.connection.become else ""
