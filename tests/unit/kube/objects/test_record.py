"""The record of an object as its annotation: anybody in the namespace may write it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from capra.kube.client.resources import BASTION_HOST_KEYS, HOST_KEYS, RECORD
from capra.kube.objects import record
from capra.model.observation import Phase, PlaybookRun, Record
from tests.unit.kube.pool_examples import machine

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtl"
RUN = PlaybookRun("runPlaybook/patch:d1", 3, 1500.0, "HookFailed", "no such package", under_way=True)
KEPT = Record(phase=Phase.CLEANING, attempts=2, not_before=2000.0, cleaning_since=1000.0, message="m", playbook=RUN)


def _with(text: str) -> Record:
    return record.load_record(machine(address="192.0.2.1", annotations={RECORD: text}))


def _text(**changed: Any) -> str:
    return json.dumps(json.loads(str(record.dump_record(KEPT)[RECORD])) | changed)


def test_it_is_read_as_it_was_written() -> None:
    assert _with(_text()) == KEPT


@pytest.mark.parametrize(
    "changed",
    [
        {"notBefore": float("nan")},
        {"cleaningSince": float("nan")},
        {"cleaningSince": float("inf")},
        {"notBefore": -1},
        {"changedAt": 1e300},
        {"attempts": -1},
        {"unreached": 10**30},
        {"phase": "Whatever"},
        {"playbook": {"notBefore": -1}},
        {"playbook": {"attempts": 10**30}},
        {"playbook": "runPlaybook/patch:d1"},
    ],
)
def test_a_damaged_one_says_nothing(changed: dict[str, Any]) -> None:
    """A host may be in use: nothing is begun by what it says, and no time is waited for that never comes."""
    assert _with(_text(**changed)) == Record(phase=Phase.BOOTSTRAPPING)


@pytest.mark.parametrize(
    ("run_id", "name"),
    [
        ("runPlaybook/patch:d1", "patch"),
        ("runPlaybook/patch/check:d1", "patch"),
        # Anybody may have written it.
        ("a:b/c", ""),
        ("", ""),
        ("/", ""),
    ],
)
def test_the_name_of_a_playbook_that_has_run(run_id: str, name: str) -> None:
    assert PlaybookRun(run_id).name == name


def test_keys_of_hosts_and_bastions_stand_apart() -> None:
    kept = Record(host_keys=(KEY,), bastion_keys=(f"[192.0.2.9]:2222 {KEY}", f"b.example.org {KEY}"))
    annotations = record.dump_record(kept)
    assert record.load_record(machine(annotations=annotations)) == kept
    damaged = annotations | {BASTION_HOST_KEYS: f"{KEY}\n\n b {KEY} \nc ssh-ed25519 x\n"}
    assert record.load_record(machine(annotations=damaged)).bastion_keys == (f"b {KEY}",)
    changed = record.record_changes(kept, replace(kept, bastion_keys=()), kept)
    assert BASTION_HOST_KEYS not in changed, "somebody has taken it away meanwhile"
    assert HOST_KEYS in changed
