"""Capra's own log: on standard error, for finding out what went wrong. What a person asked for is not a log."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_terminal_logs(verbose: int) -> None:
    """verbose: 0 shows errors, 1 warnings and information, 2 everything."""
    level = {0: logging.ERROR, 1: logging.INFO}.get(verbose, logging.DEBUG)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            # The pretty tracebacks of this renderer show local variables, and these may be secrets.
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
