"""A TCP proxy between a client and a server, to take the connection away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Proxy:
    """Passes everything on, until it is told otherwise."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open = asyncio.Event()
        self._open.set()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def freeze(self) -> None:
        """Nothing comes through any more, and no connection ends: as when a network is gone."""
        self._open.clear()

    def thaw(self) -> None:
        """What was held back comes through, too."""
        self._open.set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def close(self) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        async with _closed(writer):
            await self._open.wait()
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
            async with _closed(to_writer), asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, to_writer))
                group.create_task(self._pass_on(to_reader, writer))
        self._tasks.discard(task)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Until one side ends."""
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._open.wait()
                target.write(data)
                await target.drain()
        target.close()


@asynccontextmanager
async def _closed(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Closed in the end, also where the other side is gone."""
    try:
        yield
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def proxy(port: int) -> AsyncIterator[Proxy]:
    """One to a port of 127.0.0.1."""
    made = Proxy(port)
    await made.start()
    try:
        yield made
    finally:
        await made.close()
