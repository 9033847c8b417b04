"""From a host's report to what became of each step. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils import causes, claims
from ansible_collections.capra.machine.plugins.plugin_utils.payload import Report
from ansible_collections.capra.machine.plugins.plugin_utils.telling import one_line, telling_line, with_tail

WARNING = re.compile(r"\w+: warning: ")
"""How a line of a script begins that is to reach people though the script has ended well: `PHASE: warning: TEXT`."""

ITS_OWN = ("script", "forget", "clear", "verify")
"""Kinds of steps whose output is Capra's."""

KILLED = 128
SIGNALS = 64
"""How many Linux has."""


NOT_CLEAN = 1
"""Status of a verification that has found something."""

TOLD_LINES = 10
"""Lines of the end of a step's output that a message has."""

LONGEST_PATH = 300
"""Characters of the place on the host that are told."""

_FAILED = re.compile(r"[a-z]+: failed: ")


@dataclass(frozen=True)
class StepResult:
    """One step. state: pending, running, ok, failed or cut. rc: exit status, -1 while there is none. seconds: how long
    it took. cuts: why earlier attempts of this step did not end (reboot, lost, cancelled, timeout). before: what an
    earlier end is worth: kept (of the same step), changed (of another one), again (a reboot took what it had made), or
    empty. no_room: the host had none left when the step had failed. own: its output is Capra's own."""

    number: int
    title: str
    kind: str
    state: str = "pending"
    rc: int = -1
    seconds: float = 0.0
    output: str = ""
    cuts: tuple[str, ...] = ()
    before: str = ""
    no_room: bool = False
    own: bool = False


def _seconds(start: str, end: str) -> float:
    try:
        return max(0.0, round(float(end) - float(start), 2))
    except ValueError:
        return 0.0


def step_results(steps: Sequence[Mapping[str, Any]], report: Report) -> list[StepResult]:
    """What the journal says of each step, in order."""
    state: dict[int, dict[str, Any]] = {number: {"cuts": ()} for number in range(len(steps))}
    started: dict[int, str] = {}
    boots: dict[int, str] = {}
    for words in report.journal:
        if words[0] == "anew":
            state = {number: {"cuts": values["cuts"]} for number, values in state.items()}
            continue
        if not words[1].isdecimal() or int(words[1]) not in state:
            continue
        number = int(words[1])
        match words:
            case ("start", _, boot, uptime, *_):
                started[number], boots[number] = uptime, boot
                # A step that is tried again has neither the status nor the time of the try before, and of the attempts
                # that were cut off only those since it last ended count.
                names = ("before",) if "rc" in state[number] else ("cuts", "before")
                stays = {"cuts": ()} | {name: value for name, value in state[number].items() if name in names}
                state[number] = {"state": "running", **stays}
            case ("end", _, rc, *more) if rc.isdecimal():
                # A line that was cut short may lack the time.
                uptime = more[0] if more else ""
                state[number] |= {
                    "state": "ok" if rc == "0" else "failed",
                    "rc": int(rc),
                    "seconds": _seconds(started.get(number, uptime), uptime),
                }
            case ("full", _, *_):
                state[number] |= {"no_room": True}
            case ("kept", _, _, *_):
                state[number] |= {"state": "ok", "rc": 0, "before": "kept"}
            case ("changed" | "again" as before, _, *_):
                state[number] |= {"before": before}
            case ("cut", _, why, *_) if state[number].get("state") == "running":
                state[number] |= {"state": "cut", "cuts": (*state[number]["cuts"], why)}
    results = []
    for number, step in enumerate(steps):
        values = state[number]
        if values.get("state") == "running" and not report.running:
            # Started, not ended, and no program: whatever ended it has not been noted yet.
            why = "reboot" if report.boot and report.boot != boots[number] else "lost"
            values |= {"state": "cut", "cuts": (*values["cuts"], why)}
        output = report.outputs.get(number, b"").decode("utf-8", "replace") if "state" in values else ""
        title = str(step.get("title") or step["kind"])
        own = bool(step.get("own")) or step["kind"] in ITS_OWN
        results.append(StepResult(number, title, step["kind"], output=output, own=own, **values))
    return results


def finished(report: Report, since: str = "") -> bool:
    """True when every step has ended well and the host said so. A missing report is never success, nor is what was
    done before another machine has taken the host over. since: see Report; an end under an older lock is another run's.
    """
    if report.busy or report.claimed or report.error or "finished" not in _since_begun(report):
        return False
    return report.already or begun_since(report, since)


