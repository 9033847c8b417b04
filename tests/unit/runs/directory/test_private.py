"""The private directory of a run, beside others that begin at the same moment."""

from __future__ import annotations

import fcntl
import gc
import os
from pathlib import Path

import pytest

from capra.runs.directory import private


def test_a_sweep_at_any_moment_leaves_a_new_directory_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = fcntl.flock
    swept = []

    def sweep_first(file: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        swept.append(private.sweep(tmp_path))
        lock(file, operation)
        swept.append(private.sweep(tmp_path))

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    with private.private_directory(tmp_path) as directory:
        swept.append(private.sweep(tmp_path))
        assert directory.is_dir()
    assert swept == [0, 0, 0]
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("end", ["left", "forgotten"])
def test_a_fork_does_not_remove_its_parents(tmp_path: Path, end: str) -> None:
    """Whether it leaves the block, or ends as Python does, which closes what is open."""
    held = private.private_directory(tmp_path)
    directory = held.__enter__()
    if (child := os.fork()) == 0:
        if end == "left":
            held.__exit__(None, None, None)
        else:
            del held
            gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (directory / private.LOCK).exists()
    held.__exit__(None, None, None)
    assert not directory.exists()


def test_what_the_dead_have_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / f"{private.PREFIX}left"
    left.mkdir()
    (left / private.LOCK).touch()
    assert private.sweep(tmp_path) == 1
    assert not left.exists()
