"""Sessions of browsers: what they are worth, and for how long."""

from __future__ import annotations

from capra.controller.serving.page.sessions import LIFETIME, MOST, Sessions


class Clock:
    """Goes forward when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_session_has_a_random_id_and_its_token() -> None:
    sessions = Sessions(Clock())
    first, second = sessions.begin("token"), sessions.begin("token")
    assert first != second
    assert len(first) == 43  # 32 bytes in base64
    assert sessions.token(first) == sessions.token(second) == "token"
    assert sessions.token("another") == sessions.token("") == sessions.token("\udcff") == ""


def test_neither_ids_nor_tokens_are_shown() -> None:
    sessions = Sessions(Clock())
    name = sessions.begin("the-token")
    assert name not in repr(vars(sessions))
    assert "the-token" not in repr(vars(sessions))


def test_it_ends_after_an_hour_used_or_not() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    name = sessions.begin("token")
    clock.now = LIFETIME - 0.1
    later = sessions.begin("token")
    assert sessions.token(name)
    clock.now = LIFETIME
    assert not sessions.token(name)
    assert sessions.token(later)


def test_it_ends_when_it_is_told_to() -> None:
    sessions = Sessions(Clock())
    first, second = sessions.begin("a"), sessions.begin("b")
    sessions.end(first)
    sessions.end(first)
    assert (sessions.token(first), sessions.token(second)) == ("", "b")


def test_there_are_never_more_than_that() -> None:
    sessions = Sessions(Clock())
    names = [sessions.begin("token") for _ in range(MOST + 2)]
    assert [bool(sessions.token(name)) for name in names] == [False, False] + [True] * MOST
