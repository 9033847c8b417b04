"""docs/guide/troubleshooting.md has a section for each reason of a condition, an event or a run, and no other."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from capra.engine.told import report
from capra.model.run import OutcomeKind

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "guide" / "troubleshooting.md"
SOURCES = ("bootstrap", "engine", "controller/reconcilers", "kube/objects", "kube/stores", "model")
TELLING = {
    "Announcement",
    "Condition",
    "InputError",
    "Problem",
    "Refuse",
    "Wait",
    "_UnusableError",
    "_announcement",
    "false",
}
"""What takes a reason, at any place of its arguments."""

NO_REASONS = {"True", "False", "Unknown", "Normal", "Warning"}
_REASON = re.compile(r"(?:[A-Z][a-z]+|SSH|IP)+")
_RUNS = ("Bootstrap", "Cleanup", "Hook", "Playbook")


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The targets of an assignment with their values; those of a tuple one by one."""
    if not isinstance(node, ast.Assign):
        return
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=True)
        else:
            yield target, node.value


def _named(trees: Iterable[ast.Module]) -> dict[str, set[str]]:
    """The texts that names stand for, in any module."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in (node for tree in trees for node in ast.walk(tree)):
        for target, value in _assigned(node):
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[target.id].add(value.value)
    return found


def _texts(node: ast.expr, named: Mapping[str, set[str]]) -> Iterator[str]:
    """The texts that an argument may be."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if name in named:
            yield from named[name]
        case ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id="name")), ast.Constant(value=str(end))]):
            yield from (run + end for run in _RUNS)
        case ast.BoolOp(values=values):
            for value in values:
                yield from _texts(value, named)


def _told(tree: ast.Module, named: Mapping[str, set[str]]) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name not in TELLING:
            continue
        # The first argument of a condition is its type.
        arguments = call.args[1:] if name in {"Condition", "false"} else call.args
        for argument in [*arguments, *(one.value for one in call.keywords if one.arg == "reason")]:
            yield from (text for text in _texts(argument, named) if _REASON.fullmatch(text))


def _reasons() -> set[str]:
    paths = [path for name in SOURCES for path in (ROOT / "provider" / "capra" / name).rglob("*.py")]
    trees = [ast.parse(path.read_text()) for path in paths]
    named = _named(trees)
    return {text for tree in trees for text in _told(tree, named)} | {kind.value for kind in OutcomeKind}


REASONS = _reasons() - NO_REASONS


def _sections() -> list[str]:
    return re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("reason", sorted(REASONS - report.OWNED))
def test_each_reason_has_a_section(reason: str) -> None:
    assert reason in _sections()


def test_each_section_is_of_a_reason() -> None:
    sections = _sections()
    assert len(sections) == len(set(sections))
    assert [section for section in sections if section not in REASONS] == []


def test_links_lead_to_sections() -> None:
    anchors = {section.lower() for section in _sections()}
    links = set(re.findall(r"\]\(#([^)]+)\)", PAGE.read_text()))
    assert links
    assert links <= anchors
