"""`capra doctor` of this machine."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from capra.local.doctor import state_findings
from capra.local.state import StateDirectory
from capra.model.finding import Finding, Level
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine
from capra.model.observation import Phase, Record
from tests.unit.cli.conftest import Terminal


def _found(capra: Terminal, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """The findings by name."""
    findings = json.loads(capra("doctor", "--output", "json", *arguments, code=code).stdout)["findings"]
    return {one["name"]: one for one in findings}


def _remember(capra: Terminal, name: str, **record: Any) -> None:
    state = StateDirectory(capra.state)
    state.prepare()
    machine = RemoteMachine(MachineKey("default", name), MachineSpec(address=f"{name}.example.com", port=22))
    state.write(machine, Record(**record))


def test_a_machine_that_is_well(capra: Terminal) -> None:
    result = capra("doctor")
    assert result.stdout == ""
    assert "findings are ok; --all shows them" in result.stderr
    assert "state directory ok" in capra.said(capra("doctor", "--all"))
    assert not capra.state.exists()


@pytest.mark.parametrize("program", ["ssh", "ssh-keyscan"])
def test_a_program_that_is_missing(capra: Terminal, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    empty = capra.directory / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    found = _found(capra, code=1)[program]
    assert (found["level"], found["value"]) == ("error", "missing")
    assert "apt install openssh-client" in found["advice"]


def test_a_package_that_is_missing(capra: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capra.runs.doctor.PACKAGES", ("ansible-core", "no-such-package"))
    found = _found(capra, code=1)
    assert found["ansible-core"]["level"] == "ok"
    assert found["no-such-package"]["advice"] == "pip install no-such-package"


def test_a_place_for_keys_without_room(capra: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capra.runs.doctor.LEAST_ROOM", 2**70)
    assert "is short of room" in _found(capra)["private directory"]["message"]


def test_a_state_directory_that_is_open_to_others(capra: Terminal) -> None:
    _remember(capra, "node-0", phase=Phase.CLEAN, changed_at=1.0)
    capra.state.chmod(0o755)
    found = _found(capra)["state directory"]
    assert (found["level"], found["advice"]) == ("warning", f"chmod 700 {capra.state}")


def test_what_has_not_ended_well(capra: Terminal) -> None:
    _remember(capra, "node-0", phase=Phase.PROVISIONED)
    assert _found(capra)["records"]["level"] == "ok"
    _remember(capra, "node-1", phase=Phase.BOOTSTRAPPING)
    _remember(capra, "node-2", phase=Phase.NEW, reason="Unreachable", message="no answer")
    found = _found(capra)["records"]
    assert (found["level"], found["value"]) == ("warning", "3 machines")
    assert found["message"].startswith("node-1, node-2: ")


def test_damaged_files(capra: Terminal) -> None:
    _remember(capra, "node-0", phase=Phase.PROVISIONED)
    (file,) = (capra.state / "machines").iterdir()
    file.write_text("{")
    (capra.state / "known_hosts").write_text("nonsense\n")
    found = _found(capra, code=1)
    assert file.name in found["records"]["value"]
    assert "line 1 is not" in found["host keys"]["message"]
    said = capra.said(capra("doctor", code=1))
    assert said.index("error") < said.index("findings are ok")


def test_a_state_directory_that_is_a_file(capra: Terminal) -> None:
    capra.state.parent.mkdir()
    capra.state.write_text("")
    found = list(state_findings(capra.state))
    assert [one.level for one in found] == [Level.ERROR]
    assert isinstance(found[0], Finding)
    assert "XDG_STATE_HOME" in found[0].advice
    assert os.path.isfile(capra.state)


def test_a_namespace_is_one_of_a_cluster(capra: Terminal) -> None:
    assert "--namespace: is for a cluster" in capra("doctor", "-n", "x", code=2).stderr
