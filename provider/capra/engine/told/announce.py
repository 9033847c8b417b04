"""From a reconciliation to the events that tell of it: what happened, once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from capra.engine.decisions import Bootstrap, Cleanup, GiveBack, Keep, Refuse, Release, Reserve, RunPlaybook, Wait
from capra.engine.engine import Reconciliation
from capra.model.observation import Phase

NORMAL = "Normal"
WARNING = "Warning"
MESSAGE_LENGTH = 1000
"""Characters of an event's message; the API takes 1024."""

TOLD_WAITS = frozenset({"PoolExhausted", "HostInUse"})
"""Waits that somebody should do something about. What the others wait for comes by itself."""


@dataclass(frozen=True)
class Announcement:
    """An event. type: Normal or Warning."""

    type: str
    reason: str
    message: str


def announce(taken: Reconciliation, *, news: bool) -> Announcement | None:
    """What to announce of this reconciliation, if anything. news: the machine's report differs from before."""
    match taken.decision:
        case RunPlaybook(hook):
            mode = " in check mode" if hook.check else ""
            where = taken.observation.machine.spec.place
            return _run(taken, "Playbook", f"playbook {hook.name}{mode} on {where}")
        case Bootstrap() | Cleanup():
            return _run(taken, *_named(taken))
        case Reserve(entry, follows=True):
            message = f"what has changed in PooledRemoteMachine {entry} counts for this machine from now on"
            return Announcement(NORMAL, "EntryFollowed", message)
        case Reserve(entry):
            return Announcement(NORMAL, "HostReserved", f"PooledRemoteMachine {entry} is reserved")
        case GiveBack(entry, message):
            told = f"PooledRemoteMachine {entry} is given back: its host does not answer: {message}"
            return _announcement(WARNING, "HostGivenBack", told)
        case Release(reason, moved=False, dirty=True):
            return _announcement(WARNING, "CleanupGivenUp", reason)
        case Release(moved=False) if _nothing_sent(taken):
            return _nothing_sent_told(taken)
        case Keep(adopted=True):
            message = "the machine was provisioned before; nothing is run on its host"
            return Announcement(NORMAL, "Adopted", message)
        case Refuse(reason, field, message) | Keep(playbook=Refuse(reason, field, message)) if news:
            return _announcement(WARNING, reason, message if not field or field in message else f"{field} {message}")
        case Wait(reason, message) if news and reason in TOLD_WAITS:
            return _announcement(WARNING, reason, message)
    return None


def entry_concerned(taken: Reconciliation) -> tuple[str, str] | None:
    """Namespace and name of the pool's entry that the announcement is also about: it is no longer what its pool takes
    it for. Anything else done with it is told of its machine alone."""
    entry = taken.observation.entry
    given_up = isinstance(taken.decision, Release) and taken.decision.dirty
    if entry is None or not (isinstance(taken.decision, GiveBack) or given_up):
        return None
    return taken.observation.machine.key.namespace, entry.name


def _nothing_sent(taken: Reconciliation) -> bool:
    """Runs were tried, and none has sent anything."""
    record = taken.observation.record
    return record.phase is Phase.NEW and bool(record.attempts)


def _nothing_sent_told(taken: Reconciliation) -> Announcement:
    spec, record = taken.observation.machine.spec, taken.observation.record
    tried = f"{record.attempts} attempt{'s' if record.attempts > 1 else ''} at {spec.place}"
    reason, what = "NothingSent", "nothing was ever sent to the host"
    if record.unreached == record.attempts:
        reason, what = "NeverReached", "no host was ever reached"
    return _announcement(NORMAL, reason, f"{what}, in {tried}: there is nothing to clean. Last: {record.cause}")


def _named(taken: Reconciliation) -> tuple[str, str]:
    """The prefix of its events' reasons, and what the run is."""
    name = "Bootstrap" if isinstance(taken.decision, Bootstrap) else "Cleanup"
    what = f"{name.lower()} of {taken.observation.machine.spec.place}"
    if not taken.hook:
        return name, what
    return "Hook", f"{what}: hook {taken.hook}" if taken.outcome is None else what


def failures(taken: Reconciliation) -> int:
    """How many runs of this kind have failed in a row."""
    if isinstance(taken.decision, RunPlaybook):
        return taken.record.playbook.attempts if taken.record.playbook is not None else 0
    return taken.record.attempts


def _run(taken: Reconciliation, name: str, what: str) -> Announcement:
    if taken.outcome is None:
        attempts = failures(taken)
        again = f", attempt {attempts + 1}" if attempts else ""
        return _announcement(NORMAL, f"{name}Started", f"{what} has begun{again}")
    if taken.outcome.ok:
        kind = WARNING if taken.outcome.warned else NORMAL
        return _announcement(kind, f"{name}Succeeded", f"{what}: {taken.outcome.message}")
    kind = taken.outcome.kind.value
    return _announcement(WARNING, f"{name}Failed", f"{what}: {kind}: {taken.outcome.cause}")


def _announcement(kind: str, reason: str, message: str) -> Announcement:
    return Announcement(
        kind, reason, message if len(message) <= MESSAGE_LENGTH else f"{message[: MESSAGE_LENGTH - 1]}…"
    )
