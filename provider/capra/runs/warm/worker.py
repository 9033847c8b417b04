"""A worker that a warm parent has forked, and its streams."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Protocol


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


async def reader_of(descriptor: int, limit: int) -> asyncio.StreamReader:
    """The end of a pipe that is read. limit: bytes of one line."""
    reader = asyncio.StreamReader(limit=limit)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    return reader


async def writer_of(descriptor: int) -> asyncio.StreamWriter:
    """The end of a pipe that is written to."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(descriptor, "wb", 0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)
