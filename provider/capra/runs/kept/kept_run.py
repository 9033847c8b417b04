"""One run as it is kept: what was run on which machine, and what each step has said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from capra.model.run import Outcome, Progress, RunRequest, StepReport

VERSION = 1


@dataclass(frozen=True)
class KeptStep:
    """One step. number: from 1, as everywhere where people read. rc: exit status, None where there is none. output: its
    end."""

    number: int
    title: str
    state: str
    rc: int | None = None
    seconds: float = 0.0
    output: str = ""


@dataclass(frozen=True)
class KeptRun:
    """A run. name: of its file. begun, ended: seconds since the epoch; ended is 0 while it is under way. outcome: an
    OutcomeKind, or Interrupted, or empty. output: the end of what Ansible has printed, where no step tells."""

    name: str
    kind: str
    namespace: str
    machine: str
    playbook: str
    begun: float
    ended: float = 0.0
    outcome: str = ""
    message: str = ""
    steps: tuple[KeptStep, ...] = ()
    output: str = ""
    version: int = VERSION


def begun_kept_run(request: RunRequest, name: str, now: float) -> KeptRun:
    """A run that has begun."""
    key = request.key
    playbook = f"hook {request.hook}" if request.hook else request.playbook.value
    return KeptRun(name, key.kind, key.namespace, key.name, playbook + (" (check)" if request.check else ""), now)


def with_progress(run: KeptRun, progress: Progress) -> KeptRun:
    """The run with what is known of a step by now. What it has said stays where nothing newer is told."""
    if not progress.of_step:
        return run
    number = progress.number + 1
    step = KeptStep(number, progress.title, progress.state, None, progress.seconds, progress.output)
    steps = {one.number: one for one in run.steps}
    if number in steps and not step.output:
        step = replace(step, output=steps[number].output)
    return replace(run, steps=tuple(one for _, one in sorted((steps | {number: step}).items())))


def ended_kept_run(run: KeptRun, outcome: Outcome, output: str, now: float) -> KeptRun:
    """The run as it has ended. output: see KeptRun."""
    steps = tuple(_step(step) for step in outcome.steps) or run.steps
    said = "" if outcome.steps else output
    return replace(run, ended=now, outcome=outcome.kind.value, message=outcome.message, steps=steps, output=said)


def _step(step: StepReport) -> KeptStep:
    rc = step.rc if step.rc >= 0 else None
    return KeptStep(step.number + 1, step.title, step.state, rc, step.seconds, step.output)


def load_kept_run(values: Mapping[str, Any]) -> KeptRun:
    """A run from its JSON form. Raises ValueError for what is none."""
    try:
        steps = tuple(KeptStep(**step) for step in values["steps"])
        run = KeptRun(**{**values, "steps": steps})
    except (KeyError, TypeError) as error:
        raise ValueError(f"is no kept run: {error}") from None
    if run.version != VERSION:
        raise ValueError(f"has version {run.version}, and this capra knows version {VERSION}")
    return run
