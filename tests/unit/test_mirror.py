"""tests/unit mirrors the package: each module has a test module of its name, or stands in tests/unit/modules.py."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from capra.cli.app import COMMANDS
from capra.cli.loading import module_name
from tests.unit.modules import ELSEWHERE, THEMES, TYPES

TESTS = Path(__file__).parents[1]
UNIT = TESTS / "unit"
PACKAGE = TESTS.parent / "provider" / "capra"
THEME_OF = {module: theme for theme, modules in THEMES.items() for module in modules}


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Those that do something: more than a docstring or an ellipsis."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            said = [one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
            if said:
                yield node


def _modules() -> Iterator[str]:
    """All that have code. A package's `__init__` is one where it has functions, and no re-exports only."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "__main__.py" or (path.name == "__init__.py" and not any(_functions(path))):
            continue
        yield path.relative_to(PACKAGE).as_posix()


def _has_own(module: str) -> bool:
    """A test module of its name: in the same folder of the mirror, or one higher."""
    path = UNIT / module
    name = f"test_{path.name}"
    return any((folder / name).is_file() for folder in (path.parent, path.parent.parent))


@functools.cache
def _imports(path: Path) -> frozenset[str]:
    """Modules of the package, and helpers of the tests, that a file imports. The terminal imports the command that is
    called."""
    found = set[str]()
    if path == PACKAGE / "cli" / "loading.py":
        found = {f"capra.cli.{room}.{module_name(name)}" for room in ("options", "commands") for name in COMMANDS}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return frozenset(found)


def _file(name: str) -> Path | None:
    """The file of an imported module, where it is ours."""
    top, _, rest = name.partition(".")
    if top not in {"capra", "tests"}:
        return None
    base = (PACKAGE if top == "capra" else TESTS).joinpath(*rest.split("."))
    return next((one for one in (base.with_suffix(".py"), base / "__init__.py") if one.is_file()), None)


@functools.cache
def _reached(test: Path) -> frozenset[Path]:
    """The files that are imported for a test, directly or by others, and by its conftest.py."""
    todo, seen = [test, test.parent / "conftest.py"], set[Path]()
    while todo:
        path = todo.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        todo += [file for name in _imports(path) if (file := _file(name)) is not None]
    return frozenset(seen)


def test_each_module_is_tested() -> None:
    untested = [one for one in _modules() if not _has_own(one) and one not in {*THEME_OF, *ELSEWHERE, *TYPES}]
    assert untested == [], "write tests/unit/…/test_NAME.py, or name their tests in tests/unit/modules.py"


def test_a_theme_reaches_its_modules() -> None:
    for module, theme in THEME_OF.items():
        test = UNIT / theme
        assert test.is_file(), theme
        assert PACKAGE / module in _reached(test), f"{theme} does not import {module}"


def test_what_is_tested_elsewhere_is() -> None:
    for module, test in ELSEWHERE.items():
        assert (TESTS / test).is_file(), f"{module}: {test}"


def test_types_do_nothing() -> None:
    assert [one for one in sorted(TYPES) if any(_functions(PACKAGE / one))] == []


def test_no_exception_is_one_too_many() -> None:
    exceptions = [*(one for modules in THEMES.values() for one in modules), *ELSEWHERE, *TYPES]
    assert len(set(exceptions)) == len(exceptions)
    known = set(_modules()) | TYPES
    assert [one for one in exceptions if one not in known] == []
    assert [one for one in exceptions if _has_own(one)] == []
