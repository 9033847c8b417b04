"""What is reported of a machine: its status, independent of the API's versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

LAST_MOMENT = 253402300799.0
"""9999-12-31T23:59:59Z."""


def timestamp(seconds: float) -> str:
    """RFC 3339, as the API has it. seconds: since the epoch; a calendar of years of four digits ends in 9999."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), LAST_MOMENT), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Condition:
    """One condition (metav1.Condition). status: True, False or Unknown."""

    type: str
    status: str
    reason: str
    message: str = ""


@dataclass(frozen=True)
class MachineAddress:
    """One of a machine's addresses. type: Hostname, ExternalIP, InternalIP, ExternalDNS or InternalDNS."""

    type: str
    address: str


@dataclass(frozen=True)
class RunProgress:
    """The step that a run is at. step: from 1 to steps. since: seconds since the epoch."""

    step: int
    steps: int
    title: str
    since: float


@dataclass(frozen=True)
class MachineReport:
    """The status of a RemoteMachine. phase: one word for a person. conditions: those that Capra owns and that hold now;
    an owned one that is not here is to be removed. failure_reason, failure_message: the fields of the contract v1beta1,
    empty when there is no failure. next_attempt: when what has failed is tried again; cleanup_deadline: when the
    cleanup is given up at the earliest; both in seconds since the epoch, 0 where there is none. failure_domain: of the
    machine's entry, empty where that names none."""

    phase: str
    provisioned: bool
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[MachineAddress, ...] = ()
    failure_reason: str = ""
    failure_message: str = ""
    next_attempt: float = 0.0
    cleanup_deadline: float = 0.0
    failure_domain: str = ""


MESSAGE_LENGTH = 2000
"""Characters of a condition's message: the API allows 32768, and a person reads less."""


def of_field(field: str, message: str) -> str:
    """What is wrong with a field, which the message may name already."""
    return short(f"{field} {message}" if field and field not in message else message)


def short(message: str) -> str:
    """As much as a condition's message has room for."""
    return message if len(message) <= MESSAGE_LENGTH else f"{message[: MESSAGE_LENGTH - 1]}…"


def with_outlook(message: str, *sentences: str) -> str:
    """A message, and what is to come, which is never cut off."""
    outlook = "; ".join(filter(None, sentences))
    if not outlook:
        return short(message)
    room = MESSAGE_LENGTH - len(outlook) - 2
    told = message if len(message) <= room else f"{message[: room - 1]}…"
    return f"{told}\n{outlook}" if "\n" in told else f"{told}; {outlook}"


def false(kind: str, reason: str, message: str) -> Condition:
    """A condition that does not hold."""
    return Condition(kind, "False", reason, short(message))
