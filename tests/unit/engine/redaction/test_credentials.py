"""What stands in a credential's place, and what only looks like it."""

from __future__ import annotations

import shlex

import pytest

from capra.engine.redaction.credentials import DEPTH, LONGEST, MINIMUM_PASSWORD, credentials_in

WORD = "hunter22x"


def within(text: str, shells: int) -> str:
    """A command within a command of a shell, so many times."""
    for _ in range(shells):
        text = f"sh -c {shlex.quote(text)}"
    return text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"redis-cli -a {WORD}", {WORD}),
        (f"mysql -p{WORD}", {WORD}),
        (f"mysql -p {WORD}", {WORD}),
        (f"tool -p {WORD}", {WORD}),
        ("tool -p install", set()),
        ("redis-cli -a install", {"install"}),
        ("redis-cli -a --no-auth-warning", set()),
        ("redis-cli -a $REDIS_PASSWORD", set()),
        ("redis-cli -a /etc/redis/password", set()),
        # A program that asks its input for a password is given it; another one is not.
        (f"printf {WORD} | passwd --stdin root", {WORD}),
        (f"printf {WORD} | tee --append /tmp/keys", set()),
        (f"printf {WORD} | sudo -S true", {WORD}),
        (f"printf {WORD} | sudo tee --append /tmp/keys", set()),
        (f"printf {WORD} | sort -S 10M --key 2", set()),
        (f"passwd --stdin root <<EOF\n{WORD}\nEOF\nwrite several lines", {WORD}),
        (f"passwd --stdin root <<EOF\n{WORD}\nafterwards\nEOF\nredis-cli -a install", {WORD, "afterwards", "install"}),
        # The end is that word and no other, whichever comes first in the alphabet.
        (f"passwd --stdin root <<EOF\nAFIRST22x\n{WORD}\nEOF", {"AFIRST22x", WORD}),
        (f"cat >/tmp/password <<EOF\n{WORD}\nEOF", set()),
        (f"echo '<<' >/tmp/password\n{WORD}", set()),
        # The value of a variable: its first word.
        (f"SECRET={WORD} ./install now\nredis-cli -a $SECRET", {WORD}),
        (f"A={WORD} other55x\nredis-cli -a $A", {WORD}),
        ("OTHER=another1\nredis-cli -a $SECRET", set()),
        # A word that is too long to be a password ends nothing.
        (f"redis-cli {'x' * (LONGEST + 1)} -a {WORD}", {WORD}),
        (f"redis-cli -a {'x' * LONGEST}", {"x" * LONGEST}),
        (f"redis-cli -a {'x' * (LONGEST + 1)}", set()),
        (f"redis-cli -a {WORD[:MINIMUM_PASSWORD]}", {WORD[:MINIMUM_PASSWORD]}),
        (f"redis-cli -a {WORD[: MINIMUM_PASSWORD - 1]}", set()),
        # With and without what follows it in a list or a call.
        (f"connect(password={WORD},user)", {f"{WORD},user)", f"{WORD},user", WORD}),
        ("me@example.org wrote of keys", set()),
        (f"https://me:{WORD}@example.org/keys", {WORD}),
        (f"send to me:{WORD}@example.org with a key", {WORD}),
    ],
)
def test_what_is_found(text: str, found: set[str]) -> None:
    assert credentials_in(text) == found


def test_shells_are_followed_so_deep() -> None:
    assert MINIMUM_PASSWORD == 6
    for shells in range(DEPTH + 1):
        assert WORD in credentials_in(within(f"redis-cli -a {WORD}", shells))
    assert DEPTH == 3
    assert credentials_in(within(f"redis-cli -a {WORD}", DEPTH + 1)) == set()
