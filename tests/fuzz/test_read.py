"""Whatever a Secret holds: reading it ends in steps, or in one InputError that says where, in a few words."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings

from capra.bootstrap import RunCommand, WriteFile, read
from capra.errors import InputError
from tests.fuzz.forms import ANY, MADE, OPTIONS, PACKED
from tests.fuzz.strategies import SECRET
from tests.fuzz.test_families import LONGEST_MESSAGE
from tests.support.documents import INSTANCE

EXAMPLES = int(os.environ.get("CAPRA_FUZZ_EXAMPLES", "2000"))
"""Of all tests here together. `make nightly` asks for more."""

SUBJECT = "Secret default/data"


def fuzz(share: float) -> settings:
    """share: of the examples. The same ones each time, unless somebody asks for a number of them: then others."""
    return settings(
        max_examples=max(1, int(EXAMPLES * share)),
        derandomize="CAPRA_FUZZ_EXAMPLES" not in os.environ,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def message_of(data: bytes, options: dict[str, Any]) -> str:
    """What the error says, after a look at its form; empty where there are steps."""
    error = None
    try:
        parsed = read(data, subject=SUBJECT, instance=INSTANCE, **options)
    except InputError as raised:
        error = raised
    if error is None:
        assert parsed.steps
        assert all(isinstance(step, WriteFile | RunCommand) for step in parsed.steps)
        return ""
    assert type(error) is InputError
    assert (error.subject, error.reason) == (SUBJECT, "InvalidBootstrapData")
    assert error.problem
    message = str(error)
    assert message == ": ".join(part for part in (SUBJECT, error.field, error.problem) if part)
    assert len(message) <= LONGEST_MESSAGE
    assert message.isprintable()
    return message


@fuzz(0.5)
@given(data=MADE, options=OPTIONS)
def test_what_is_made_is_read_or_refused_without_secrets(data: bytes, options: dict[str, Any]) -> None:
    assert SECRET not in message_of(data, options)


@fuzz(0.4)
@given(data=ANY, options=OPTIONS)
def test_what_is_damaged_is_read_or_refused(data: bytes, options: dict[str, Any]) -> None:
    message_of(data, options)


@fuzz(0.1)
@given(data=PACKED, options=OPTIONS)
def test_what_is_packed_is_read_or_refused(data: bytes, options: dict[str, Any]) -> None:
    message_of(data, options)
