"""`capra status` and `capra forget`: what is remembered of machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capra.cli.commands.status import last_run, state_of
from capra.errors import Fatal
from capra.local.state import Remembered, StateDirectory
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine
from capra.model.observation import Phase, Record
from tests.unit.cli.conftest import Terminal
from tests.unit.local.examples import HOST_KEY, OTHER_HOST_KEY


def _remember(capra: Terminal, name: str, phase: Phase, address: str = "192.0.2.1", namespace: str = "default") -> None:
    state = StateDirectory(capra.state)
    state.prepare()
    spec = MachineSpec(address=address, port=22)
    machine = RemoteMachine(MachineKey(namespace, name), spec)
    state.write(machine, Record(phase=phase, host_keys=(HOST_KEY,), changed_at=1.0))


def test_a_cleanup_that_reached_no_host_has_failed_as_a_cleanup() -> None:
    record = Record(phase=Phase.PROVISIONED, reason="Unreachable", cleaning_since=1.0)
    assert state_of(Remembered(MachineKey("default", "n"), "192.0.2.1", 22, record, "")) == "CleanupFailed"


@pytest.mark.parametrize(
    ("phase", "reason", "busy", "state", "ended"),
    [
        (Phase.NEW, "", "", "New", ""),
        (Phase.NEW, "Unreachable", "", "Failed", "Unreachable"),
        (Phase.BOOTSTRAPPING, "", "", "Unfinished", ""),
        (Phase.BOOTSTRAPPING, "StepFailed", "", "Failed", "StepFailed"),
        (Phase.BOOTSTRAPPING, "StepFailed", "7", "Running", "StepFailed"),
        (Phase.NEW, "", "7", "Running", ""),
        (Phase.PROVISIONED, "", "", "Provisioned", "Finished"),
        (Phase.CLEANING, "", "7", "Cleaning", ""),
        (Phase.CLEANING, "", "", "Unfinished", ""),
        (Phase.CLEANING, "TimedOut", "", "CleanupFailed", "TimedOut"),
        (Phase.CLEAN, "", "", "Clean", "Finished"),
    ],
)
def test_states_are_told_apart(phase: Phase, reason: str, busy: str, state: str, ended: str) -> None:
    record = Record(phase=phase, reason=reason, changed_at=1.0)
    one = Remembered(MachineKey("default", "node-0"), "192.0.2.1", 22, record, busy)
    assert (state_of(one), last_run(one)) == (state, ended)


def test_a_machine_that_was_never_run_here_has_no_last_run() -> None:
    """Its manifest says that it is provisioned."""
    one = Remembered(MachineKey("default", "node-0"), "192.0.2.1", 22, Record(phase=Phase.PROVISIONED))
    assert last_run(one) == ""


def test_what_is_at_work_is_shown(capra: Terminal) -> None:
    _remember(capra, "node-0", Phase.BOOTSTRAPPING)
    assert "node-0 192.0.2.1:22 Unfinished - - its end is not known" in capra.said(capra("status"))
    (machine,) = StateDirectory(capra.state).all()
    spec = MachineSpec(address=machine.address, port=machine.port)
    with StateDirectory(capra.state).lock(RemoteMachine(machine.key, spec)):
        assert "node-0 192.0.2.1:22 Running - - capra (pid " in capra.said(capra("status"))
        assert capra.json("status")[0]["state"] == "Running"
        assert "is at work on node-0; nothing was forgotten" in capra("forget", "node-0", "--force", code=1).stderr
    assert capra.json("status")[0]["state"] == "Unfinished"


@pytest.mark.parametrize("phase", [Phase.BOOTSTRAPPING, Phase.PROVISIONED, Phase.CLEANING])
def test_a_host_that_may_be_dirty_is_not_forgotten(capra: Terminal, phase: Phase) -> None:
    _remember(capra, "node-0", phase)
    _remember(capra, "node-1", Phase.CLEAN, "192.0.2.2")
    before = _files(capra.state)

    result = capra("forget", "node-1", "node-0", code=1)
    assert f"node-0: its host 192.0.2.1:22 may be dirty (phase {phase}); nothing was forgotten" in result.stderr
    assert "--force" in result.stderr
    assert _files(capra.state) == before

    assert "forgotten: node-0 at 192.0.2.1:22" in capra("forget", "node-0", "--force").stderr
    assert [one["name"] for one in capra.json("status")] == ["node-1"]


def test_a_clean_host_is_forgotten_with_its_key(capra: Terminal) -> None:
    _remember(capra, "node-0", Phase.CLEAN)
    _remember(capra, "node-1", Phase.CLEAN, "192.0.2.2")

    result = capra("forget", "node-0", "--output", "json")

    (told,) = json.loads(result.stdout)["forgotten"]
    assert (told["name"], told["phase"], len(told["hostKeys"])) == ("node-0", "Clean", 1)
    assert told["hostKeys"][0] in result.stderr
    known = (capra.state / "known_hosts").read_text()
    assert ("192.0.2.1" in known, "192.0.2.2" in known) == (False, True)
    assert [path.name for path in (capra.state / "machines").iterdir()] == ["default.node-1@192.0.2.2_22.json"]
    capra("forget", "node-0", code=2)


def test_the_key_of_a_host_that_another_machine_has_stays(capra: Terminal) -> None:
    _remember(capra, "node-0", Phase.CLEAN)
    _remember(capra, "node-9", Phase.PROVISIONED)
    assert "the pinned keys of the host stay, since node-9 is there, too" in capra("forget", "node-0").stderr
    assert "192.0.2.1" in (capra.state / "known_hosts").read_text()


def test_a_name_of_two_namespaces(capra: Terminal) -> None:
    _remember(capra, "node-0", Phase.CLEAN)
    _remember(capra, "node-0", Phase.CLEAN, "192.0.2.2", "other")
    result = capra("forget", "node-0", code=2)
    assert "node-0: stands for several machines; give one of: default/node-0, other/node-0" in result.stderr
    capra("forget", "other/node-0")
    assert [one["namespace"] for one in capra.json("status")] == ["default"]


def test_a_name_at_two_addresses(capra: Terminal) -> None:
    for address in ("192.0.2.1", "192.0.2.2"):
        _remember(capra, "node-0", Phase.CLEAN, address)
    before = _files(capra.state)
    result = capra("forget", "node-0", code=2)
    told = "error: node-0: is remembered at 2 addresses; give one with --address: 192.0.2.1:22, 192.0.2.2:22"
    assert told in result.stderr
    result = capra("forget", "node-0", "--address", "192.0.2.3", code=2)
    assert "--address: 192.0.2.3 is not theirs: node-0 is at 192.0.2.1:22, node-0 is at 192.0.2.2:22" in result.stderr
    assert _files(capra.state) == before
    capra("forget", "node-0", "--address", "192.0.2.2:22")
    assert [one["address"] for one in capra.json("status")] == ["192.0.2.1"]
    capra("forget", "node-0", "--address", "192.0.2.1")
    assert capra.json("status") == []


def test_a_machine_that_is_not_known(capra: Terminal) -> None:
    result = capra("forget", "node-7", code=2)
    assert "node-7: no machine of this name is remembered; there are: none" in result.stderr
    _remember(capra, "node-0", Phase.CLEAN)
    result = capra("forget", "node-0", "node-7", code=2)
    assert "there are: node-0" in result.stderr
    assert [one["name"] for one in capra.json("status")] == ["node-0"]


def test_a_machine_that_was_bootstrapped_meanwhile_stays(capra: Terminal) -> None:
    _remember(capra, "node-0", Phase.CLEAN)
    state = StateDirectory(capra.state)
    (seen,) = state.all()
    _remember(capra, "node-0", Phase.PROVISIONED)
    with pytest.raises(Fatal, match="was bootstrapped meanwhile"):
        state.forget(seen)
    assert len(state.all()) == 1
    state.known_hosts.pin("192.0.2.1", 22, [OTHER_HOST_KEY])
    state.forget(seen, force=True)
    assert state.all() == []
    state.forget(seen)  # who was cut off calls again


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--watch",), "--watch: is for a cluster: give --context or --kubeconfig, too"),
        (("--namespace", "n"), "--namespace: is for a cluster"),
        (("--context", "c", "-f", "machine.yaml"), "--file: cannot be given with a cluster"),
        (("--context", "c", "--watch", "-o", "json"), "--watch: prints lines for people, and no JSON"),
        (("--kubeconfig", "nowhere.yaml"), "--kubeconfig nowhere.yaml: cannot be used"),
        (("--kubeconfig", "nowhere.yaml", "--context", "c"), "--context c: cannot be used"),
    ],
)
def test_options_of_a_cluster_that_do_not_fit(capra: Terminal, arguments: tuple[str, ...], told: str) -> None:
    assert told in capra("status", *arguments, code=2).stderr


def _files(directory: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in directory.rglob("*.json")}


def test_an_address_is_meant_for_every_name_and_in_any_form(capra: Terminal) -> None:
    _remember(capra, "node-0", Phase.CLEAN, "2001:db8::1")
    _remember(capra, "node-1", Phase.CLEAN, "192.0.2.2")
    result = capra("forget", "node-0", "node-1", "--address", "2001:DB8::1", code=2)
    assert "is not theirs: node-1 is at 192.0.2.2:22; nothing was forgotten" in result.stderr
    capra("forget", "node-0", "--address", "[2001:DB8::1]")
    assert [one["name"] for one in capra.json("status")] == ["node-1"]
