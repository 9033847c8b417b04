"""The client of one warm parent, which it asks for workers."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from typing import Any

import structlog

from capra.runs.warm.launch import launched
from capra.runs.warm.worker import ForkedWorker, reader_of, writer_of

MESSAGE = 4096
"""Bytes of an answer, at most."""

START_PATIENCE = 60.0
FORK_PATIENCE = 30.0
"""Seconds until a parent counts as one that can't be had, and a run starts cold."""

END_PATIENCE = 5.0
"""Seconds until a parent that was killed is not waited for any more."""

GROWTH = 1.5
"""A parent whose memory has grown by this factor is replaced."""

log = structlog.get_logger(__name__)


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
            log.warning("no warm parent comes up; runs start cold for a while", error=said)
        except BaseException:
            self.end()
            await self._gone()
            raise
        return self.alive

    async def fork(self) -> ForkedWorker | None:
        """A worker, or None when none is available."""
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
            stdin = await writer_of(opened.pop(0))
            stdout, stderr = [await reader_of(opened.pop(0), self._limit) for _ in range(2)]
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
