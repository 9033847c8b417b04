"""The mark of a host that did not answer, and what a machine is without its entry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from capra.kube.client.resources import POOL_COMMANDS, POOL_ENTRY, UNREACHABLE, Raw
from capra.kube.objects import record, silent
from capra.kube.objects.pool_entries import to_pool_entry
from capra.kube.stores.following import taken_back
from capra.model.observation import Record
from capra.model.pool import Unreachable
from tests.unit.kube.pool_examples import entry, machine


def _marked(text: str, **given: Any) -> Raw:
    return entry(annotations={UNREACHABLE: text}, **given)


def test_the_back_off_grows_and_ends() -> None:
    raw: Raw = entry()
    waits = []
    for _ in range(8):
        raw = _marked(silent.dump_silence(raw, 1000.0, "no route"))
        mark = silent.load_silence(raw)
        assert mark is not None
        assert mark.since == 1000.0
        waits.append(mark.until - 1000.0)
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0, 1800.0]
    assert to_pool_entry(raw).unreachable == Unreachable(1000.0, 2800.0, 8, "no route")
    assert to_pool_entry(raw).blocked == ""


def test_another_host_has_no_mark() -> None:
    text = silent.dump_silence(entry(), 1000.0, "no route")
    for changed in ({"address": "192.0.2.1"}, {"port": 2222}):
        assert silent.load_silence(_marked(text, **changed)) is None


@pytest.mark.parametrize(
    "changed", [{"since": 1e300}, {"until": -1}, {"times": 0}, {"since": "x"}, {"until": None}, {"place": 5}]
)
def test_a_mark_that_somebody_has_damaged_is_none(changed: dict[str, Any]) -> None:
    text = json.dumps(json.loads(silent.dump_silence(entry(), 1000.0, "m")) | changed)
    assert silent.load_silence(_marked(text)) is None
    assert silent.load_silence(_marked("{")) is None


def test_what_a_machine_had_from_its_entry_is_taken_back_and_nothing_else() -> None:
    given: dict[str, Any] = {"user": "ops", "port": 2222, "cleanUpCommands": ["a"]}
    theirs = entry(labels={"rack": "7", "zone": "a"}, annotations={"example.org/x": "y"}, **given)
    mine = machine(
        address="e.example.org",
        user="ops",
        port=2222,
        cleanUpCommands=["mine"],
        sshKeyRef={"name": "key"},
        annotations={"example.org/x": "y", "own": "z", POOL_ENTRY: "e", POOL_COMMANDS: "d"},
    )
    mine["metadata"]["labels"] = {"rack": "7", "zone": "mine", "own": "z"}
    body = taken_back(mine, theirs)
    assert body["spec"] == {"address": None, "user": None, "port": None, "sshKeyRef": None}
    assert body["metadata"]["labels"] == {"rack": None}
    annotations = body["metadata"]["annotations"]
    gone = {name for name, value in annotations.items() if value is None}
    assert gone >= {"example.org/x", POOL_ENTRY, POOL_COMMANDS}
    assert "own" not in annotations
    kept = {name: value for name, value in annotations.items() if value is not None}
    assert kept == {name: value for name, value in record.dump_record(Record()).items() if value is not None}


def test_of_an_entry_that_is_gone_the_address_is_taken_back() -> None:
    """What else it was given is noted in the machine: see test_giving_back."""
    assert taken_back(machine(address="e.example.org", user="ops"), None)["spec"] == {"address": None}
