"""kopf's part: the watches. Each handler is a line; what follows from an event is decided elsewhere.

kopf writes nothing here: it keeps no progress in objects, sets no finalizer of its own and posts no events.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

import kopf
import structlog

from capra.errors import Retry
from capra.kube.client.connection import Access
from capra.kube.client.resources import Raw, Resource

Seen = Callable[[Resource, Raw, bool], None]
"""Told of an object, and whether it has been deleted."""

SERVER_TIMEOUT = 300
"""Seconds after which the API server ends a watch, so that a silent loss is noticed."""

PATIENCE = 10.0
"""Seconds that a watch may be missing, as while the API is discovered at the start."""

END_SECONDS = 4.0
"""Seconds that kopf has to end by itself, and then again when it is cancelled."""

LOOK_SECONDS = 0.25
IDLE_SECONDS = 0.5
"""kopf has a task for each object, which ends when it has heard nothing for so long: a thousand would be gone through
whenever garbage is looked for."""

log = structlog.get_logger(__name__)


class BackOffs:
    """Seconds between attempts of one request, without end: whoever gives up has no eyes any more."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.5, 1, 2, 3, 5)
        while True:
            yield 10


async def watch(
    resources: Sequence[Resource], namespace: str, seen: Seen, access: Callable[[], Awaitable[Access]]
) -> None:
    """Watch until cancelled. namespace: empty for all. seen is called in this loop. Raises Retry when kopf's loop ends.

    kopf has a thread and a loop of its own: when it ends, it cancels every task that it finds in its loop, and it would
    take the signals of the main thread.
    """
    loop = asyncio.get_running_loop()

    def see(resource: Resource, raw: Raw, deleted: bool) -> None:
        loop.call_soon_threadsafe(seen, resource, raw, deleted)

    stop, ended = threading.Event(), asyncio.Event()
    made = _registry(resources, see, access)

    def work() -> None:
        try:
            asyncio.run(_supervise(made, len(resources), namespace, stop))
        finally:
            loop.call_soon_threadsafe(ended.set)

    # A daemon: should kopf ever refuse to end, the process still does.
    threading.Thread(target=work, name="watches", daemon=True).start()
    try:
        await ended.wait()
        raise Retry("the watches have ended by themselves")
    finally:
        stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3 * END_SECONDS):
                await ended.wait()


async def _supervise(registry: kopf.OperatorRegistry, count: int, namespace: str, stop: threading.Event) -> None:
    """Run kopf until somebody says stop. A watcher of kopf's that meets an answer that it does not expect ends for good
    and lets the others go on: then all begin again, with whole lists."""
    where: dict[str, Any] = {"namespaces": [namespace]} if namespace else {"clusterwide": True}
    while not stop.is_set():
        over = threading.Event()
        operator = asyncio.create_task(
            kopf.operator(registry=registry, settings=_settings(), stop_flag=over, **where), name="kopf"
        )
        blind = 0.0
        while not (operator.done() or stop.is_set() or blind > PATIENCE):
            await asyncio.sleep(LOOK_SECONDS)
            blind = 0.0 if _watchers() >= count else blind + LOOK_SECONDS
        # Whoever waits for it in a thread of the loop would keep that loop from ending.
        over.set()
        error = await _end(operator)
        if not stop.is_set():
            log.warning("the watches begin again", error=str(error or "a watch has ended"))


async def _end(operator: asyncio.Task[None]) -> BaseException | None:
    """Wait until kopf has ended, or end it with all that it has begun: when one of its watches has failed while others
    wait for new credentials, it waits for ever. Gives its error."""
    await asyncio.wait({operator}, timeout=END_SECONDS)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=END_SECONDS)
    # aiohttp's connections close in the turns of the loop that follow.
    await asyncio.sleep(LOOK_SECONDS)
    return operator.exception() if operator.done() and not operator.cancelled() else None


def _watchers() -> int:
    """How many watches kopf has running in this loop."""
    return sum(task.get_name().startswith("watcher for ") for task in asyncio.all_tasks())


def _registry(
    resources: Iterable[Resource], see: Seen, access: Callable[[], Awaitable[Access]]
) -> kopf.OperatorRegistry:
    """A handler for each resource, and one that says how the API server is reached."""
    made = kopf.OperatorRegistry()

    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        found = await access()
        return kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_file or None,
            insecure=not found.verify,
            token=found.token or None,
            certificate_path=found.certificate_file or None,
            private_key_path=found.key_file or None,
        )

    kopf.on.login(registry=made)(log_in)
    for resource in resources:
        kopf.on.event(resource.group, resource.version, resource.plural, registry=made)(_handler(resource, see))
    return made


def _handler(resource: Resource, see: Seen) -> Any:
    async def handle(event: Any, **_: Any) -> None:
        see(resource, event["object"], event["type"] == "DELETED")

    return handle


def _settings() -> kopf.OperatorSettings:
    """Nothing that would write."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.peering.standalone = True
    made.scanning.disabled = True
    made.watching.server_timeout = SERVER_TIMEOUT
    made.watching.client_timeout = SERVER_TIMEOUT + 30
    made.watching.connect_timeout = 10
    made.queueing.idle_timeout = IDLE_SECONDS
    made.networking.error_backoffs = BackOffs()
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    return made
