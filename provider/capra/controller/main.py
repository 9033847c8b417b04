"""The controller's process: log, probes, metrics, leadership, signals."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import NoReturn

import structlog

from capra.controller.controller import Controller
from capra.controller.exit import end_process
from capra.controller.leadership.election import Election
from capra.controller.leadership.lease import election_namespace
from capra.controller.logs import configure_logs
from capra.controller.operator import operate
from capra.controller.serving.access import Access as MetricsAccess
from capra.controller.serving.health import Status, serving_diagnostics, serving_probes
from capra.controller.serving.metrics import Metrics
from capra.controller.serving.page.guard import Guard
from capra.controller.serving.page.server import PageServer
from capra.controller.serving.page.sessions import Sessions
from capra.controller.serving.page.source import PageSource
from capra.errors import CapraError
from capra.kube.client.api import Api
from capra.kube.client.connection import client_config, configure, connect
from capra.kube.client.reviews import review
from capra.kube.stores.jobs.jobs import JobStore
from capra.runs.jobs.job_runner import JobRunner
from capra.runs.kept.keeping import Keeping
from capra.runs.kept.kept_runs import kept_in
from capra.runs.runner import AnsibleRunner, ObservedRunner
from capra.settings import ControllerSettings

_Work = Callable[[], Awaitable[None]]
GARBAGE = (10_000, 5, 40)
"""Thresholds of the garbage collector: the youngest objects after 10,000 allocations, the next generation every fifth
time, all objects every fortieth time of those. kopf leaves cycles at each event, and scanning all that is known of a
thousand machines takes 50 ms, in which nothing else happens."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger(__name__)


def start(settings: ControllerSettings) -> NoReturn:
    """Run until a signal comes, which ends the process with 0. When it cannot go on, the process ends with 1: the hosts
    remember, and the next process goes on where this one stopped.

    Raises InputError or Fatal for what is wrong from the start.
    """
    configure_logs(settings.log_format, settings.log_level)
    # What was imported stays: the garbage collector need not go through ninety thousand objects each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    with asyncio.Runner() as runner:
        status = runner.run(_main(settings))
        # It ends anyway: a signal would only keep it from tidying up.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        # Closing the loop would wait for watches that kopf has left behind, and for name look-ups in threads.
        end_process(status)


async def _main(settings: ControllerSettings) -> int:
    stop = asyncio.Event()
    handle_signals = partial(_stop_at_a_signal, stop)
    handle_signals()
    log.info(
        "starting", version=version("capra"), settings={name: str(value) for name, value in asdict(settings).items()}
    )
    metrics, status = Metrics(), Status()
    kept = kept_in(settings.state_directory, settings.keep_output) if settings.keep_output.size else None
    source = PageSource(kept)
    async with AsyncExitStack() as stack:
        configuration = await configure(settings.kubeconfig)
        connection = await stack.enter_async_context(connect(configuration))
        api = Api(connection, listener=metrics.count_api_request)
        if settings.health_addr is not None:
            await stack.enter_async_context(serving_probes(settings.health_addr, status))
        if settings.diagnostics_address is not None:
            gate = MetricsAccess(partial(review, connection))
            page = PageServer(source, Guard(gate, Sessions())) if settings.page else None
            await stack.enter_async_context(
                serving_diagnostics(settings, settings.diagnostics_address, metrics, gate, kept, page)
            )

        async def work() -> None:
            count_cold = metrics.cold_runs.inc
            async with AnsibleRunner(warm=settings.warm_runs, count_cold=count_cold) as bare:
                keeping = [Keeping(kept, time.time).observe] if kept is not None else []
                runner = ObservedRunner(bare, *keeping, by_job=JobRunner(bare, JobStore(api)))
                controller = Controller(settings, api, runner, metrics)
                status.alive, status.ready = lambda: controller.alive, lambda: controller.ready
                source.serve(controller.cache, lambda: controller.ready)
                metrics.leader.set(1)
                try:
                    await operate(controller, partial(client_config, configuration), settings.namespace, handle_signals)
                finally:
                    metrics.leader.set(0)
                    source.stop()

        try:
            if settings.leader_elect:
                status.ready = lambda: True
                identity = f"{socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"
                # The Lease has connections of its own, so that its renewal never waits behind the work's requests.
                renewing = await stack.enter_async_context(connect(configuration))
                await Election(renewing, settings, election_namespace(settings), identity).lead(work, stop)
            else:
                await _until(stop, work)
        except CapraError as error:
            log.error("ended", error=str(error))  # noqa: TRY400  # a sentence for a person; there is nothing to trace
            return 1
    log.info("ended by a signal")
    return 0


def _stop_at_a_signal(stop: asyncio.Event) -> None:
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _until(stop: asyncio.Event, work: _Work) -> None:
    """Work until told to stop; raises what the work raises."""
    working, stopping = asyncio.ensure_future(work()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.wait({working})
    if not working.cancelled():
        working.result()
