"""The cases in tests/cases/engine/decide.yaml, and what holds for every observation."""

from __future__ import annotations

import math
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from capra.engine.decide import decide
from capra.engine.decisions import BackOff, Bootstrap, Cleanup, Decision, Keep, Release, Run, RunPlaybook, Wait
from capra.engine.holding import paused_by
from capra.model.machine import (
    DELETE_FOR_MOVE_ANNOTATION,
    PAUSED_ANNOTATION,
    CleanUp,
    MachineKey,
    MachineSpec,
    RemoteMachine,
)
from capra.model.observation import BootstrapData, Cluster, Observation, Owner, Phase, Record, SSHKey
from tests.unit.engine.examples import asked_playbook, observation

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "engine" / "decide.yaml").read_text())
PARTS = {
    "machine",
    "spec",
    "record",
    "outdated",
    "given_by",
    "owner",
    "cluster",
    "bootstrap",
    "ssh_key",
    "entry",
    "pool",
    "pool_unreachable",
    "pool_unfit",
    "pool_size",
    "choice",
    "shortfall",
    "problem",
    "hook_problem",
    "playbook",
    "used_by",
    "missing_bootstrap",
    "finalizer",
}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    limit, default = case.get("limit", math.inf), case.get("default_clean_up")
    seen = observation(**{name: value for name, value in case.items() if name in PARTS})
    decision = decide(seen, limit, CleanUp(default) if default else None)
    assert type(decision).__name__ == case["decision"]
    # `entry` is a part of the observation; what was decided on it stands in `expect_entry`. `held`: class and fields of
    # what keeps a playbook of day two from being run.
    expected = {
        name.removeprefix("expect_"): value
        for name, value in case.items()
        if name not in PARTS | {"name", "decision", "limit", "default_clean_up", "held"}
    }
    if isinstance(decision, Keep):
        held = {"decision": type(decision.playbook).__name__, **vars(decision.playbook)} if decision.playbook else {}
        assert {name: held.get(name) for name in case.get("held", held)} == case.get("held", {})
    assert {name: attrgetter(name)(decision) for name in expected} == expected


def test_every_decision_has_a_case() -> None:
    assert {case["decision"] for case in CASES} == {kind.__name__ for kind in get_args(Decision)}


def test_what_waits_for_something_else_has_no_time_of_its_own() -> None:
    assert Wait("WaitingForMachine", "m").until == 0.0


machines = st.builds(
    RemoteMachine,
    key=st.just(MachineKey("default", "m")),
    spec=st.builds(
        MachineSpec,
        address=st.sampled_from(["", "192.0.2.7"]),
        ssh_key_name=st.sampled_from(["", "key"]),
        provider_id=st.sampled_from(["", "remote-machine://192.0.2.7:22"]),
        clean_up_commands=st.sampled_from([(), ("true",)]),
    ),
    deleting=st.booleans(),
    annotations=st.dictionaries(st.sampled_from([PAUSED_ANNOTATION, DELETE_FOR_MOVE_ANNOTATION]), st.just("")),
)
observations = st.builds(
    Observation,
    machine=machines,
    record=st.builds(Record, phase=st.sampled_from(Phase), not_before=st.sampled_from([0.0, 999.0, 1001.0])),
    now=st.just(1000.0),
    owner=st.none() | st.builds(Owner, st.just("o"), st.sampled_from(["", "K0sWorkerConfig", "KubeadmConfig"])),
    cluster=st.none() | st.builds(Cluster, st.just("c"), st.booleans(), st.booleans()),
    bootstrap=st.none() | st.just(BootstrapData(b"")),
    ssh_key=st.none() | st.just(SSHKey("key")),
    playbook=st.none() | st.just(asked_playbook()),
)


@given(observations)
def test_always(seen: Observation) -> None:
    decision = decide(seen)
    assert isinstance(decision, get_args(Decision))
    assert decision == decide(seen)
    deleting, paused = seen.machine.deleting, bool(paused_by(seen))
    if deleting:
        assert not isinstance(decision, Bootstrap | Keep | RunPlaybook)
    else:
        assert not isinstance(decision, Cleanup | Release)
    if isinstance(decision, RunPlaybook):
        assert seen.record.phase is Phase.PROVISIONED
    if isinstance(decision, Run):
        assert not paused
        assert DELETE_FOR_MOVE_ANNOTATION not in seen.machine.annotations or not deleting
        assert seen.ssh_key is not None
        assert seen.machine.spec.address
    if isinstance(decision, Release) and not decision.moved:
        assert seen.record.phase in (Phase.NEW, Phase.CLEAN)
    if isinstance(decision, BackOff):
        assert decision.until > seen.now
