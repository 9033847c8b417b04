"""kopf's part, to be read first: how the work begins and ends, how kopf logs in, and what it does with an event.

kopf decides nothing and writes nothing: it keeps no progress in objects, sets no finalizer and posts no events. Each
handler is a line; what follows is decided in `capra.controller.controller` (docs/decisions/0028).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import kopf

from capra.controller.controller import Controller
from capra.controller.leadership.election import WorkGoesOn
from capra.controller.logins import Logins
from capra.controller.series import SERVER_TIMEOUT
from capra.controller.watching import Watching
from capra.errors import Retry
from capra.kube.client.connection import ClientConfig
from capra.kube.client.errors import without_password
from capra.kube.client.resources import CORE_GROUP, Resource
from capra.model.machine import GROUP
from capra.model.retry import WATCH

PAGE = 250
"""Objects that are listed at once: a thousand in one answer would take a tenth of a second to read."""

IDLE_SECONDS = 0.5
"""kopf has a task for each object, which ends after hearing nothing for so long. Else each garbage collection would go
through a thousand of them."""

END_SECONDS = 25.0
"""Seconds for everything to end, runs included; a Pod has 30."""

KINDS = (
    (GROUP, "v1beta2", "remotemachines"),
    (GROUP, "v1beta2", "pooledremotemachines"),
    (GROUP, "v1beta2", "remoteclusters"),
    (CORE_GROUP, "machines"),
    (CORE_GROUP, "clusters"),
    ("v1", "secrets"),
)
"""What is watched; of Cluster API's kinds the version that the API server prefers."""

registry = kopf.OperatorRegistry()


@kopf.on.startup(registry=registry, errors=kopf.ErrorsMode.PERMANENT)
async def begin(settings: kopf.OperatorSettings, memo: Any, **_: Any) -> None:
    """Everything is known before anything is watched."""
    only_watch(settings)
    await memo.controller.begin()
    memo.begun.set()


@kopf.on.login(registry=registry)
async def log_in(memo: Any, **_: Any) -> kopf.AiohttpSession:
    """Called again when the API server refuses the credentials: tokens are renewed."""
    with memo.watching.busy():
        session: kopf.AiohttpSession = memo.watching.session(await memo.logins.next())
    return session


async def changed(event: Any, resource: kopf.Resource, memo: Any, **_: Any) -> None:
    """An object was added, changed or deleted."""
    kind = Resource(resource.group, resource.version, resource.plural, str(resource.kind))
    memo.controller.seen(kind, event["object"], deleted=event["type"] == "DELETED")


for names in KINDS:
    kopf.on.event(*names, registry=registry)(changed)


@kopf.on.cleanup(registry=registry)
async def end(memo: Any, **_: Any) -> None:
    """What is under way has ended on this side; the hosts go on by themselves."""
    await memo.controller.end()


async def operate(
    controller: Controller,
    access: Callable[[], Awaitable[ClientConfig]],
    namespace: str,
    spawned: Callable[[], None] = lambda: None,
) -> None:
    """Work until cancelled. access: how kopf reaches the API server. namespace: empty for all. spawned: called when
    kopf has installed its own signal handlers, which know only one signal.

    Raises the error that ended the work: Retry where kopf did, as after an answer to a watch that it does not expect.
    The next process goes on where this one stopped.
    """
    where: dict[str, Any] = {"namespaces": [namespace]} if namespace else {"clusterwide": True}
    watching = Watching((plural for *_, plural in KINDS), controller.missed, controller.give_up)
    logins = Logins(access, controller.give_up)
    memo = kopf.Memo(controller=controller, logins=logins, watching=watching, begun=asyncio.Event())

    async def spawn() -> Collection[asyncio.Task[Any]]:
        # Not kopf.operator(): that ends every task of the loop when it ends, those of others included.
        tasks = await kopf.spawn_tasks(registry=registry, memo=memo, standalone=True, **where)
        spawned()
        return tasks

    spawning = asyncio.ensure_future(spawn())
    broken = asyncio.ensure_future(controller.broken())
    complete = asyncio.ensure_future(_complete(controller, watching, memo.begun))
    try:
        tasks = await asyncio.shield(spawning)
        await asyncio.wait({*tasks, broken}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Only tasks that exist can be cancelled.
        tasks = await spawning
        for task in (*tasks, broken, complete):
            task.cancel()
        # The queue does not wait for the end of the watches, nor they for that of the queue.
        ending = asyncio.ensure_future(controller.end())
        _, left = await asyncio.wait({*tasks, broken, complete, ending}, timeout=END_SECONDS)
        if left:
            raise WorkGoesOn(f"the work has not ended in {END_SECONDS:g} s") from None
    if not broken.cancelled():
        raise broken.result()
    _raise_of(tasks)


async def _complete(controller: Controller, watching: Watching, begun: asyncio.Event) -> None:
    """Everything is watched, or the work ends."""
    await begun.wait()
    try:
        await watching.complete()
    except Exception as error:  # nobody else looks at this task
        controller.give_up(error)
    else:
        controller.watched()


def _raise_of(tasks: Collection[asyncio.Task[Any]]) -> None:
    """The first error of kopf, in a sentence."""
    for task in tasks:
        error = task.exception() if task.done() and not task.cancelled() else None
        if error is not None:
            raise Retry(f"the watches have ended: {without_password(error)}") from None


def only_watch(settings: kopf.OperatorSettings) -> None:
    """Have kopf write nothing, and not end while the API server is silent."""
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.chunk_size = PAGE
    settings.watching.server_timeout = SERVER_TIMEOUT
    settings.watching.client_timeout = SERVER_TIMEOUT + 30
    # An idle watch hears nothing for longer than kopf's own 70 s: it would be taken for lost, again and again.
    settings.watching.inactivity_timeout = SERVER_TIMEOUT + 30
    settings.watching.connect_timeout = settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.queueing.idle_timeout = IDLE_SECONDS
    # What starts the process ends it: kopf would kill its thread ten minutes after it was told to end.
    settings.process.ultimate_exiting_timeout = None
    settings.networking.error_backoffs = WATCH  # for ever: an API server may be gone for long
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
