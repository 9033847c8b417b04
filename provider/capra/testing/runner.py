"""A runner that contacts nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from capra.engine.ports import ProgressListener
from capra.model.run import Progress, RunRequest, RunResult, TaskEvent

RECAP = {"ok": 1, "changed": 1, "dark": 0, "failures": 0, "skipped": 0, "rescued": 0, "ignored": 0}


class RunnerDiedError(Exception):
    """Stands for the death of the process that awaits a run."""


def finished(host_keys: tuple[str, ...] = (), **result: Any) -> RunResult:
    """A run that ended well. result: what its deciding task returned."""
    event = TaskEvent("runner_on_ok", "Work", {"changed": True, "msg": "finished", "steps": []} | result)
    return RunResult(events=(event,), stats=RECAP, host_keys=host_keys)


def stepped(reason: str = "step_failed", message: str = "step 1 of 1 failed", **result: Any) -> RunResult:
    """A run that the action capra.machine.steps ended with this reason."""
    values: Mapping[str, Any] = {"failed": True, "reason": reason, "msg": message} | result
    return RunResult(events=(TaskEvent("runner_on_failed", "Work", values),), stats=RECAP | {"ok": 0, "failures": 1})


def unreachable(message: str = "ssh: connect to host: Connection timed out", *, sent: bool = False) -> RunResult:
    """A run whose host let nobody in. sent: something may have been sent all the same."""
    event = TaskEvent("runner_on_unreachable", "Work", {"msg": message})
    return RunResult(events=(event,), stats=RECAP | {"ok": 0, "dark": 1}, sent=sent)


class FakeRunner:
    """A port `Runner` that gives scripted results, the last one again and again; without any, every run ends well.

    requests: what was asked for, in order. die_before, die_after: raise RunnerDiedError in the next run, before or
    after it has done its work (worked counts the work). progress: told to each run's listener.
    """

    def __init__(self, results: Iterable[RunResult] = (), progress: Iterable[Progress] = ()) -> None:
        self.results = list(results)
        self.progress = tuple(progress)
        self.requests: list[RunRequest] = []
        self.worked = 0
        self.die_before = False
        self.die_after = False

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """The next result."""
        self.requests.append(request)
        if self.die_before:
            self.die_before = False
            raise RunnerDiedError("before the run")
        for progress in self.progress:
            listener(progress)
        self.worked += 1
        if self.die_after:
            self.die_after = False
            raise RunnerDiedError("after the run")
        if not self.results:
            return finished()
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]
