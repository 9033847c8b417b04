"""Messages of conditions: short, and with the field that they are about, once."""

from __future__ import annotations

from capra.model.status import MESSAGE_LENGTH, false, of_field, short


def test_a_message_has_at_most_so_many_characters() -> None:
    assert short("x" * MESSAGE_LENGTH) == "x" * MESSAGE_LENGTH
    cut = short("x" * (MESSAGE_LENGTH + 1))
    assert (len(cut), cut[-1]) == (MESSAGE_LENGTH, "…")
    assert len(false("Ready", "Failed", "x" * 9999).message) == MESSAGE_LENGTH


def test_the_field_is_named_once() -> None:
    assert of_field("spec.address", "is required") == "spec.address is required"
    assert of_field("spec.address", "give spec.address") == "give spec.address"
    assert of_field("", "is required") == "is required"
