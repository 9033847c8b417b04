"""The side of a warm parent that asks it for workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

MESSAGE = 4096
"""Bytes of an answer, at most."""

ERRORS_LIMIT = 64 * 1024
"""Bytes that are read of what a parent says that does not come up."""

START_PATIENCE = 60.0
FORK_PATIENCE = 30.0
"""Seconds until a parent counts as one that can't be had, and a run starts cold."""

RETRY_PAUSE = 60.0
"""Seconds of cold runs after a parent did not come up."""

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
        self._process: asyncio.subprocess.Process | None = None
        self._connection: socket.socket | None = None
        self._memory = 0
        self.grown = False
        """Whether it is time for another one."""

    async def start(self) -> bool:
        """Until it is warm; False when it does not become so."""
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.setblocking(False)
        with theirs:
            command = (sys.executable, "-m", "capra.runs.warm.parent", str(theirs.fileno()))
            nothing = asyncio.subprocess.DEVNULL
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=nothing, stdout=nothing, stderr=asyncio.subprocess.PIPE, pass_fds=(theirs.fileno(),)
            )
        try:
            async with asyncio.timeout(START_PATIENCE):
                answer, _ = await self._hear()
        except (TimeoutError, OSError, ValueError):
            await self.close()
            said = await self._last_word()
            log.warning("no warm parent comes up; runs start cold for a while", error=said, seconds=RETRY_PAUSE)
            return False
        self._memory = answer["memory"]
        return True

    async def fork(self) -> ForkedWorker | None:
        """A worker, or None when the parent is no more."""
        async with self._turn:
            if self._connection is None:
                return None
            stdin, stdout, stderr = os.pipe(), os.pipe(), os.pipe()
            ours, theirs = (stdin[1], stdout[0], stderr[0]), (stdin[0], stdout[1], stderr[1])
            try:
                async with asyncio.timeout(FORK_PATIENCE):
                    socket.send_fds(self._connection, [b"fork"], theirs)
                    answer, process = await self._hear()
            except (TimeoutError, OSError, ValueError):
                for descriptor in ours:
                    os.close(descriptor)
                await self.close()
                return None
            except asyncio.CancelledError:
                # What it answers would be taken for the answer to the next question.
                for descriptor in ours:
                    os.close(descriptor)
                await self.close()
                raise
            finally:
                for descriptor in theirs:
                    os.close(descriptor)
            self.grown = answer["memory"] > GROWTH * self._memory
        return ForkedWorker(process, await _writer(ours[0]), *[await _reader(one, self._limit) for one in ours[1:]])

    async def _hear(self) -> tuple[dict[str, int], int | None]:
        """One answer, with the descriptor that comes with it. Raises OSError when the parent has ended."""
        loop, connection = asyncio.get_running_loop(), self._connection
        assert connection is not None
        ready = asyncio.Event()
        loop.add_reader(connection, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(connection)
        message, descriptors, _, _ = socket.recv_fds(connection, MESSAGE, 1)
        if not message:
            raise ConnectionResetError("the warm parent has ended")
        return json.loads(message), descriptors[0] if descriptors else None

    async def _last_word(self) -> str:
        """Of one that has ended: the last line of what it has said."""
        assert self._process is not None
        assert self._process.stderr is not None
        said = await self._process.stderr.read(ERRORS_LIMIT)
        return " ".join(said.decode("utf-8", "replace").strip().splitlines()[-1:]) or "it said nothing"

    async def close(self) -> None:
        """End it. Its workers go on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class WarmParents:
    """As many warm parents as there is work for, replaced when they die or have grown.

    limit: bytes of one line of a worker. count: how many side by side, by default one for each four processors."""

    def __init__(self, limit: int, count: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._count = count or max(1, (os.cpu_count() or 1) // 4)
        self._clock = clock
        self._parents: list[WarmParent] = []
        self._starting: asyncio.Task[None] | None = None
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
            if worker is None:
                log.warning("a warm parent has ended; another one is started")
                self._drop(parent)
                continue
            if parent.grown and len(self._parents) == self._count:
                self._drop(parent)
                await parent.close()
            return worker
        return None

    def _drop(self, parent: WarmParent) -> None:
        if parent in self._parents:
            self._parents.remove(parent)

    async def _ready(self) -> None:
        """Until there is a parent, or none to be had."""
        if len(self._parents) < self._count and self._starting is None and self._clock() >= self._not_before:
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
        if self._starting is not None:
            self._starting.cancel()
        parents, self._parents = self._parents, []
        for parent in parents:
            await parent.close()


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
