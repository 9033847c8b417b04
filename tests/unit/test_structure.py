"""The house has small rooms: few modules in a folder, few lines in a module."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "provider" / "capra"
MODULES = 12
LINES = 250

LARGER = {"cli/commands": "one file a command", "cli/options": "one file a command"}
"""Folders that have more modules, and why."""


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_no_folder_has_many_modules() -> None:
    count = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in _modules() if path.name != "__init__.py")
    larger = {folder: number for folder, number in count.items() if number > MODULES}
    assert {folder: number for folder, number in larger.items() if folder not in LARGER} == {}
    assert set(larger) == set(LARGER), "exceptions that are needed no more"


def test_no_module_has_many_lines() -> None:
    lines = {path.relative_to(PACKAGE).as_posix(): len(path.read_text().splitlines()) for path in _modules()}
    assert {path: number for path, number in lines.items() if number > LINES} == {}
