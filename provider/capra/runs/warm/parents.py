"""The side of a warm parent that asks it for workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog

from capra.runs.warm.launch import launched

MESSAGE = 4096
"""Bytes of an answer, at most."""

START_PATIENCE = 60.0
FORK_PATIENCE = 30.0
"""Seconds until a parent counts as one that can't be had, and a run starts cold."""

RETRY_PAUSE = 60.0
"""Seconds of cold runs after a parent did not come up."""

END_PATIENCE = 5.0
"""Seconds until a parent that was killed is not waited for any more."""

MOST = 4
"""Parents side by side."""

GROWTH = 1.5
"""A parent that has so many times the memory that it began with is replaced."""

log = structlog.get_logger(__name__)


class Worker(Protocol):
    """A worker process, as asyncio.subprocess.Process has it."""

    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader | None
    stderr: asyncio.StreamReader | None

    @property
    def returncode(self) -> int | None:
        """None while it is there."""
        ...

    def kill(self) -> None:
        """End it; harmless where it has ended."""
        ...

    async def wait(self) -> int:
        """Until it has ended; its status, as far as that is known."""
        ...


class ForkedWorker:
    """A worker that a warm parent has forked. It is no child of this process: its status stays unknown (0)."""

    def __init__(
        self,
        process: int | None,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
    ) -> None:
        self.stdin: asyncio.StreamWriter | None = stdin
        self.stdout: asyncio.StreamReader | None = stdout
        self.stderr: asyncio.StreamReader | None = stderr
        self._process = process
        self._ended = asyncio.Event()
        if process is None:
            self._ended.set()
        else:
            asyncio.get_running_loop().add_reader(process, self._end)

    def _end(self) -> None:
        assert self._process is not None
        asyncio.get_running_loop().remove_reader(self._process)
        os.close(self._process)
        self._process = None
        self._ended.set()

    @property
    def returncode(self) -> int | None:
        """0 once it has ended, None before."""
        return 0 if self._ended.is_set() else None

    def kill(self) -> None:
        """See Worker."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)

    async def wait(self) -> int:
        """See Worker."""
        await self._ended.wait()
        return 0


class WarmParent:
    """One warm parent."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._turn = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._heard = asyncio.Event()
        self._memory = 0
        self.grown = False
        """Whether it is time for another one."""

    @property
    def alive(self) -> bool:
        """It may be asked."""
        return self._connection is not None

    @property
    def busy(self) -> bool:
        """Whoever asks now waits for others."""
        return self._turn.locked()

    async def start(self) -> bool:
        """Until it is warm; False when it does not become so."""
        try:
            started = launched()
            self._process, self._connection = started.process, started.connection
            async with asyncio.timeout(START_PATIENCE):
                answer, _ = await self._hear()
            self._memory = answer["memory"]
        except (TimeoutError, OSError, ValueError, KeyError) as error:
            self.end()
            said = await self._last_word() or str(error)
            log.warning("no warm parent comes up; runs start cold for a while", error=said, seconds=RETRY_PAUSE)
        except BaseException:
            self.end()
            await self._gone()
            raise
        return self.alive

    async def fork(self) -> ForkedWorker | None:
        """A worker, or None when there is none to be had."""
        forking = asyncio.ensure_future(self._fork())
        try:
            return await asyncio.shield(forking)
        except asyncio.CancelledError:
            # The question has been asked: whoever asks next must not get its answer.
            forking.add_done_callback(_discard)
            raise

    async def _fork(self) -> ForkedWorker | None:
        opened: list[int] = []
        process: int | None = None
        try:
            async with self._turn:
                if not self.alive:
                    return None
                for _ in range(3):
                    opened += os.pipe()
                theirs = (opened[0], opened[3], opened[5])
                process = await self._ask(theirs)
                for descriptor in theirs:
                    opened.remove(descriptor)
                    os.close(descriptor)
            stdin = await _writer(opened.pop(0))
            stdout, stderr = [await _reader(opened.pop(0), self._limit) for _ in range(2)]
            process, owned = None, process
            return ForkedWorker(owned, stdin, stdout, stderr)
        except (TimeoutError, OSError, ValueError, KeyError) as error:
            log.debug("no worker was forked", error=str(error))
            return None
        finally:
            for descriptor in [*opened, *([process] if process is not None else [])]:
                os.close(descriptor)

    async def _ask(self, streams: tuple[int, ...]) -> int | None:
        """Have a worker forked. Its process, or None when it has ended already. Raises OSError when there is none."""
        assert self._connection is not None
        try:
            async with asyncio.timeout(FORK_PATIENCE):
                socket.send_fds(self._connection, [b"fork"], streams)
                answer, process = await self._hear()
            if "error" not in answer:
                self.grown = answer["memory"] > GROWTH * self._memory
        except BaseException:
            self.end()  # what it may still answer would be taken for another one's
            raise
        if "error" in answer:
            raise OSError(f"the warm parent cannot fork: {answer['error']}")
        if process is None and "ended" not in answer:
            raise OSError("there is no room for the worker's descriptor")
        return process

    async def _hear(self) -> tuple[dict[str, Any], int | None]:
        """One answer, with the descriptor that comes with it. Raises OSError when the parent has ended."""
        loop, connection = asyncio.get_running_loop(), self._connection
        assert connection is not None
        self._heard.clear()
        loop.add_reader(connection, self._heard.set)
        try:
            await self._heard.wait()
        finally:
            if connection.fileno() >= 0:
                loop.remove_reader(connection)
        message, descriptors, _, _ = socket.recv_fds(connection, MESSAGE, 1)
        if not message:
            raise ConnectionResetError("the warm parent has ended")
        return json.loads(message), descriptors[0] if descriptors else None

    async def _last_word(self) -> str:
        """Of one that has ended: the last line of what it has said."""
        said = await self._gone()
        return " ".join(said.decode("utf-8", "replace").strip().splitlines()[-1:])

    def end(self) -> None:
        """End it. Its workers go on."""
        if self._connection is not None:
            # First: another descriptor may have this number at once.
            asyncio.get_running_loop().remove_reader(self._connection)
            self._connection.close()
            self._connection = None
            self._heard.set()
        if self._process is not None:
            self._process.kill()

    async def retire(self) -> None:
        """End it when those who wait for it now have had their turn, and see it gone."""
        async with self._turn:
            self.end()
        await self._gone()

    async def _gone(self) -> bytes:
        """Of one that was killed: wait for it. What it has said and nobody has read yet, at most what a pipe holds."""
        if self._process is None:
            return b""
        try:
            _, said = await asyncio.to_thread(self._process.communicate, timeout=END_PATIENCE)
        except subprocess.TimeoutExpired as error:  # somebody else has its stream
            return error.stderr or b""
        return said


