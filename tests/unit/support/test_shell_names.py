"""scripts/shell_names.py: a shell function that changes a variable of its caller is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
READER = """read_journal() {
    while read -r EVENT NUMBER; do :; done <"$1"
}
"""


def said(tmp_path: Path, *files: str) -> str:
    """What the script says of a program in these files; empty where nothing is wrong."""
    paths = [tmp_path / f"{number}.sh" for number in range(len(files))]
    for path, text in zip(paths, files, strict=True):
        path.write_text(text)
    script = [sys.executable, str(ROOT / "scripts/shell_names.py"), *map(str, paths)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == (1 if done.stderr else 0)
    return done.stderr


@pytest.mark.parametrize(
    "body",
    [
        'while read -r WORD NUMBER; do read_journal "$1"; done',
        'for NUMBER in 1 2; do read_journal "$1"; done',
        'NUMBER=1; if x && ! read_journal "$1"; then y; fi',
        'NUMBER=1\n    case $1 in\n    a) read_journal "$1" ;;\n    esac',
        'NUMBER=1\n    between "$1"',
    ],
)
def test_a_variable_that_a_called_function_changes(tmp_path: Path, body: str) -> None:
    caller = f'run_steps() {{\n    {body}\n}}\nbetween() {{ read_journal "$1"; }}\n'
    assert "run_steps assigns NUMBER, which read_journal" in said(tmp_path, READER, caller)


@pytest.mark.parametrize(
    "body",
    [
        'NUMBER=1; (read_journal "$1")',
        'NUMBER=1; TEXT=$(read_journal "$1")',
        'NUMBER=1 # read_journal "$1"',
        "NUMBER=1; echo 'if read_journal'",
        'OTHER=1; read_journal "$1"',
    ],
)
def test_nothing_shared(tmp_path: Path, body: str) -> None:
    assert said(tmp_path, READER, f"run_steps() {{\n    {body}\n}}\n") == ""


def test_shared_on_purpose(tmp_path: Path) -> None:
    caller = "# both: sets NUMBER.\nboth() {\n    NUMBER=0\n    read_journal x\n}\n"
    assert "both assigns NUMBER" in said(tmp_path, READER, caller)
    assert said(tmp_path, f"# read_journal FILE: sets NUMBER.\n{READER}", caller) == ""


def test_the_programs_that_go_to_a_host() -> None:
    paths = sorted([*ROOT.glob("plugins/plugin_utils/*.sh"), *ROOT.glob("roles/*/files/*.sh")])
    script = [sys.executable, str(ROOT / "scripts/shell_names.py"), *map(str, paths)]
    assert len(paths) > 10
    assert subprocess.run(script, capture_output=True, text=True, check=False).stderr == ""
