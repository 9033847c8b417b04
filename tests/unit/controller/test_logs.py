"""The lines of the log."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from capra.controller.logs import QUIET, configure_logs
from capra.settings import LogFormat, LogLevel


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; everything else in this process is as before in the end."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, {name: logging.getLogger(name).level for name in QUIET})
    yield io.StringIO()
    root.handlers[:], levels = before[0], before[2]
    root.setLevel(before[1])
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail() -> None:
    password = "local-and-secret"
    raise RuntimeError(f"a defect of {len(password)}")


def test_an_event_is_one_line_of_json(stream: io.StringIO) -> None:
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream)
    with bound_contextvars(machine="default/m"):
        structlog.get_logger("capra.test").info("it has\nbegun", attempt=2)
    (line,) = lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {
        "event": "it has\nbegun",
        "level": "info",
        "logger": "capra.test",
        "machine": "default/m",
        "attempt": 2,
    }


def test_an_event_is_one_line_for_people(stream: io.StringIO) -> None:
    configure_logs(LogFormat.CONSOLE, LogLevel.INFO, stream)
    structlog.get_logger("capra.test").warning("it waits", attempt=2)
    (line,) = stream.getvalue().splitlines()
    assert re.search(r"\[warning\s*\] it waits .*attempt=2", line)
    assert "\x1b" not in line


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_traceback_shows_no_local_variables(stream: io.StringIO, log_format: LogFormat) -> None:
    configure_logs(log_format, LogLevel.INFO, stream)
    for logger in (structlog.get_logger("capra.test"), logging.getLogger("aiohttp.server")):
        try:
            fail()
        except RuntimeError:
            logger.exception("it has failed")
    text = stream.getvalue()
    assert text.count("RuntimeError: a defect of 16") == 2
    assert text.count("in fail") == 2
    # The source line that holds it may not be shown either: only the one that raised is.
    assert "local-and-secret" not in text
    if log_format is LogFormat.JSON:
        assert len(lines(stream)) == 2


@pytest.mark.parametrize(
    ("level", "written"),
    [
        (LogLevel.DEBUG, ["debug", "info", "warning", "error"]),
        (LogLevel.INFO, ["info", "warning", "error"]),
        (LogLevel.WARNING, ["warning", "error"]),
        (LogLevel.ERROR, ["error"]),
    ],
)
def test_the_least_level(stream: io.StringIO, level: LogLevel, written: list[str]) -> None:
    configure_logs(LogFormat.JSON, level, stream)
    for logger in (structlog.get_logger("capra.test"), logging.getLogger("somebody")):
        for word in ("debug", "info", "warning", "error"):
            getattr(logger, word)(word)
    assert [line["event"] for line in lines(stream)] == written * 2


@pytest.mark.parametrize("name", QUIET)
def test_libraries_never_log_whole_requests(stream: io.StringIO, name: str) -> None:
    configure_logs(LogFormat.JSON, LogLevel.DEBUG, stream)
    logging.getLogger(f"{name}.client").debug("response body: %s", "secret")
    logging.getLogger(f"{name}.client").info("connected to %s", "here")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("connected to here", "info", f"{name}.client")


def test_a_line_of_kopfs_names_its_object(stream: io.StringIO) -> None:
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream)
    about = {"kind": "RemoteMachine", "namespace": "default", "name": "m"}
    logging.getLogger("kopf.objects").warning("it is odd", extra={"k8s_ref": about})
    (line,) = lines(stream)
    assert line["object"] == "RemoteMachine default/m"
    assert line["event"] == "it is odd"


def test_warnings_of_python_come_out_the_same_way(stream: io.StringIO) -> None:
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("it is old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(False)
    (line,) = lines(stream)
    assert line["logger"] == "py.warnings"
    assert "DeprecationWarning: it is old" in line["event"]


def test_set_up_twice_every_event_comes_once(stream: io.StringIO) -> None:
    configure_logs(LogFormat.CONSOLE, LogLevel.ERROR, stream)
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream)
    structlog.get_logger("capra.test").info("once")
    logging.getLogger("somebody").info("once")
    assert [line["event"] for line in lines(stream)] == ["once", "once"]
