"""From a host's report to what became of each step. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils import claims
from ansible_collections.capra.machine.plugins.plugin_utils.payload import Report

CUT_REASONS = {
    "reboot": "was cut off by a reboot of the host",
    "lost": "was cut off: the program on the host was killed",
    "cancelled": "was cancelled",
    "timeout": "was ended: the run's time limit was over",
}

WARNING = re.compile(r"\w+: warning: ")
"""How a line of a script begins that is to reach people though the script has ended well: `PHASE: warning: TEXT`."""

KILLED = 128
SIGNALS = 64
"""How many Linux has."""


@dataclass(frozen=True)
class StepResult:
    """One step. state: pending, running, ok, failed or cut. rc: exit status, -1 while there is none. seconds: how long
    it took. cuts: why earlier attempts of this step did not end (reboot, lost, cancelled, timeout)."""

    number: int
    title: str
    kind: str
    state: str = "pending"
    rc: int = -1
    seconds: float = 0.0
    output: str = ""
    cuts: tuple[str, ...] = ()


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
        if not words[1].isdecimal() or int(words[1]) not in state:
            continue
        number = int(words[1])
        match words:
            case ("start", _, boot, uptime, *_):
                started[number], boots[number] = uptime, boot
                # A step that is tried again has neither the status nor the time of the try before.
                state[number] = {"state": "running", "cuts": state[number]["cuts"]}
            case ("end", _, rc, *more) if rc.isdecimal():
                # A line that was cut short may lack the time.
                uptime = more[0] if more else ""
                state[number] |= {
                    "state": "ok" if rc == "0" else "failed",
                    "rc": int(rc),
                    "seconds": _seconds(started.get(number, uptime), uptime),
                }
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
        results.append(StepResult(number, title, step["kind"], output=output, **values))
    return results


def finished(report: Report) -> bool:
    """True when every step has ended well and the host said so. A missing report is never success, nor is
    what was done before another machine has taken the host over."""
    return not report.claimed and any(words[0] == "finished" for words in report.journal)


def told_status(rc: int) -> str:
    """An exit status in words: a shell gives 128 and the number of the signal that has killed a command."""
    signal = rc - KILLED
    return f"status {rc} (killed by signal {signal})" if 0 < signal <= SIGNALS else f"status {rc}"


def warnings(results: Sequence[StepResult]) -> list[str]:
    """What scripts have warned of, in order. A command's output may hold any words: nothing is taken from it."""
    lines = (line for one in results if one.kind in ("script", "forget") for line in one.output.splitlines())
    return [line for line in lines if WARNING.match(line)]


def last_lines(output: str, count: int = 10) -> str:
    """The end of a step's output, for a message."""
    return "\n".join(output.rstrip().splitlines()[-count:])


def failure(results: Sequence[StepResult], report: Report) -> dict[str, Any]:
    """Why a run that does not go on has not finished: `reason` (a word), `msg` and the `step` that is to blame."""
    if report.error:
        return {"reason": "host_error", "msg": f"the host could not begin: {report.error}"}
    if report.claimed:
        return {"reason": "claimed", "msg": claims.refusal(report.claimed), "claimed": asdict(report.claimed)}
    if report.busy:
        return {"reason": "busy", "msg": f"another run holds the host: {report.busy}"}
    why = next((words[2] for words in reversed(report.journal) if words[0] in ("cut", "begin")), "")
    for result in results:
        if result.state == "failed":
            tail = last_lines(result.output)
            message = (
                f"step {result.number + 1} of {len(results)} ({result.title}) failed with {told_status(result.rc)}"
            )
            return {"reason": "step_failed", "msg": f"{message}: {tail}" if tail else message, "step": asdict(result)}
        if result.state == "cut":
            cut = result.cuts[-1]
            how = CUT_REASONS.get(cut, "was cut off")
            message = f"step {result.number + 1} of {len(results)} ({result.title}) {how}"
            reason = cut if cut in ("cancelled", "timeout") else "cut_off"
            return {"reason": reason, "msg": message, "step": asdict(result)}
    if why in ("cancelled", "timeout"):
        return {"reason": why, "msg": f"the run {CUT_REASONS[why]} between two steps"}
    return {"reason": "no_report", "msg": "the host's report is missing or incomplete, which is never success"}
