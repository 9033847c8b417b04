"""The picture of a benchmark: what is compared has one scale, and what has one name has one colour."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.picture import Bar, Group, svg, write

GROUPS = [
    Group("one <machine>", [Bar("plain ssh", 0.2, "s"), Bar("Capra", 0.5, "s", "2.5 x")]),
    Group("a hundred", [Bar("plain ssh", 4.8, "s"), Bar("Capra, cold", 123.4, "s")]),
]


def bars(text: str) -> list[tuple[float, str]]:
    """Length and colour of each bar."""
    root = ElementTree.fromstring(text)
    found = [element.attrib for element in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    return [(float(one["width"]), one["fill"]) for one in found]


def test_each_group_has_its_own_scale_and_each_name_one_colour() -> None:
    first, second, third, fourth = bars(svg("A title", GROUPS))
    assert second[0] == fourth[0]
    assert first[0] / second[0] == pytest.approx(0.4, abs=0.01)
    assert third[0] / fourth[0] == pytest.approx(4.8 / 123.4, abs=0.01)
    assert first[1] == third[1] != second[1] == fourth[1]


def test_what_it_says() -> None:
    said = [one.text for one in ElementTree.fromstring(svg("A & B", GROUPS, "2 cores")).iter() if one.text]
    assert said[0] == "\n"
    assert said[1:4] == ["A & B", "2 cores", "one <machine>"]
    assert {"0.2 s", "0.5 s, 2.5 x", "4.8 s", "123 s"} < set(said)


def test_nothing_and_nothing_but_zeros_can_be_drawn(tmp_path: Path) -> None:
    write(tmp_path / "new" / "empty.svg", "Nothing", [Group("none", []), Group("zeros", [Bar("a", 0, "s")])])
    assert bars((tmp_path / "new" / "empty.svg").read_text())[0][0] == 1
