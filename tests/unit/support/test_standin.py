"""A test that turns the stand-in's knobs, or reads its record of calls, says so by the fixture `standin`: with a real
k0s it is skipped by name, and does not fail for a reason that is none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
SIGNS = ("k0s-standin", "k0s_calls", "k0s-calls.log")
FILES = [*TESTS.glob("e2e/**/*.py"), *TESTS.glob("hosts/test_*.py")]


def _signed(function: ast.FunctionDef) -> bool:
    text = ast.unparse(function)
    return any(sign in text for sign in SIGNS)


def _called(function: ast.FunctionDef) -> set[str]:
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}


def _using(functions: dict[str, ast.FunctionDef]) -> set[str]:
    """Functions that use it, by themselves or by what they call."""
    found = {name for name, function in functions.items() if _signed(function)}
    while more := {name for name, function in functions.items() if _called(function) & found} - found:
        found |= more
    return found


def _says_so(function: ast.FunctionDef, module: str) -> bool:
    names = {argument.arg for argument in function.args.args}
    marks = [ast.unparse(one) for one in function.decorator_list]
    return "standin" in names or any("usefixtures('standin')" in one for one in [*marks, module])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_says_so(file: Path) -> None:
    tree = ast.parse(file.read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    # A fixture that removes all knobs needs none.
    fixtures = {
        name for name, one in functions.items() if any("fixture" in ast.unparse(mark) for mark in one.decorator_list)
    }
    marks = next((ast.unparse(node) for node in tree.body if ast.unparse(node).startswith("pytestmark")), "")
    for name in _using({name: one for name, one in functions.items() if name not in fixtures}):
        one = functions[name]
        if name.startswith("test_") or any("scenario" in ast.unparse(mark) for mark in one.decorator_list):
            assert _says_so(one, marks), f"{file.name}: {name} needs the fixture standin"
