"""Lines of those who wait."""

from __future__ import annotations

from capra.kube.cache.choosing.lines import Lines, told_to_wait
from capra.model.choosing.choice import ANY_HOST, Choice

X = Choice(failure_domain="x")


def test_a_line_for_each_thing_that_is_wanted() -> None:
    lines = Lines()
    lines.set("n", "b", "p", ANY_HOST, "0 2")
    lines.set("n", "a", "p", ANY_HOST, "0 2")
    lines.set("n", "c", "p", ANY_HOST, "1 1")
    lines.set("n", "d", "p", X, "0 1")
    lines.set("n", "e", "q", X, "0 1")
    lines.set("other", "f", "p", X, "0 1")
    assert lines.of("n", "p") == {ANY_HOST: [("0 2", "a"), ("0 2", "b"), ("1 1", "c")], X: [("0 1", "d")]}
    assert told_to_wait(lines.of("n", "p")[ANY_HOST]) == 2
    assert lines.wants("n", "d") == X


def test_a_machine_stands_in_one_line_and_leaves_it() -> None:
    lines = Lines()
    for wants in (ANY_HOST, ANY_HOST, X):
        lines.set("n", "a", "p", wants, "0 1")
    assert lines.of("n", "p") == {X: [("0 1", "a")]}
    lines.leave("n", "a")
    lines.leave("n", "a")
    assert lines.of("n", "p") == {}
    assert lines.wants("n", "a") is None
    assert not lines._lines