def begun_since(report: Report, since: str) -> bool:
    """True when a program with a newer lock has begun. since: see Report."""
    return _newest_lock(report) > _number(since, -1)


def _newest_lock(report: Report) -> int:
    """The lock of the program that began last; 0 where the journal does not tell."""
    begins = [words for words in report.journal if words[0] == "begin"]
    return _number(begins[-1][-1], 0) if begins else 0


def _number(word: str, otherwise: int) -> int:
    return int(word) if word.removeprefix("-").isdecimal() else otherwise


def is_gone(report: Report) -> bool:
    """True when a run that was under way has ended, and the host knows nothing of it any more."""
    known = report.busy or report.claimed or report.error or report.already
    return report.complete and not report.running and not known and not any(w[0] == "begin" for w in report.journal)


def did_something(report: Report) -> bool:
    """True when the program that began last has carried a step out."""
    return "start" in _since_begun(report)


def _since_begun(report: Report) -> list[str]:
    """What the program that began last has noted: the first word of each line. The end of another list, which a program
    before it had, is none of its own."""
    events = [words[0] for words in report.journal]
    return events[len(events) - events[::-1].index("begin") :] if "begin" in events else events


def proven(report: Report, late: Collection[int]) -> bool:
    """True when one of the last commands of this list has made the sentinel file since the list was last begun from its
    first step. late: their numbers. What an earlier list's run has proven stands before the first start."""
    events = [words[0] for words in report.journal]
    since = len(events) - events[::-1].index("anew") if "anew" in events else 0
    step = -1
    for words in report.journal[since:]:
        if words[0] == "start":
            step = _number(words[1], -1)
        elif words[0] == "sentinel" and len(words) == 3 and step >= 0:
            return step in late
    return False


def failed_after_proof(results: Sequence[StepResult], report: Report, late: Collection[int]) -> str:
    """What to tell of a command that has failed although the sentinel file was there, by which a bootstrap is judged
    (Cluster API's contract of bootstrap providers); empty where no step has failed, or it was none of the document's
    last commands. late: the numbers of those."""
    failed = next((result for result in results if result.state == "failed"), None)
    if failed is None or failed.number not in late or not proven(report, late):
        return ""
    left = sum(result.state == "pending" and result.kind != "sentinel" for result in results)
    others = f"; {left} step{'s' if left > 1 else ''} after it {'were' if left > 1 else 'was'} not run" if left else ""
    return f"the sentinel file is there, but {_one_line(failed, len(results))}{others}"


def changes(results: Sequence[StepResult], subject: str) -> str:
    """What became of the ends of an earlier run, for a person; empty where there is nothing to say. subject: what has
    changed, `bootstrap data`."""
    told = []
    kept = [result.number for result in results if result.before == "kept"]
    changed = [result.number for result in results if result.before == "changed"]
    again = [result.number for result in results if result.before == "again"]
    if kept or changed:
        first = next((result.number for result in results if result.number not in kept), None)
        goes_on = "every step has been done" if first is None else f"goes on at step {first + 1}"
        told.append(f"{subject} has changed: {goes_on}")
    if kept:
        told.append(f"{_listed(kept)} {'is' if len(kept) == 1 else 'are'} unchanged")
    if changed:
        told.append(f"{_listed(changed)} had finished and run{'s' if len(changed) == 1 else ''} again")
    if again:
        told.append(f"the host was rebooted, which took what {_listed(again)} had made: done again")
    return "; ".join(told)


def _listed(numbers: Sequence[int]) -> str:
    """`step 1`, `steps 1 to 3`: steps count from 1 where people read."""
    if len(numbers) == 1:
        return f"step {numbers[0] + 1}"
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"steps {numbers[0] + 1} to {numbers[-1] + 1}"
    return f"steps {', '.join(str(number + 1) for number in numbers)}"


def told_status(rc: int) -> str:
    """An exit status in words: a shell gives 128 and the number of the signal that has killed a command."""
    signal = rc - KILLED
    return f"status {rc} (killed by signal {signal})" if 0 < signal <= SIGNALS else f"status {rc}"


