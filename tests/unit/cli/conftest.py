"""`capra` in this process, with a runner that contacts nobody and a state directory of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner, Result

from capra.cli.app import app
from capra.cli.shared import work
from capra.engine.ports import Runner
from capra.settings import Settings
from capra.testing import FakeRunner
from tests.unit.local.examples import USER_DATA, machine, secret, write, write_text


@dataclass
class Terminal:
    """One person's terminal. runner: stands for the hosts; replace it to script them."""

    directory: Path
    runner: Runner

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.directory / "state" / "capra"

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        """Run `capra` with these arguments; its exit code must be `code`."""
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=True)
        said = f"{result.stdout}\n{result.stderr}"
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert result.exit_code == code, said
        assert "Traceback" not in said
        return result

    def json(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """The machines of its JSON report, which is all of standard output."""
        machines: list[dict[str, Any]] = json.loads(self(*arguments, "--output", "json", code=code).stdout)["machines"]
        return machines

    def manifest(self, *documents: dict[str, Any]) -> str:
        """A manifest; by default with one machine and its key."""
        return write(self.directory, *(documents or (machine(), secret())))

    def data(self, text: str | bytes = USER_DATA) -> str:
        """A file with bootstrap data."""
        return write_text(self.directory, text, "user-data.yaml")

    def said(self, result: Result) -> str:
        """Everything that was printed, with single spaces."""
        return " ".join(f"{result.stdout} {result.stderr}".split())


@pytest.fixture
def capra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal in an empty directory. It logs to a stream that is closed afterwards."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(tmp_path, FakeRunner())

    @asynccontextmanager
    async def running(settings: Settings, show: Callable[[str, str], None]) -> AsyncIterator[Runner]:
        yield terminal.runner

    monkeypatch.setattr(work, "running", running)
    yield terminal
    structlog.reset_defaults()
