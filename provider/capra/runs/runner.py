"""The runner port over ansible-runner: one worker process a run, forked by a warm parent, a bounded number at once."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from capra.engine.ports import ObserveRun, ProgressListener, Runner, RunObserver
from capra.model.run import IN_CONTACT, Progress, RunRequest, RunResult
from capra.runs.beginnings import Beginnings
from capra.runs.finishing import finish
from capra.runs.message import dump_request, load_result
from capra.runs.redaction.redact import Redactor
from capra.runs.warm.parents import WarmParents
from capra.runs.warm.worker import Worker

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of one message of a worker. A worker keeps to `message.RESULT_LIMIT`."""

ERRORS_LIMIT = 64 * 1024
"""Bytes that are kept of the end of what a worker says on its standard error."""

ERRORS_PATIENCE = 1.0
"""Seconds that its last words on its standard error are waited for."""

END_PATIENCE = 15.0
"""Seconds that a worker gets to end Ansible and remove its private directory before it is killed."""


class CancelledRun(asyncio.CancelledError):  # it is how asyncio knows a cancellation
    """A run that was cancelled on this side. sent: as in RunResult."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("the run was cancelled")
        self.sent = sent


OutputListener = Callable[[str, str], None]
"""Called with the machine's name and a piece of Ansible's own output, redacted."""


def _nothing() -> None:
    """For a run that has no place among those that begin."""


class ObservedRunner:
    """A port `Runner` over another, with observers of its runs. by_job: for hosts that a Kubernetes Job reaches."""

    def __init__(self, runner: Runner, *observers: ObserveRun, by_job: Runner | None = None) -> None:
        self._runner = runner
        self._by_job = by_job
        self._observers = observers

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """See engine.ports.Runner. All observers know how the run has ended before it returns, or raises."""
        listeners, result = [listener], None

        async def ended(observer: RunObserver) -> None:
            await observer.ended(result)

        async with AsyncExitStack() as stack:
            for observe in self._observers:
                if (observer := observe(request)) is not None:
                    listeners.append(observer.hear)
                    stack.push_async_callback(ended, observer)
            listen = partial(_all, listeners)
            if request.connection.job is not None and self._by_job is not None:
                result = await self._by_job.run(request, listen)
            else:
                result = await self._runner.run(request, listen)
        return result


def _all(listeners: Sequence[ProgressListener], progress: Progress) -> None:
    for listener in listeners:
        listener(progress)


class AnsibleRunner:
    """Runs playbooks of capra.machine, as long as its context lasts, as many at once as it is asked for. warm: False
    where each run is to start by itself, as the user's own playbooks always do. count_cold: called for each one that
    has to, against that."""

    def __init__(
        self,
        output: OutputListener | None = None,
        *,
        warm: bool = True,
        count_cold: Callable[[], None] | None = None,
    ) -> None:
        self._beginnings = Beginnings()
        self._output = output
        self._parents = WarmParents(LINE_LIMIT) if warm else None
        self._count_cold = count_cold or (lambda: None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._parents is not None:
            await self._parents.close()

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """See engine.ports.Runner. A worker that dies leaves a result without stats, which is never success."""
        conversation = None
        try:
            begun = await self._beginnings.begin() if not request.probe else _nothing
            try:
                conversation = _Conversation(await self._worker(request), request, listener, self._output, begun)
                try:
                    return await conversation.hold()
                finally:
                    await finish(conversation.end())
            finally:
                begun()
        except asyncio.CancelledError:
            raise CancelledRun(sent=conversation is not None and conversation.sent) from None

    async def _worker(self, request: RunRequest) -> Worker:
        if self._parents is None or request.hook:
            return await _cold_worker()
        if (worker := await self._parents.fork()) is not None:
            return worker
        self._count_cold()
        return await _cold_worker()


async def _cold_worker() -> Worker:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing is imported from the directory that capra is called in
        "-m",
        "capra.runs.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_LIMIT,
    )


class _Conversation:
    """What is said with one worker."""

    def __init__(
        self,
        process: Worker,
        request: RunRequest,
        listener: ProgressListener,
        output: OutputListener | None,
        begun: Callable[[], None],
    ) -> None:
        self._begun = begun
        self._process = process
        self._request = request
        self._listener = listener
        self._output = output
        self._directory: Path | None = None
        self._result: RunResult | None = None
        self._over = False
        self._contacted = False
        self._errors = asyncio.ensure_future(self._read_errors())

    async def hold(self) -> RunResult:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(await asyncio.to_thread(dump_request, self._request))
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has died at once; what it said on standard error tells why
        try:
            await self._hear_all()
        except (ValueError, RecursionError):
            # The line is longer than the limit, or is no message: nothing that comes after it can be believed.
            self._process.kill()
            return RunResult(
                output=f"the worker process said more than {LINE_LIMIT} bytes at once, or no JSON", sent=True
            )
        if self._result is not None:
            return self._result
        said = await self._errors
        hidden = await asyncio.to_thread(lambda: Redactor.of(self._request.secrets).text(said))
        return RunResult(output=f"the worker process died: {hidden}", sent=self.sent)

    @property
    def sent(self) -> bool:
        """As in RunResult. A worker that ended before it named its directory has not begun to work."""
        if self._result is not None:
            return self._result.sent
        return self._directory is not None or not self._over

    async def _hear_all(self) -> None:
        """Until the worker has no more to say."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._hear(json.loads(line))
        self._over = True

    def _hear(self, message: dict[str, Any]) -> None:
        match message:
            case {"directory": str(directory)}:
                self._directory = Path(directory)
            case {"contacting": True}:
                self._begun()
                if not self._contacted:
                    self._contacted = True
                    self._listener(IN_CONTACT)
            case {"progress": dict(values)}:
                self._listener(Progress(**values))
            case {"output": str(text)}:
                if self._output is not None:
                    self._output(self._request.key.name, text)
            case {"result": dict(values)}:
                self._result = load_result(values)

    async def _read_errors(self) -> str:
        assert self._process.stderr is not None
        kept = b""
        while piece := await self._process.stderr.read(ERRORS_LIMIT):
            kept = (kept + piece)[-ERRORS_LIMIT:]
        text = kept.decode("utf-8", "replace")
        return " ".join(text.strip().splitlines()[-1:]) or "it said nothing"

    async def end(self) -> None:
        """Whatever happened: the worker is gone after this, and so is its private directory."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_PATIENCE):
                await self._hear_all()
                await self._process.wait()
        except (TimeoutError, ValueError, RecursionError):
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        # Its end has closed the stream, unless somebody else has it.
        await asyncio.wait([self._errors], timeout=ERRORS_PATIENCE)
        self._errors.cancel()