def warnings(results: Sequence[StepResult]) -> list[str]:
    """What scripts have warned of, in order. A command's output may hold any words: nothing is taken from it."""
    lines = (line for one in results if one.kind in ITS_OWN for line in one.output.splitlines())
    return [line for line in lines if WARNING.match(line)]


def _reason_first(lines: str) -> str:
    """What a script has told, with the line in which it says why it has failed before the others."""
    found = lines.splitlines()
    reasons = [line for line in found if _FAILED.match(line)]
    return "\n".join([*reasons[-1:], *(line for line in found if line not in reasons[-1:])])


def last_lines(output: str, count: int = TOLD_LINES) -> str:
    """The end of a step's output, for a message."""
    return "\n".join(output.rstrip().splitlines()[-count:])


def was_cancelled(report: Report) -> bool:
    """True when the program that began last was ended by a cancel."""
    return _why_cut(report) == "cancelled"


def _why_cut(report: Report) -> str:
    """What the journal says last: why the program was ended, or another word where it was not."""
    return next((words[2] for words in reversed(report.journal) if words[0] in ("cut", "begin")), "")


def failure(results: Sequence[StepResult], report: Report) -> dict[str, Any]:
    """Why a run that does not go on has not finished: `reason` (a word), `msg` and the `step` that is to blame."""
    if report.error:
        return {"reason": "host_error", "msg": f"the host could not begin: {report.error}"}
    if report.removed:
        return {"reason": "host_error", "msg": causes.REMOVED}
    if report.claimed:
        return {"reason": "claimed", "msg": claims.refusal(report.claimed), "claimed": asdict(report.claimed)}
    if report.busy:
        return {"reason": "busy", "msg": f"another run holds the host: {report.busy}"}
    why = _why_cut(report)
    for result in results:
        if result.state == "failed":
            return _failed(result, len(results), report.place)
        if result.state == "cut":
            return _cut(result, len(results))
    if why in ("cancelled", "timeout"):
        return {"reason": why, "msg": f"the run {causes.CUT_REASONS[why]} between two steps"}
    return {"reason": "no_report", "msg": "the host's report is missing or incomplete, which is never success"}


def _failed(result: StepResult, count: int, place: str) -> dict[str, Any]:
    """A part of failure, for a step that failed. count: of all steps. place: see Report. cause: the line of its output
    that tells why."""
    tail = last_lines(result.output)
    if result.kind in ("script", "verify"):
        tail = _reason_first(tail)
    if result.kind == "verify" and result.rc == NOT_CLEAN:
        return {"reason": "not_clean", "msg": tail.removeprefix("verify: failed: "), "step": asdict(result)}
    message = _one_line(result, count)
    if result.no_room:
        message = f"{message}; {causes.NO_ROOM}"
    cause = telling_line(result.output, own=result.own)
    told = with_tail(message, tail)
    if place and len(result.output.rstrip().splitlines()) > TOLD_LINES:
        told = f"{told}\n(all of it is on the host, in {place[:LONGEST_PATH]}/{result.number}.output)"
    return {"reason": "step_failed", "msg": told, "cause": cause, "step": asdict(result)}


def _one_line(result: StepResult, count: int) -> str:
    """What is told of a step that failed where there is room for a line: `step 2 of 3 failed: TITLE: CAUSE (exit status
    1)`."""
    what = f"step {result.number + 1} of {count} failed: {result.title}"
    status = told_status(result.rc).replace(" (", ", ").removesuffix(")")
    return one_line(what, result.output, f"exit {status}", own=result.own)


def _cut(result: StepResult, count: int) -> dict[str, Any]:
    """The same for one that was cut off."""
    cut = result.cuts[-1]
    if cut == "reboot" and result.cuts.count("reboot") >= causes.REBOOTS:
        message = f"step {result.number + 1} of {count} ({result.title}) {causes.REBOOTS_THE_HOST}"
        return {"reason": "reboots", "msg": message, "step": asdict(result)}
    how = causes.CUT_REASONS.get(cut, "was cut off")
    lost = len(list(takewhile("lost".__eq__, reversed(result.cuts))))
    if lost > 1:
        how = f"was cut off {lost} times. {causes.KILLED_WITH_IT}"
    message = f"step {result.number + 1} of {count} ({result.title}) {how}"
    reason = cut if cut in ("cancelled", "timeout") else "cut_off"
    return {"reason": reason, "msg": message, "step": asdict(result)}
