"""What a host says of whoever uses it is data."""

from __future__ import annotations

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import payload, results
from ansible_collections.capra.machine.plugins.plugin_utils.claims import Claimant, claimant, noted, refusal
from ansible_collections.capra.machine.plugins.plugin_utils.parts import encode

UID = "6a4c6b0e-0b1c-4b7e-9d0f-0c8f9a1d2e3f"


def test_a_claimant() -> None:
    found = claimant([UID, "default/one", "1764108000"])
    assert found == Claimant(UID, "default/one", 1764108000)
    assert str(found) == f"default/one (UID {UID}) since 2025-11-25T22:00:00Z"
    assert f"naming that machine: {UID} (" in refusal(found)
    assert "naming that machine: a/one (" in refusal(Claimant(name="a/one"))
    assert "a machine without a name;" in refusal(Claimant())
    assert "naming that machine: unknown (" in refusal(Claimant())


@pytest.mark.parametrize(
    "word",
    [
        "-",
        "",
        "\\0033[31m",
        "a\\0012b",
        "a\x1b[0m",
        "a;b",
        "<b>",
        "é",
        "x" * 2000,
        "a b",
        "\\0777",
        "-rf",
        "../..",
    ],
)
def test_what_is_not_plain_is_left_out(word: str) -> None:
    found = claimant([word, word, word])
    assert found == Claimant()
    assert str(found) == "a machine without a name"


@pytest.mark.parametrize("words", [[], ["u"], ["u", "n"], ["u", "n", "0"], ["u", "n", "-1"], ["u", "n", "9" * 12]])
def test_words_that_are_missing(words: list[str]) -> None:
    assert claimant(words).since == 0
    assert str(claimant(words))


def test_every_time_can_be_shown() -> None:
    assert "since 5138-11-16" in str(claimant(["u", "n", "99999999999", "more"]))


def test_a_name_that_was_encoded() -> None:
    assert claimant([encode("u@x"), encode("default/one"), "1"]).name == "default/one"


def test_a_report() -> None:
    text = "\ncapra begin\nstate ended\nclaimed u default/one 9\nboot b\nbegin 0 b 1 1 1\nfinished 0 0\ncapra end\n"
    report = payload.parse_report(text)
    assert report.claimed == Claimant("u", "default/one", 9)
    assert not results.finished(report)
    why = results.failure([], report)
    assert (why["reason"], why["claimed"]) == ("claimed", {"uid": "u", "name": "default/one", "since": 9})


def test_the_hosts_own_note() -> None:
    assert noted("") is None
    assert noted(f"claim 1 {UID} default/one 1764108000") == Claimant(UID, "default/one", 1764108000)
    # Whatever it is, it is somebody's.
    assert noted("claim 2 other") == Claimant()
    assert noted("nonsense") == Claimant()
