"""Whatever stands in a manifest, it is told in sentences of Capra's own."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from capra.errors import InputError
from capra.model.manifest.validation import to_document
from tests.unit.local.examples import machine, secret

STRANGE: tuple[object, ...] = (
    *(None, True, 1, 1.5, -1, 70000, 10**30, float("nan"), "", "x", "a\0b", b"x", "9" * 300, datetime.date(2026, 1, 1)),
    *([], [None], [1], [{}], {}, {"a": 1}, {1: 2}),
)
FULL: dict[str, Any] = {
    "useSudo": True,
    "becomeMethod": "sudo",
    "becomePasswordRef": {"name": "x"},
    "commandsAsScript": True,
    "workingDir": "/x",
    "cleanUp": "None",
    "cleanUpCommands": ["x"],
    "hostKeys": ["x"],
    "bastion": {"address": "a", "sshKeyRef": {"name": "k"}, "bastion": {"address": "b"}},
    "ansible": {"preBootstrap": [{"name": "x", "playbookRef": {"name": "x"}}]},
    "providerID": "x",
}


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield (*place, name)
        yield from _places(one, (*place, name))


def _with(document: dict[str, Any], place: tuple[Any, ...], value: object) -> dict[str, Any]:
    made = copy.deepcopy(document)
    at: Any = made
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = value
    return made


@pytest.mark.parametrize("document", [machine(**FULL), secret()], ids=["machine", "secret"])
def test_no_value_is_answered_in_the_words_of_a_library(document: dict[str, Any]) -> None:
    for place in _places(document):
        for value in STRANGE:
            try:
                to_document(_with(document, place, value), "S")
            except InputError as error:
                told = str(error)
                assert "hould" not in told, (place, value)
                assert "Input" not in told, (place, value)
                assert "[key]" not in told, (place, value)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (machine(becomeMethod="runas"), "spec.becomeMethod: must be 'sudo', 'doas' or 'su' (given: 'runas')"),
        (machine(cleanUp=True), "spec.cleanUp: must be 'Default', 'Verify' or 'None' (given: True)"),
        (machine() | {"spec": {1: 2}}, "spec: its key 1 must be text, but is a whole number; put it in quotes"),
        (secret() | {"data": {1: "eA=="}}, "data: its key must be text, but is a whole number; put it in quotes"),
        (machine(user=datetime.date(2026, 1, 1)), "spec.user: must be text, but is a date; put it in quotes"),
    ],
)
def test_what_is_told(document: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as raised:
        to_document(document, "S")
    assert str(raised.value) == f"S: {told}"
