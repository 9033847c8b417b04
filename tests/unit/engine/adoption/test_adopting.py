"""A look at a host, and what becomes of its machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capra.engine.adoption.adopting import LOOK_AGAIN, no_cluster
from capra.engine.adoption.evidence import ClusterEvidence, NodeIdentity
from capra.engine.decisions import BackOff, Bootstrap, Keep, Refuse, Wait
from capra.engine.engine import Engine, Reconciliation
from capra.engine.requests import PlanOptions
from capra.errors import Retry
from capra.model.machine import ADOPT_ANNOTATION, HostKeyPolicy
from capra.model.observation import Observation, Phase
from capra.model.run import OutcomeKind, Playbook
from capra.testing import FakeRunner, MemoryStore
from capra.testing.runner import finished, unreachable
from tests.unit.engine.examples import KEY, observation

ID = "0123456789abcdef0123456789abcdef"
FACTS = {"hostname": "edge-1", "machine_id": ID, "address": "192.0.2.7", "here.services": "k0sworker"}
HOST_KEY = "ssh-ed25519 AAAA"
NODE = NodeIdentity("edge-1", ID, ready=True)


class Site:
    """One machine, the look at its host, and its cluster. nodes: None where the cluster does not answer."""

    def __init__(self, facts: dict[str, Any], nodes: Sequence[NodeIdentity] | None = (NODE,), **changes: Any) -> None:
        adopt = changes.pop("adopt", "Adopt")
        seen = observation(machine={"annotations": {ADOPT_ANNOTATION: adopt}}, **changes)
        self.now = 1000.0
        self.store = MemoryStore([seen], lambda: self.now)
        self.looks = [finished((HOST_KEY,), findings=[], facts=facts)]
        self.runner = FakeRunner([*self.looks, finished((HOST_KEY,))])
        self.nodes = nodes
        self.asked: list[tuple[str, ...]] = []
        self.told: list[Reconciliation] = []

    async def _ask(self, observation: Observation, names: Sequence[str], machine_id: str) -> ClusterEvidence:
        self.asked.append(tuple(names))
        if self.nodes is None:
            raise Retry("does not answer")
        return ClusterEvidence(tuple(self.nodes))

    async def _observe(self, taken: Reconciliation) -> None:
        self.told.append(taken)

    async def reconcile(self, now: float = 1000.0, options: PlanOptions | None = None) -> Reconciliation:
        self.now = now
        engine = Engine(
            self.store,
            self.runner,
            lambda: self.now,
            options=options,
            observer=self._observe,
            ask_cluster=self._ask,
        )
        return await engine.reconcile(KEY)

    @property
    def playbooks(self) -> list[Playbook]:
        return [one.playbook for one in self.runner.requests]


async def test_a_node_is_adopted_and_nothing_is_run() -> None:
    site = Site(FACTS, bootstrap=None)
    taken = await site.reconcile()
    assert taken.decision == Keep(adopted=True)
    assert site.told == [taken]
    record = site.store.observations[KEY].record
    assert (record.phase, record.uid, record.bootstrap_kind) == (Phase.PROVISIONED, "uid-1", "K0sWorkerConfig")
    assert record.facts["machine_id"] == ID
    assert (record.host_name, record.host_addresses, record.host_keys) == ("edge-1", ("192.0.2.7",), (HOST_KEY,))
    assert (await site.reconcile()).decision == Keep()
    assert site.playbooks == [Playbook.PREFLIGHT]
    assert site.asked == [("edge-1", "machine", "m")]


async def test_a_host_without_kubernetes_is_bootstrapped() -> None:
    site = Site({"hostname": "edge-1", "machine_id": ID})
    taken = await site.reconcile()
    assert isinstance(taken.decision, Bootstrap)
    assert site.playbooks == [Playbook.PREFLIGHT, Playbook.BOOTSTRAP]
    assert taken.record.phase is Phase.PROVISIONED
    assert site.asked == []


async def test_it_waits_for_bootstrap_data_that_it_needs() -> None:
    site = Site({"hostname": "edge-1"}, bootstrap=None)
    taken = await site.reconcile()
    assert isinstance(taken.decision, Wait)
    assert taken.decision.reason == "WaitingForBootstrapData"


async def test_a_wrong_node_is_refused_and_backed_off_from() -> None:
    site = Site(FACTS, [NodeIdentity("edge-1", "f" * 32, ready=True)])
    taken = await site.reconcile()
    assert taken.outcome is not None
    assert taken.outcome.kind is OutcomeKind.ADOPTION_REFUSED
    record = site.store.observations[KEY].record
    assert (record.phase, record.reason, record.attempts) == (Phase.NEW, "AdoptionRefused", 1)
    assert "another host's Node" in record.message
    assert isinstance((await site.reconcile()).decision, BackOff)
    assert site.playbooks == [Playbook.PREFLIGHT]
    site.runner.results = site.looks
    await site.reconcile(record.not_before)
    assert site.store.observations[KEY].record.attempts == 2


async def test_who_waits_is_looked_at_again() -> None:
    site = Site({"hostname": "edge-1"}, adopt="Wait")
    taken = await site.reconcile()
    assert taken.decision == Wait(
        "WaitingForNode", "no Kubernetes runs on 192.0.2.7:22 yet: waiting until it is a Node", 1000.0 + LOOK_AGAIN
    )
    assert isinstance((await site.reconcile()).decision, BackOff)
    assert site.playbooks == [Playbook.PREFLIGHT]
    site.runner.results = [finished((HOST_KEY,), findings=[], facts=FACTS)]
    taken = await site.reconcile(1000.0 + LOOK_AGAIN)
    assert taken.decision == Keep(adopted=True)
    assert (taken.record.reason, taken.record.not_before) == ("", 0.0)


async def test_a_cluster_that_does_not_answer_is_waited_for() -> None:
    site = Site(FACTS, None)
    taken = await site.reconcile()
    assert isinstance(taken.decision, Wait)
    assert taken.decision.message == "the workload cluster cannot be asked for its Node: does not answer"


async def test_a_host_that_does_not_answer_is_a_run_that_failed() -> None:
    site = Site({})
    site.runner.results = [unreachable()]
    taken = await site.reconcile()
    assert taken.outcome is not None
    assert taken.outcome.kind is OutcomeKind.UNREACHABLE
    assert site.store.observations[KEY].record.unreached == 1


async def test_a_host_that_must_not_be_contacted_is_refused() -> None:
    site = Site(FACTS)
    taken = await site.reconcile(options=PlanOptions(host_key_policy=HostKeyPolicy.STRICT))
    assert isinstance(taken.decision, Refuse)
    assert taken.decision.reason == "HostKeyNotPinned"
    assert site.playbooks == []


async def test_who_is_not_root_does_not_see_all() -> None:
    """The host was asked without become, and does not tell who uses it."""
    site = Site(FACTS, spec={"use_sudo": True})
    site.runner.results = [
        finished(findings=[{"name": "become", "level": "error", "message": "sudo: no"}], facts=FACTS)
    ]
    taken = await site.reconcile()
    assert taken.outcome is not None
    assert (taken.outcome.kind, taken.outcome.message) == (OutcomeKind.BECOME_REFUSED, "sudo: no")
    assert site.asked == []


async def test_a_check_keeps_nothing() -> None:
    site = Site(FACTS)
    taken = await site.reconcile(options=PlanOptions(check=True))
    assert taken.decision == Keep(adopted=True)
    assert site.store.saved == []


async def test_without_a_cluster_there_is_nothing_to_ask() -> None:
    site = Site(FACTS)
    engine = Engine(site.store, site.runner, lambda: 1000.0, ask_cluster=no_cluster)
    taken = await engine.reconcile(KEY)
    assert isinstance(taken.decision, Wait)
    assert "there is no workload cluster to ask" in taken.decision.message
