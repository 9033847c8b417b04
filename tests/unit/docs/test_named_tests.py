"""A test that a document names exists, and the threat model names one for every promise."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"`(tests/[\w/.-]+\.py)::(\w+)`")
THREATS = ROOT / "docs" / "explanation" / "threat-model.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_tests_exist(page: Path) -> None:
    for file, name in NAMED.findall(page.read_text()):
        path = ROOT / file
        assert path.is_file(), f"{page.name} names {file}, which is not there"
        functions = {
            node.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in functions, f"{page.name} names {file}::{name}, which is not there"


def test_every_promise_names_a_test() -> None:
    sections = re.split(r"(?m)^## ", THREATS.read_text())
    promises = [
        line
        for section in sections
        if "| Capra promises |" in section
        for line in section.splitlines()
        if line.startswith("| ") and not line.startswith("| Capra promises")
    ]
    assert len(promises) > 20
    assert [line for line in promises if not NAMED.search(line)] == []
