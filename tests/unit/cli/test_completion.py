"""The script of `capra completion` in a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from capra.cli.app import COMMANDS, GROUPS
from tests.unit.cli.conftest import Terminal

BASH = """
set -u
source <(capra completion bash)
complete -p capra
COMP_WORDS=(capra "$@") COMP_CWORD=$#
_capra_completion capra
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """A PATH with `capra` before all else."""
    program = tmp_path / "bin" / "capra"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m capra "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def _completed(programs: str, home: Path, *words: str) -> set[str]:
    """What bash makes of these words, of which the last one has only begun."""
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", *words],
        env={**os.environ, "PATH": programs, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    known, *found = done.stdout.splitlines()
    assert known == "complete -o default -F _capra_completion capra"
    return set(found)


def test_bash_completes_commands_and_options(programs: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert _completed(programs, home, "") >= {*COMMANDS, *GROUPS}
    assert _completed(programs, home, "pool", "im") == {"import"}
    assert _completed(programs, home, "boot") == {"bootstrap"}
    assert _completed(programs, home, "cleanup", "--ti") == {"--timeout"}
    assert _completed(programs, home, "completion", "f") == {"fish"}
    assert list(home.iterdir()) == []  # nothing is written for a person who has only asked


@pytest.mark.parametrize(("shell", "words"), [("zsh", "#compdef capra"), ("fish", "complete --command capra")])
def test_other_shells_get_a_script(capra: Terminal, shell: str, words: str) -> None:
    script = capra("completion", shell).stdout
    assert words in script
    assert "_CAPRA_COMPLETE" in script


def test_a_shell_that_is_not_known_is_named(capra: Terminal) -> None:
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in capra("completion", "tcsh", code=2).stderr
