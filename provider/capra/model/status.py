"""What is told of a machine: its status in terms that no API version has a say in."""

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
