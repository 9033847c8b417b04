"""What must not be shown of a run's steps: where each rule begins and ends."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from capra.bootstrap import RunCommand, WriteFile
from capra.bootstrap.steps import Step
from capra.engine.redaction.hidden import BINARY_LIMIT, Hidden, hidden_in, hidden_in_text, ordered
from capra.runs.redaction.redact import Redactor
from tests.unit.engine.examples import TOKEN

OPEN, OWN = "0644", "0600"


def _hidden_texts(steps: Iterable[Step], *, diff: bool = False) -> tuple[str, ...]:
    """All that is hidden of them, in whatever way, as a run is told it."""
    found = hidden_in(steps, diff=diff)
    return ordered(found.parts | found.credentials | found.wholes)


def test_hidden_texts() -> None:
    base64_with_a_slash = "/9j4AAQSkZJRgABAQEASABIAAD"
    hidden = _hidden_texts(
        (
            WriteFile("/f", f"user: admin\npassword='{TOKEN}'\nab\n".encode()),
            RunCommand(
                f"join --token={base64_with_a_slash} --config-of-the-cluster /etc/kubernetes/config ./some/long/path"
            ),
        )
    )
    assert {TOKEN, base64_with_a_slash, "user: admin", f"password='{TOKEN}'"} <= set(hidden)
    assert not {"ab", "--config-of-the-cluster", "/etc/kubernetes/config", "./some/long/path"} & set(hidden)
    assert list(hidden) == sorted(hidden, key=lambda text: (-len(text), text))
    assert _hidden_texts((WriteFile("/f", b"\xff\x00" * 20),)) != ()


def test_of_a_program_of_capras_own_only_what_the_document_says_is_hidden() -> None:
    program = 'fail() { echo "the authorities cannot be written" >&2; exit 1; }\n'
    hidden = _hidden_texts((RunCommand(f"hash='{TOKEN}'\n{program}", name="x", guarded=f"hash='{TOKEN}'\n"),))
    assert any(TOKEN in text for text in hidden)
    assert not [text for text in hidden if "authorities" in text]
    assert _hidden_texts((RunCommand(program, name="x", guarded=""),)) == ()


def test_a_diff_may_show_what_everybody_on_the_host_may_read() -> None:
    steps = (WriteFile("/open", b"open-content-1", "0644"), WriteFile("/own", b"own-content-22", "0600"))
    assert _hidden_texts(steps, diff=True) == ("own-content-22",)
    assert set(_hidden_texts(steps)) == {"open-content-1", "own-content-22"}


@pytest.mark.parametrize(
    ("content", "hidden"),
    [
        (b"\0" * (BINARY_LIMIT - 1) + b"A", True),
        (b"\0" * BINARY_LIMIT + b"A", False),
        # Text is looked at however long it is.
        (b"A b\n" * BINARY_LIMIT + TOKEN.encode(), True),
    ],
    ids=["as long as a key may be", "longer", "long text"],
)
def test_beyond_a_limit_a_file_that_is_no_text_holds_no_secret(content: bytes, hidden: bool) -> None:
    assert (hidden_in([WriteFile("/f", content, OWN)]) != Hidden()) is hidden


@pytest.mark.parametrize("mode", ["0604", "0644", "0664", "0755", "0004"])
def test_a_file_that_others_may_read_is_open(mode: str) -> None:
    assert hidden_in([WriteFile("/f", b"open-content-1", mode)], diff=True) == Hidden()


@pytest.mark.parametrize("mode", ["0600", "0640", "0601", "0603", ""])
def test_a_file_that_others_may_not_read_is_not_open(mode: str) -> None:
    assert hidden_in([WriteFile("/f", b"open-content-1", mode)], diff=True) != Hidden()


def test_lines_and_commands_are_hidden_as_a_whole_from_eight_characters_on() -> None:
    for text, hidden in (("install", set()), ("installs", {"installs"}), ("installed", {"installed"})):
        assert hidden_in([RunCommand(f" {text} ")]).wholes == hidden
        assert hidden_in([WriteFile("/f", f"a\n {text} \nb\n".encode(), OWN)]).wholes >= hidden
    assert "install" not in hidden_in([WriteFile("/f", b"a\ninstall\nb\n", OWN)]).wholes


def test_a_line_of_a_file_of_one_owner_is_a_secret() -> None:
    content = b"install the package\n/etc/kubernetes/config\npassword\n"
    assert hidden_in([WriteFile("/f", content, OWN)]).parts == {
        "install the package",
        "/etc/kubernetes/config",
        "password",
    }


def test_an_address_in_a_file_of_one_owner_is_told() -> None:
    text = b"sans:\n  - 10.227.56.77\n  address: '192.0.2.11'\n  pin: 10.2.3.4 5\n"
    hidden = hidden_in([WriteFile("/etc/k0s/k0s.yaml", text, OWN)])
    assert sorted(hidden.parts) == ["pin: 10.2.3.4 5"]
    redactor = Redactor(hidden.parts, hidden.credentials, hidden.wholes)
    told = "192.0.2.11: ssh: connect to host 10.227.56.77 port 22: No route to host"
    assert redactor.text(told) == told


def test_of_an_open_file_a_line_of_one_word_may_be_a_password() -> None:
    content = b"install the package\n/etc/kubernetes/config\n--with-an-option\npassword\n"
    assert hidden_in([WriteFile("/f", content, OPEN)]).parts == {"password"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x7kq9zQ", set()),
        ("x7kq9zQp", {"x7kq9zQp"}),
        ("x7kq9zQpw", {"x7kq9zQpw"}),
        # Between words that nobody takes for a part of a password: 7 characters, and 8.
        ("install:x7kq9;installed", set()),
        ("install:x7kq9z;installed", {":x7kq9z;"}),
        # Ordinary words alone, before such a word and after it; many symbols among them.
        ("install=package=install", set()),
        ("a=b=c=d=e", set()),
        ("a=b;c,d|e", {"a=b;c,d|e"}),
        ("=b;c,d|", set()),
        # One that is strange makes what is before it and after it a part, up to the next such word.
        ("ab=x7kq9zQp=cd", {"ab=x7kq9zQp=cd"}),
        ("x7kq9zQp=install=abc=def=gh", {"x7kq9zQp="}),
        # What a shell makes of it.
        (r"x7kq\9zQp", {r"x7kq\9zQp", "x7kq9zQp"}),
        ("x7'kq'9zQp", {"x7'kq'9zQp", "x7kq9zQp"}),
    ],
)
def test_parts_of_a_text(text: str, parts: set[str]) -> None:
    assert hidden_in_text(text).parts == parts


def test_nothing_that_is_hidden_is_shown_by_repr() -> None:
    hidden = Hidden(frozenset({"part-1234"}), frozenset({"credential-1234"}), frozenset({"whole-1234"}))
    assert repr(hidden) == "Hidden()"
