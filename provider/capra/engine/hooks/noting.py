"""What a record notes of hooks that have ended well, and of the annotation `run-playbook`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from capra.model.machine import Stage
from capra.model.observation import HookText, Observation, PlaybookRun, Record, hook_prefix
from capra.model.retry import RUN
from capra.model.run import Outcome

REMEMBERED = 20
"""How many recent playbooks of day two are remembered: a machine may live for years, and all annotations of an
object share 256 KiB."""

MESSAGE_LENGTH = 1500
"""Characters of a message that are kept."""


def with_hook(hooks: Sequence[str], hook: HookText) -> tuple[str, ...]:
    """One entry for each hook: that of the text that last succeeded."""
    prefix = hook_prefix(hook.stage, hook.name, check=hook.check)
    return (*(one for one in hooks if not one.startswith(prefix)), hook.id)


def playbook_begun(record: Record, hook: HookText) -> Record:
    """The record when the annotation's playbook is about to run."""
    return replace(record, playbook=replace(_run(record, hook), under_way=True))


def playbook_ended(record: Record, hook: HookText, outcome: Outcome, now: float) -> Record:
    """The record after such a run. Whatever came of it, the machine is as it was."""
    run = PlaybookRun(hook.id, reason=outcome.kind.value, message=outcome.message[:MESSAGE_LENGTH])
    if not outcome.ok:
        attempts = _run(record, hook).attempts + 1
        return replace(record, playbook=replace(run, attempts=attempts, not_before=now + RUN.after(attempts)))
    before = with_hook(record.hooks, hook)
    others = [one for one in before if not one.startswith(f"{Stage.RUN_PLAYBOOK}/")]
    own = [one for one in before if one.startswith(f"{Stage.RUN_PLAYBOOK}/")]
    return replace(record, hooks=(*others, *own[-REMEMBERED:]), playbook=run)


def playbook_forgotten(observation: Observation) -> Record:
    """The record without a run that the annotation does not ask for any more."""
    record, asked = observation.record, observation.playbook
    wanted = asked is not None and record.playbook is not None and record.playbook.id.startswith(asked.prefix)
    return record if wanted or record.playbook is None else replace(record, playbook=None)


def _run(record: Record, hook: HookText) -> PlaybookRun:
    """The run of this text so far."""
    run = record.playbook
    return run if run is not None and run.id == hook.id else PlaybookRun(hook.id)
