"""The files with secrets of Ansible's process: one directory for each inventory, of this process alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import private_files

ROOT = Path(__file__).resolve().parents[3]
FORKS = """
import os, pathlib, sys
from ansible_collections.capra.machine.plugins.plugin_utils import private_files
mine = pathlib.Path(private_files.keep("i", {"key": "mine"})["key"])
child = os.fork()
if child == 0:
    if sys.argv[1] == "own":
        own = pathlib.Path(private_files.keep("i", {"key": "own"})["key"])
        assert own != mine and own.read_text() == "own"
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
assert mine.read_text() == "mine"
"""


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield tmp_path
    private_files._remove()
    assert list(tmp_path.iterdir()) == []


def test_the_next_reading_of_an_inventory_replaces_its_files(base: Path) -> None:
    first = private_files.keep("i", {"default.a": "old", "default.b": "old", "known_hosts": ""})
    private_files.keep("j", {"default.b": "another inventory's"})
    assert private_files.keep("i", {"default.a": "new", "known_hosts": ""}) == {
        name: first[name] for name in ("default.a", "known_hosts")
    }
    assert Path(first["default.a"]).read_text() == "new"
    assert Path(first["default.a"]).stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in base.rglob("*") if file.is_file()) == [
        *("default.a", "default.b", "known_hosts"),
        "lock",
    ]
    assert not Path(first["default.b"]).exists()


def test_what_a_reading_that_was_cut_off_has_left_is_in_nobodys_way(base: Path) -> None:
    [path] = map(Path, private_files.keep("i", {"default.a": "old"}).values())
    (path.parent / ".new").write_text("half")
    private_files.keep("i", {"default.a": "new"})
    assert [file.read_text() for file in path.parent.iterdir()] == ["new"]


@pytest.mark.parametrize("what", ["nothing", "own"])
def test_a_fork_that_ends_removes_its_own_files_only(base: Path, what: str) -> None:
    path = f"{ROOT / 'provider'}:{ROOT / '.collections'}"
    environment = {"PYTHONPATH": path, "XDG_RUNTIME_DIR": str(base)}
    command = [sys.executable, "-c", FORKS, what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(base.iterdir()) == []
