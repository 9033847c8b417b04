"""One meaning a word: what the package's modules offer each other."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "provider" / "capra"

SAME = {
    "Options": "each command of the terminal has its own, which is found by this name",
    "Slots": "the port and what stands behind it",
    "log": "each module's logger",
    "steps": "each of cloud-init's modules has its own, which is called by this name",
    "main": "where a process begins",
}
"""Names that are public in several modules, and why."""

TWO_FOLDERS = {
    "aiohttp": "kopf takes a session of it, and the probes are served with it; requests are made with it",
    "cryptography": "keys of SSH are read with it, and the certificate of /metrics is made",
    "jinja2": "templates of cloud-init's are rendered with it, and the page",
    "pydantic": "each kind of file and annotation is checked where it is read",
    "structlog": "everybody logs",
    "yaml": "bootstrap data, manifests and kubeconfigs are different documents",
}
"""Packages of others that more than one folder imports, and why."""


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text())


def _public(module: ast.Module) -> Iterator[str]:
    """Classes, functions and types; a constant is read with its module."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (one.id for one in node.targets if isinstance(one, ast.Name) and not one.id.isupper())


def test_no_two_public_names_are_the_same() -> None:
    places = defaultdict(list)
    for path, module in _modules():
        for name in _public(module):
            if not name.startswith("_"):
                places[name].append(path)
    several = {name: found for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in several.items() if name not in SAME} == {}
    assert set(several) >= set(SAME), "exceptions that are needed no more"


def test_what_others_have_made_is_imported_in_one_folder() -> None:
    folders = defaultdict(set)
    for path, module in _modules():
        for node in ast.walk(module):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in {one.partition(".")[0] for one in names} - sys.stdlib_module_names - {"capra"}:
                folders[name].add(path.partition("/")[0])
    several = {name: sorted(found) for name, found in folders.items() if len(found) > 1}
    assert {name: found for name, found in several.items() if name not in TWO_FOLDERS} == {}
    assert set(several) >= set(TWO_FOLDERS), "exceptions that are needed no more"
