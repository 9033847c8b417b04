"""The spine of docs/explanation/architecture.md is there, hangs together, and is as short as the page says."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
FILES, LINES = 10, 900
"""More than this nobody reads in one go. Files: of the way there and back. Lines: with what is asked on the way."""

ROW = re.compile(r"^\| \[[a-z_]+\.py\]\(\.\./\.\./(provider/[a-z_/]+\.py)\) \| (`.*`.*) \|$", re.MULTILINE)
ITEM = re.compile(r"`([A-Za-z_.]+)`(?: \(`([a-z_.]+)`\))?")


@dataclass(frozen=True)
class Link:
    """One function of the spine. called: the text by which it is called."""

    path: str
    name: str
    called: str
    source: str

    @property
    def lines(self) -> int:
        """Of its text, docstring and signature among it."""
        return len(self.source.splitlines())


def _source(path: str, name: str) -> str:
    text = (ROOT / path).read_text()
    found: list[ast.AST] = [ast.parse(text)]
    for part in name.split("."):
        found = [
            node
            for parent in found
            for node in getattr(parent, "body", ())
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == part
        ]
    assert len(found) == 1, f"{path} has no {name}"
    return str(ast.get_source_segment(text, found[0]))


def spine() -> list[Link]:
    """What an event passes through, in order."""
    return _links(_section().partition("| asked on the way |")[0])


def asked() -> list[Link]:
    """What is asked on the way, and returns."""
    return _links(_section().partition("| asked on the way |")[2])


def _section() -> str:
    return PAGE.read_text().partition("## The spine\n")[2].partition("\n## ")[0]


def _links(text: str) -> list[Link]:
    rows = ROW.findall(text)
    items = [(path, *item) for path, cell in rows for item in ITEM.findall(cell)]
    return [Link(path, name, called or name.rpartition(".")[2], _source(path, name)) for path, name, called in items]


def test_each_function_is_called_by_one_before_it() -> None:
    links = [*spine(), *asked()]
    assert links[0].name == "changed"
    for number, link in enumerate(links[1:], 1):
        word = re.compile(rf"(?<![A-Za-z_]){re.escape(link.called)}(?![A-Za-z_])")
        bodies = [earlier.source.partition(":\n")[2] for earlier in links[:number]]
        assert any(word.search(body) for body in bodies), f"nobody before it calls {link.name} ({link.called})"


def test_it_leads_to_ansible_runner_and_back_to_the_api() -> None:
    links = spine()
    [there] = [number for number, link in enumerate(links) if "ansible_runner.run(" in link.source]
    [back] = [number for number, link in enumerate(links) if link.name == "Reporter.tell"]
    assert there < back
    assert '"status"' in links[back].source


def test_the_page_tells_how_long_it_is() -> None:
    links = spine()
    everything = [*links, *asked()]
    page = PAGE.read_text()
    assert f"They are {_size(links)}." in page, _size(links)
    assert f"With what is asked on the way it is {_size(everything)}." in page, _size(everything)
    assert len({link.path for link in links}) <= FILES
    assert sum(link.lines for link in everything) <= LINES


def _size(links: list[Link]) -> str:
    lines = sum(link.lines for link in links)
    return f"{len(links)} functions in {len({link.path for link in links})} files, {lines} lines"


def test_a_function_that_is_gone_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"has no Controller\.gone"):
        _source("provider/capra/controller/controller.py", "Controller.gone")