def _discard(forking: asyncio.Task[ForkedWorker | None]) -> None:
    """Nobody waits for this worker any more."""
    worker = None if forking.cancelled() or forking.exception() is not None else forking.result()
    if worker is not None and worker.stdin is not None:
        worker.stdin.close()
        worker.kill()


class WarmParents:
    """As many warm parents as there is work for, replaced when they die or have grown.

    limit: bytes of one line of a worker. count: how many side by side at most; by default one for each four processors,
    and up to four."""

    def __init__(self, limit: int, count: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._count = count or max(1, min(MOST, len(os.sched_getaffinity(0)) // 4))
        self._clock = clock
        self._parents: list[WarmParent] = []
        self._starting: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._not_before = 0.0
        self._next = 0

    async def fork(self) -> ForkedWorker | None:
        """A worker, or None when it has to be a cold one."""
        for _ in range(2):
            await self._ready()
            if not self._parents:
                return None
            self._next = (self._next + 1) % len(self._parents)
            parent = self._parents[self._next]
            worker = await parent.fork()
            if not parent.alive:
                self._drop(parent, "a warm parent has ended; another one is started")
            elif parent.grown:
                self._drop(parent, "a warm parent has grown; another one is started")
            if worker is not None or parent.alive:
                return worker
        self._not_before = self._clock() + RETRY_PAUSE
        return None

    def _drop(self, parent: WarmParent, why: str) -> None:
        """Ask it no more, and see to its end meanwhile."""
        if parent not in self._parents:
            return
        self._parents.remove(parent)
        log.info(why)
        retiring = asyncio.ensure_future(parent.retire())
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    async def _ready(self) -> None:
        """Until there is a parent, or none to be had."""
        wanted = len(self._parents) < self._count and all(parent.busy for parent in self._parents)
        if wanted and self._starting is None and self._clock() >= self._not_before:
            self._starting = asyncio.ensure_future(self._start())
        if not self._parents and self._starting is not None:
            await asyncio.shield(self._starting)

    async def _start(self) -> None:
        parent = WarmParent(self._limit)
        try:
            if await parent.start():
                self._parents.append(parent)
            else:
                self._not_before = self._clock() + RETRY_PAUSE
        finally:
            self._starting = None

    async def close(self) -> None:
        """End them all. Their workers go on."""
        ending = [*self._retiring]
        if self._starting is not None:
            self._starting.cancel()
            ending.append(self._starting)
        ending += [asyncio.ensure_future(parent.retire()) for parent in self._parents]
        self._parents = []
        if ending:
            await asyncio.wait(ending)


async def _reader(descriptor: int, limit: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=limit)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    return reader


async def _writer(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(descriptor, "wb", 0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)
