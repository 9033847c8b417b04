"""What is reported of a machine: its status, independent of the API's versions."""

from __future__ import annotations

from dataclasses import dataclass


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
class MachineReport:
    """The status of a RemoteMachine. phase: one word for a person. conditions: those that Capra owns and that hold now;
    an owned one that is not here is to be removed. failure_reason, failure_message: the fields of the contract v1beta1,
    empty when there is no failure."""

    phase: str
    provisioned: bool
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[MachineAddress, ...] = ()
    failure_reason: str = ""
    failure_message: str = ""


MESSAGE_LENGTH = 2000
"""Characters of a condition's message: the API allows 32768, and a person reads less."""


def of_field(field: str, message: str) -> str:
    """What is wrong with a field, which the message may name already."""
    return short(f"{field} {message}" if field and field not in message else message)


def short(message: str) -> str:
    """As much as a condition's message has room for."""
    return message if len(message) <= MESSAGE_LENGTH else f"{message[: MESSAGE_LENGTH - 1]}…"


def false(kind: str, reason: str, message: str) -> Condition:
    """A condition that does not hold."""
    return Condition(kind, "False", reason, short(message))
