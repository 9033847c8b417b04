"""One machine, or one host of a pool: what is known of it, and its runs with their steps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from capra.controller.serving.page.text import cut
from capra.engine.told.report import READY
from capra.kube.client.resources import ENTRIES, Raw
from capra.kube.objects.fields import text_of
from capra.kube.objects.overview import FAILED, FAILURES, machine_lines, pool_lines
from capra.model.run import OutcomeKind
from capra.model.status import timestamp
from capra.runs.kept.keeping import INTERRUPTED
from capra.runs.kept.kept_run import KeptRun, KeptStep

RUNS = 10
"""The newest runs are shown; `capra logs` has the others."""

STEPS = 200
CONDITIONS = 50
MESSAGE = 4_000
OUTPUT = 4_000
"""Characters of a step's output: its end."""


@dataclass(frozen=True)
class ConditionRow:
    """A condition of the object's status. since: RFC 3339. failed: it is a failure."""

    type: str
    status: str
    reason: str
    message: str
    since: str
    failed: bool


@dataclass(frozen=True)
class RunRow:
    """A run. begun, ended: RFC 3339; ended is empty while it is under way. seconds: how long it took. state: failed,
    running, interrupted or ok. left_out: steps that are not shown."""

    playbook: str
    begun: str
    ended: str
    seconds: float
    state: str
    outcome: str
    message: str
    steps: tuple[KeptStep, ...]
    left_out: int
    output: str


@dataclass(frozen=True)
class Detail:
    """facts: names and values; those without a value are left out. conditions: failures first. runs: the newest
    first."""

    kind: str
    namespace: str
    name: str
    failed: bool
    state: str
    message: str
    facts: tuple[tuple[str, str], ...]
    conditions: tuple[ConditionRow, ...]
    runs: tuple[RunRow, ...]

    @property
    def summary(self) -> str:
        """`node-3: Failed`."""
        return f"{self.name}: {self.state or 'no state'}"


def page_detail(kind: str, raw: Raw, runs: Iterable[KeptRun], *, with_output: bool) -> Detail:
    """What is shown of this RemoteMachine or PooledRemoteMachine. runs: those that were kept. with_output: the reader
    may see what steps have said, too."""
    status = raw.get("status") or {}
    made = _entry(raw) if kind == ENTRIES else _machine(raw, status)
    newest = sorted(runs, key=lambda run: run.begun, reverse=True)[:RUNS]
    return replace(
        made,
        message=cut(made.message, MESSAGE),
        conditions=_conditions(status.get("conditions"), failed=made.failed),
        runs=tuple(_run(run, with_output=with_output) for run in newest),
    )


def _machine(raw: Raw, status: Mapping[str, Any]) -> Detail:
    (line,) = machine_lines([raw])
    facts = {
        "Host": line.host,
        "Ready": line.ready,
        "Reason": line.reason,
        "Entry of a pool": line.entry,
        "At step": _progress(status.get("progress")),
        "Next attempt": text_of(status, "nextAttemptTime"),
        "Cleanup is given up": text_of(status, "cleanupDeadline"),
    }
    failed = line.rank == FAILED
    return Detail("RemoteMachine", line.namespace, line.name, failed, line.phase, line.message, _told(facts), (), ())


def _entry(raw: Raw) -> Detail:
    (pool,) = pool_lines([raw])
    (line,) = pool.entries
    facts = _told({"Host": line.host, "Pool": line.pool, "Machine": line.machine})
    failed = line.rank == FAILED
    return Detail("PooledRemoteMachine", line.namespace, line.name, failed, line.state, line.message, facts, (), ())


def _told(facts: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in facts.items() if value)


def _progress(progress: Any) -> str:
    if not isinstance(progress, Mapping):
        return ""
    return cut(f"{progress.get('step', '?')} of {progress.get('steps', '?')}: {text_of(progress, 'title')}", MESSAGE)


def _conditions(conditions: Any, *, failed: bool) -> tuple[ConditionRow, ...]:
    telling = {*FAILURES, READY} if failed else {*FAILURES}
    given: Sequence[Any] = conditions if isinstance(conditions, list) else []
    rows = [
        ConditionRow(
            text_of(one, "type"),
            text_of(one, "status"),
            text_of(one, "reason"),
            cut(text_of(one, "message"), MESSAGE),
            text_of(one, "lastTransitionTime"),
            text_of(one, "type") in telling and text_of(one, "status") == "False",
        )
        for one in given
        if isinstance(one, dict)
    ]
    return tuple(sorted(rows, key=lambda row: not row.failed)[:CONDITIONS])


def _run(run: KeptRun, *, with_output: bool) -> RunRow:
    seconds = run.ended - run.begun if run.ended else 0.0
    ended = timestamp(run.ended) if run.ended else ""
    steps = tuple(_step(step, with_output=with_output) for step in run.steps[:STEPS])
    message = run.message if with_output else run.message.partition("\n")[0]
    return RunRow(
        run.playbook,
        timestamp(run.begun),
        ended,
        seconds,
        _state(run),
        run.outcome,
        cut(message, MESSAGE),
        steps,
        len(run.steps) - len(steps),
        run.output[-OUTPUT:] if with_output else "",
    )


def _step(step: KeptStep, *, with_output: bool) -> KeptStep:
    return replace(step, title=cut(step.title, MESSAGE), output=step.output[-OUTPUT:] if with_output else "")


def _state(run: KeptRun) -> str:
    """running, ok, interrupted or failed."""
    if not run.ended:
        return "running"
    return {OutcomeKind.FINISHED.value: "ok", INTERRUPTED: "interrupted"}.get(run.outcome, "failed")
