"""Everything one decision looks at, gathered by a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from capra.model.machine import RemoteMachine


class Phase(StrEnum):
    """How far a host has come. `New`: never contacted for a run, or clean again."""

    NEW = "New"
    BOOTSTRAPPING = "Bootstrapping"
    PROVISIONED = "Provisioned"
    CLEANING = "Cleaning"
    CLEAN = "Clean"


@dataclass(frozen=True)
class Owner:
    """The owner Machine. bootstrap_kind: kind of its bootstrap config, which tells the k0s role."""

    name: str
    bootstrap_kind: str = ""


@dataclass(frozen=True)
class Cluster:
    """The Machine's Cluster, as far as it holds provisioning up."""

    name: str
    paused: bool = False
    infrastructure_ready: bool = True


@dataclass(frozen=True)
class BootstrapData:
    """Bootstrap data, byte for byte. source: the Secret or file it came from, for messages."""

    data: bytes = field(repr=False)
    format: str = "cloud-config"
    source: str = "bootstrap data"


@dataclass(frozen=True)
class SSHKey:
    """A private key. source: the Secret or file it came from, for messages. The value never shows in a repr."""

    value: str = field(repr=False)
    source: str = ""


@dataclass(frozen=True)
class Record:
    """What must survive a restart, and a move in a cluster.

    run_id: of the bootstrap that has begun. digest: of its bootstrap data. host_keys: trusted at first contact, each
    `TYPE BASE64`. attempts: runs that failed in a row. not_before: no run before this time (seconds since the epoch).
    reason, message: how the last run ended; both empty after a good one.
    """

    phase: Phase = Phase.NEW
    run_id: str = ""
    digest: str = ""
    host_keys: tuple[str, ...] = ()
    attempts: int = 0
    not_before: float = 0.0
    reason: str = ""
    message: str = ""
    changed_at: float = 0.0


@dataclass(frozen=True)
class Observation:
    """One look at the world. now: seconds since the epoch. None stands for what could not be found."""

    machine: RemoteMachine
    record: Record
    now: float
    owner: Owner | None = None
    cluster: Cluster | None = None
    bootstrap: BootstrapData | None = None
    ssh_key: SSHKey | None = None
    become_password: str = field(default="", repr=False)
