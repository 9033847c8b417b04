"""Files of the state directory."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from capra.local.files import locked, write_whole


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    write_whole(path, "old")
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_that_finds_no_room_names_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", _full)
    with pytest.raises(OSError, match=str(tmp_path / "lock")), locked(tmp_path / "lock"):
        pass
