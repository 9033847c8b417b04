"""The demo ends with one line where it cannot go on."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

DEMO = Path(__file__).resolve().parents[3] / "scripts" / "demo.py"


@pytest.fixture
def demo() -> ModuleType:
    """The script, not run."""
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _ended(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DEMO), "nowhere"]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def test_what_is_in_the_way_is_one_line() -> None:
    ended = _ended()
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("demo: unknown backend 'nowhere'")
    assert "Traceback" in _ended(CAPRA_DEMO_TRACEBACK="1").stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "demo: interrupted"),
        (
            subprocess.CalledProcessError(2, ["ip", "link"], stderr=b"one\ntwo"),
            1,
            "demo: ip link ended with 2: one two",
        ),
        (subprocess.CalledProcessError(2, "ip link"), 1, "demo: ip link ended with 2"),
        (TimeoutError(), 1, "demo: TimeoutError (CAPRA_DEMO_TRACEBACK=1 shows where)"),
        (OSError("a" * 600), 1, f"demo: …{'a' * 500} (CAPRA_DEMO_TRACEBACK=1 shows where)"),
    ],
)
def test_every_end_is_one_line(
    error: BaseException,
    code: int,
    line: str,
    demo: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.delenv("CAPRA_DEMO_TRACEBACK", raising=False)
    monkeypatch.setattr(demo, "main", fail)
    assert demo.told() == code
    assert capsys.readouterr().err == f"{line}\n"
