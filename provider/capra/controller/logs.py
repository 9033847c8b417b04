"""The controller's log: one event a line on standard error.

Every event has `timestamp` (UTC), `level`, `logger` and `event`, and whatever the code around it has bound with
`structlog.contextvars.bound_contextvars`: by convention `cluster` and `machine` (each `namespace/name`) and `run` (the
run's id). What kopf, kubernetes, aiohttp and asyncio log through the standard library comes out the same way.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from capra.settings import LogFormat, LogLevel

QUIET = ("aiohttp", "asyncio", "kopf", "kubernetes")
"""Libraries that never log below INFO: at DEBUG they write whole requests and objects, and these may hold secrets."""


def configure_logs(log_format: LogFormat, level: LogLevel, stream: TextIO | None = None) -> None:
    """Set up the log of this process. stream: standard error by default. May be called again."""
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, _name_kopf_object],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log_format, stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.INFO))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            *common,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _rendering(log_format: LogFormat, stream: TextIO) -> list[Processor]:
    """The last steps. Tracebacks are plain: the pretty ones show local variables, and these may be secrets."""
    if log_format is LogFormat.CONSOLE:
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _name_kopf_object(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Says which object a line of kopf's is about; it stands beside the message, in `k8s_ref`."""
    about = getattr(event.get("_record"), "k8s_ref", None)
    if isinstance(about, dict):
        place = "/".join(filter(None, (about.get("namespace"), about.get("name"))))
        event["object"] = f"{about.get('kind')} {place}"
    return event
