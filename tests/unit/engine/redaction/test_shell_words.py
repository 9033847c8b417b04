"""A line as a shell reads it."""

from __future__ import annotations

import pytest

from capra.engine.redaction.shell_words import ShellCommand, expansions, literals, shell_commands, unquoted


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", [ShellCommand()]),
        ("a b", [ShellCommand(["a", "b"])]),
        ("a b | c", [ShellCommand(["a", "b"], piped=True), ShellCommand(["c"])]),
        # Only a pipe passes output on.
        ("a || b", [ShellCommand(["a"]), ShellCommand(["b"])]),
        ("a && b", [ShellCommand(["a"]), ShellCommand(["b"])]),
        ("a & b", [ShellCommand(["a"]), ShellCommand(["b"])]),
        ("a; b", [ShellCommand(["a"]), ShellCommand(["b"])]),
        ("(a) b", [ShellCommand(), ShellCommand(["a"]), ShellCommand(["b"])]),
        # What stands behind a redirection is a word as any other: it may be a password's file.
        ("a > b", [ShellCommand(["a", "b"])]),
        ("a < b", [ShellCommand(["a", "b"])]),
        ("a <<< b c", [ShellCommand(["a", "c"], here=["b"])]),
        ("x | a <<< b", [ShellCommand(["x"], piped=True), ShellCommand(["a"], here=["b"])]),
        ("a <<EOF b", [ShellCommand(["a", "b"], end="EOF")]),
        ("a <<-'EOF'", [ShellCommand(["a"], end="EOF")]),
        ("a <<< b | c", [ShellCommand(["a"], here=["b"], piped=True), ShellCommand(["c"])]),
        ("a '<<<' b", [ShellCommand(["a", "<<<", "b"])]),
        ("a 'b|c;d'", [ShellCommand(["a", "b|c;d"])]),
        ("a\0b", [ShellCommand(["a", "b"])]),
    ],
)
def test_commands(line: str, found: list[ShellCommand]) -> None:
    assert shell_commands(line) == found


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("plain", "plain"),
        ("'single'", "single"),
        ("'a\\b$c\"d'", 'a\\b$c"d'),
        ('"double"', "double"),
        (r'"a\$b\"c\\d\`e\f"', r'a$b"c\d`e' + r"\f"),
        ("$'dollar'", "dollar"),
        (r"$'a\'b\\c'", r"a'b\c"),
        (r"a\ b\'c", "a b'c"),
        ("a'b'\"c\"$'d'e", "abcde"),
        # A quote that is not closed stands for itself.
        ("a'b", "a'b"),
        ('a"b', 'a"b'),
        # Expansions, in double quotes, too, and not in single ones.
        ("$A", "\0A\0"),
        ("${A:-b}", "\0A\0"),
        ("$(cat f)", "\0\0"),
        ("`cat f`", "\0\0"),
        ('"$A-b"', "\0A\0-b"),
        ("'$A'", "$A"),
        (r"\$A", "$A"),
    ],
)
def test_unquoted(word: str, read: str) -> None:
    assert unquoted(word) == read


def test_what_stands_between_expansions() -> None:
    word = unquoted('a$B"c$(d)e"f${G}')
    assert literals(word) == ["a", "c", "ef", ""]
    assert expansions(word) == ["B", "G"]
    assert literals("abc") == ["abc"]
    assert expansions("abc") == []
