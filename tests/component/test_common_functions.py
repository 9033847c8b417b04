"""What all programs of `capra/bootstrap/scripts` begin with, in three shells: a file is replaced whole, or stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.component.programs.host import OTHER, SHELLS, needs_root

COMMON = Path(__file__).parents[2] / "provider" / "capra" / "bootstrap" / "scripts" / "common.sh"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    first, *rest = SHELLS[request.param]
    return [shutil.which(first) or "", *rest]


def replace(shell: list[str], file: Path, command: str, umask: str = "022") -> int:
    """The exit status of replace_file. command: for the shell."""
    text = f'{COMMON.read_text()}\nset -u\numask {umask}\nproduce() {{ {command}; }}\nreplace_file "$1" produce'
    done = subprocess.run([*shell, "-c", text, "sh", str(file)], capture_output=True, check=False)
    return done.returncode


def test_a_new_file_has_the_mode_of_the_umask(shell: list[str], tmp_path: Path) -> None:
    for umask, mode in (("022", 0o644), ("077", 0o600)):
        file = tmp_path / umask
        assert replace(shell, file, "echo new", umask) == 0
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("new\n", mode)


@needs_root
def test_a_file_keeps_its_owner_and_mode(shell: list[str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old\n")
    os.chown(file, OTHER, OTHER)
    file.chmod(0o4640)
    before = file.stat().st_ino
    (tmp_path / "file.capra-new").mkdir()  # whatever was left there
    assert replace(shell, file, 'cat "$replace_file"; echo more') == 0
    found = file.stat()
    assert (file.read_text(), found.st_uid, found.st_gid, found.st_mode & 0o7777) == (
        "old\nmore\n",
        OTHER,
        OTHER,
        0o4640,
    )
    assert found.st_ino != before
    assert os.listdir(tmp_path) == ["file"]


def test_a_command_that_fails_changes_nothing(shell: list[str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old\n")
    assert replace(shell, file, "echo half; return 3") == 1
    assert file.read_text() == "old\n"
    assert os.listdir(tmp_path) == ["file"]
