"""How many runs begin at once."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from capra.runs import beginnings, runner
from tests.support.waiting import holds_soon
from tests.unit.runs.test_runs import REQUEST

WORKER = """
import sys
print('{"directory": "/nowhere"}', flush=True)
open(sys.argv[1], "a").write("begins\\n")
sys.stdin.readline()
if sys.argv[2] == "contacts":
    print('{"contacting": true}', flush=True)
    sys.stdin.read()
sys.stdin.read()
"""


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})


@pytest.mark.usefixtures("two_processors")
@pytest.mark.parametrize(
    ("what", "patience", "begun"), [("contacts", 600.0, 10), ("nothing", 600.0, 4), ("nothing", 0.1, 10)]
)
async def test_runs_begin_one_after_the_other(
    what: str, patience: float, begun: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four at once: two for each processor. The next begins when one contacts its host, or takes too long for it."""
    began = tmp_path / "began"
    began.touch()

    async def worker() -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, str(began), what, stdin=pipe, stdout=pipe, stderr=pipe
        )

    def lines() -> int:
        return len(began.read_text().splitlines())

    monkeypatch.setattr(runner, "_cold_worker", worker)
    monkeypatch.setattr(beginnings, "BEGIN_PATIENCE", patience)
    many = runner.AnsibleRunner(warm=False)
    runs = [asyncio.ensure_future(many.run(REQUEST, lambda progress: None)) for _ in range(10)]
    try:
        await holds_soon(lambda: lines() == begun, "so many have begun", 60)
        if begun < 10:
            await asyncio.sleep(0.5)
            assert lines() == begun
            # One that ends makes room, too.
            runs[0].cancel()
            await holds_soon(lambda: lines() == begun + 1, "the next has begun", 60)
    finally:
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)


@pytest.mark.usefixtures("two_processors")
async def test_probes_take_no_place_among_the_runs_that_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = tmp_path / "began"
    began.touch()

    async def worker() -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, str(began), "nothing", stdin=pipe, stdout=pipe, stderr=pipe
        )

    monkeypatch.setattr(runner, "_cold_worker", worker)
    monkeypatch.setattr(beginnings, "BEGIN_PATIENCE", 600.0)
    many, probe = runner.AnsibleRunner(warm=False), replace(REQUEST, probe=True)
    runs = [asyncio.ensure_future(many.run(one, lambda progress: None)) for one in [probe] * 5 + [REQUEST] * 4]
    try:
        await holds_soon(lambda: len(began.read_text().splitlines()) == 9, "all have begun", 60)
    finally:
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)


@pytest.mark.usefixtures("two_processors")
async def test_a_run_gives_its_place_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginnings, "BEGIN_PATIENCE", 600.0)
    places = beginnings.Beginnings()
    ends = [await places.begin() for _ in range(4)]
    for _ in range(3):
        ends[0]()
    await asyncio.wait_for(places.begin(), 5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(places.begin(), 0.1)
