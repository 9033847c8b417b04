"""The directory of kept runs: found again, and bounded."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from capra.errors import InputError
from capra.model.machine import MachineKey
from capra.runs.kept.kept_run import KeptRun, KeptStep
from capra.runs.kept.kept_runs import KeptRuns
from capra.settings.values import KeepLimits

KEY = MachineKey("default", "node-0")
DAY = 86400.0


def _run(kept: KeptRuns, now: float, *, key: MachineKey = KEY, output: str = "", ended: bool = True) -> KeptRun:
    name = kept.new_name("bootstrap", now)
    steps = (KeptStep(1, "run a", "ok", 0, 1.0, output),)
    run = KeptRun(name, key.kind, key.namespace, key.name, "bootstrap", now, now if ended else 0.0, steps=steps)
    kept.write(run)
    return run


def test_a_run_is_found_again(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path / "output", KeepLimits(), lambda: 3000.0)
    first, second = _run(kept, 1000.0, output="é\nb"), _run(kept, 2000.0)
    assert kept.names(KEY) == [first.name, second.name]
    assert kept.read(KEY) == second
    assert kept.read(KEY, first.name) == first
    other = MachineKey("default", "node-0", "PooledRemoteMachine")
    assert kept.names(other) == []
    [directory] = (tmp_path / "output").iterdir()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    kept.forget(KEY)
    assert kept.names(KEY) == []


def test_all_directories_are_closed(tmp_path: Path) -> None:
    _run(KeptRuns(tmp_path / "state" / "output", KeepLimits(), lambda: 3000.0), 1000.0)
    made = [tmp_path / "state", *(path for path in (tmp_path / "state").rglob("*") if path.is_dir())]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700] * 3


def test_what_is_too_old_is_shown_no_more(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path, KeepLimits(age=DAY), lambda: now[0])
    now = [1000.0]
    old, new = _run(kept, 1000.0), _run(kept, 2000.0)
    now[0] = 1000.0 + DAY
    assert kept.names(KEY) == [old.name, new.name]
    now[0] += 1
    assert kept.names(KEY) == [new.name]
    with pytest.raises(InputError, match=f"has no run {old.name!r}"):
        kept.read(KEY, old.name)


@pytest.mark.parametrize("name", ["../x", "nothing", "/etc/passwd", "."])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    kept = KeptRuns(tmp_path, KeepLimits(), lambda: 3000.0)
    with pytest.raises(InputError, match="has no run whose output was kept"):
        kept.read(KEY, name)
    run = _run(kept, 1000.0)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match=f"has no run {name!r}; it has {run.name}"):
        kept.read(KEY, name)
    assert kept.names(MachineKey("..", "x")) == []


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path, KeepLimits(), lambda: 3000.0)
    run = _run(kept, 1000.0)
    [path] = tmp_path.glob("*/*.json")
    for text in ("{", "[]", '{"steps": [{"no": 1}]}', '{"version": 2, "steps": []}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(InputError, match=str(path)):
            kept.read(KEY, run.name)
    kept.write(replace(run, version=2))
    with pytest.raises(InputError, match="has version 2"):
        kept.read(KEY)


def test_the_oldest_make_room(tmp_path: Path) -> None:
    limits = KeepLimits(size=5600, age=DAY)
    kept = KeptRuns(tmp_path, limits, lambda: 3000.0)
    keys = [MachineKey("default", f"n-{number}") for number in range(9)]
    runs = [_run(kept, 1000.0 + number, key=key, output="x" * 1000) for number, key in enumerate(keys)]
    left = [run for run in runs if kept.names(MachineKey("default", run.machine))]
    assert left == runs[-4:]
    assert len(list(tmp_path.iterdir())) == 4, "no directory of a machine without runs stays"
    # Another process counts what is there.
    another = KeptRuns(tmp_path, limits, lambda: 3000.0)
    _run(another, 3000.0, output="x" * 1000)
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.json")) <= limits.size
    _run(another, 3000.0 + DAY + 1)
    assert [path.parent.name for path in tmp_path.glob("*/*.json")] == ["remotemachine.default.node-0"]


def test_what_is_under_way_is_written_anew_and_removed_by_nobody(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path, KeepLimits(size=1), lambda: 3000.0)
    under_way = _run(kept, 1000.0, ended=False)
    kept.write(replace(under_way, message="more"))
    assert kept.read(KEY).message == "more"
    _run(kept, 1001.0, key=MachineKey("default", "other"))
    assert kept.names(MachineKey("default", "other")) == []


def test_long_names_and_odd_files(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path, KeepLimits(), lambda: 3000.0)
    for name in ("a" * 253, "a" * 252 + "b"):
        _run(kept, 1000.0, key=MachineKey("n" * 63, name))
        assert kept.read(MachineKey("n" * 63, name)).machine == name
    if os.getuid() != 0:
        return
    (tmp_path / "remotemachine.default.node-0").write_text("a file")
    with pytest.raises(OSError, match="remotemachine"):
        _run(kept, 1000.0)
