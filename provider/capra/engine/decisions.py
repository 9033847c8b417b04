"""What can be decided about a machine: a closed set. `capra.engine.decide` decides."""

from __future__ import annotations

from dataclasses import dataclass

from capra.model.machine import Adoption, CleanUp
from capra.model.observation import HookText


@dataclass(frozen=True)
class Wait:
    """Nothing can be done before something else changes. reason: a CamelCase word; message: what it waits for. until:
    when to look again even if nothing changed, in seconds since the epoch; 0 for never."""

    reason: str
    message: str
    until: float = 0.0


@dataclass(frozen=True)
class Refuse:
    """The input does not allow a run; look again when it changes. field: the path that is wrong. until: as in Wait, for
    unseen changes."""

    reason: str
    field: str
    message: str
    until: float = 0.0


@dataclass(frozen=True)
class BackOff:
    """The last run failed: not again before `until`, in seconds since the epoch."""

    until: float


@dataclass(frozen=True)
class Reserve:
    """Take this entry of the pool for the machine, or renew the machine's claim to it. follows: the machine has it, and
    takes over what changed in it."""

    entry: str
    follows: bool = False


@dataclass(frozen=True)
class GiveBack:
    """Give the entry of a pool back, since its host does not answer and nothing was ever sent to it; another one,
    or the same later, is reserved then. message: how the last run ended."""

    entry: str
    message: str


@dataclass(frozen=True)
class Bootstrap:
    """Run the bootstrap, or attach to the one that is under way. adoption: first see whether the host is a node."""

    adoption: Adoption | None = None


@dataclass(frozen=True)
class Cleanup:
    """Clean the host. custom: with the machine's own commands instead of a distribution's cleanup. role: that of a k0s
    host: controller, worker, or auto where only the host can tell. clean_up: what else is removed and checked.
    distribution: k0s, kubeadm, rke2 or k3s, for `Default`; empty where only the host can tell."""

    custom: bool
    role: str = "auto"
    clean_up: CleanUp = CleanUp.DEFAULT
    distribution: str = ""


@dataclass(frozen=True)
class Release:
    """Nothing is left to do: let the machine go. reason: why. moved: the host lives on under another management
    cluster, so nothing is reported here. dirty: the cleanup was given up; the host is never handed out as it is."""

    reason: str
    moved: bool = False
    dirty: bool = False


@dataclass(frozen=True)
class Keep:
    """Provisioned: keep the status true; run nothing. adopted: it was so before Capra saw it. playbook: why the
    one that the annotation `run-playbook` asks for is not run; None where there is none, or it has ended well."""

    adopted: bool = False
    playbook: Wait | Refuse | BackOff | None = None


@dataclass(frozen=True)
class RunPlaybook:
    """Provisioned, and kept so: run the playbook that the annotation `run-playbook` asks for. serial: see
    `AskedPlaybook`. begun: it has begun on this machine before, but not succeeded."""

    hook: HookText
    serial: int = 0
    begun: bool = False


Run = Bootstrap | Cleanup | RunPlaybook
"""Decisions that run something on the host."""

Decision = Wait | Refuse | BackOff | Reserve | GiveBack | Run | Release | Keep
