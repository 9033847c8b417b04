"""Why a host has not run the program that was sent to it, told by evidence as far as there is any. Pure.

What proves how far a session has come: OpenSSH's own note that it was let in (evidence.py), the mark that /bin/sh
prints when the login shell has begun the command, and the mark that the program's shell prints when become has let it
through. Words count only within what is left then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LOGIN = "capra login"
SHELL = "capra shell"
EATEN = "capra eaten"
MARKS = frozenset({LOGIN, SHELL, EATEN})

LINES = 4
LENGTH = 800
"""What a message holds at most: lines, and characters."""

UNREACHABLE = frozenset({"unreachable", "lost", "host_key", "wrong_credentials", "login_failed"})
"""Reasons that are Ansible's `unreachable`."""

HOST_KEY = re.compile(r"HOST IDENTIFICATION HAS CHANGED|Host key verification failed")
WRONG_CREDENTIALS = re.compile(
    r"Permission denied \(|Too many authentication failures|error in libcrypto|Load key .*: invalid format"
)
LOST = re.compile(r"closed by remote host|not responding|Broken pipe|client_loop|Connection reset by")
"""What OpenSSH says when a connection is lost that had been there."""

NO_SSH_SERVER = re.compile(r"exchange_identification|banner exchange|port 65535")
"""The connection ended before both sides had exchanged keys, or it led through a proxy or jump host, which may have
said all of this: what a bastion refuses is not the host's."""

CLOSED = re.compile(r"^(Connection (closed|reset) by|Received disconnect from|Disconnected from) ", re.MULTILINE)
NOISE = re.compile(
    r"Warning: Permanently added |Pseudo-terminal will not be allocated|debug\d: |Authenticated to |\*\* |Transferred: "
    r"|Bytes per second|(-?[a-z]+: )?warning: setlocale: |BECOME-SUCCESS-|[\W_]*$"
)
"""Lines of OpenSSH and others that never tell anything."""

CHATTER = re.compile(
    r"(Shared )?[Cc]onnection (to .* )?closed\b|Disconnected from |Killed by signal|sudo: unable to resolve host "
)
"""Lines that are told where there is nothing better."""


@dataclass(frozen=True)
class Answer:
    """One round trip, as this side saw it. rc: the status; None when Ansible gave up before OpenSSH ended. said: what
    Ansible said when it gave up. become: the method; empty without one. let_in: OpenSSH was let in; None where nobody
    knows. waited: seconds after which Ansible gave up, else 0."""

    rc: int | None = None
    stdout: str = ""
    stderr: str = ""
    said: str = ""
    become: str = ""
    let_in: bool | None = None
    waited: int = 0

    def shows(self, mark: str) -> bool:
        """One of MARKS stands in a line of its own."""
        return mark in (line.strip() for line in self.stdout.splitlines())


FLOOD = re.compile(r"the host has printed more than \d+ bytes")
"""Of provider/capra/runs/ssh/bounded_ssh.py."""


@dataclass(frozen=True)
class Refusal:
    """reason: a word. message: the rest of a sentence about the host, with its most telling lines."""

    reason: str
    message: str


def refusal(answer: Answer) -> Refusal:
    """Why the program has not begun. Only for an answer in which it has not."""
    if flood := FLOOD.search(answer.stderr):
        words = f"a login script (such as ~/.bashrc) or the like prints without end: {flood[0]}"
        return Refusal("login_failed", words)
    begun = answer.shows(LOGIN) or answer.shows(SHELL)
    let_in = answer.let_in if answer.let_in is not None else begun or answer.rc not in (255, None)
    if not let_in and not answer.waited:
        return _not_let_in(answer)
    if answer.rc in (255, None) and LOST.search(answer.stderr):
        return Refusal("lost", f"the SSH session was lost before the host answered: {telling(answer)}")
    if answer.shows(EATEN):
        return Refusal("login_failed", _with("a login script (such as ~/.bashrc) reads standard input", answer))
    if not begun:
        return Refusal("login_failed", _no_shell(answer))
    if answer.become and not answer.shows(SHELL):
        late = f"{answer.become} has not answered within {answer.waited} s"
        return Refusal("become_refused", _with(late, answer) if answer.waited else telling(answer))
    return Refusal("host_error", _with(f"the host has not run the program (status {answer.rc})", answer))


def too_long(answer: Answer) -> Refusal | None:
    """Why a report that has begun has no end, where it is longer than this side reads."""
    flood = FLOOD.search(answer.stderr)
    return Refusal("host_error", f"the report of the run is too long: {flood[0]}") if flood else None


def _not_let_in(answer: Answer) -> Refusal:
    """OpenSSH ended before anybody was let in: all but a banner of the server is its own words."""
    if NO_SSH_SERVER.search(answer.stderr):
        return Refusal("unreachable", telling(answer))
    if HOST_KEY.search(answer.stderr):
        return Refusal("host_key", answer.stderr.strip()[-2000:])
    if WRONG_CREDENTIALS.search(answer.stderr):
        return Refusal("wrong_credentials", telling(answer))
    if CLOSED.search(answer.stderr) and (words := _lines(answer.stderr.splitlines())):
        return Refusal("login_failed", _short(words))
    return Refusal("unreachable", telling(answer))


def _no_shell(answer: Answer) -> str:
    if answer.waited:
        text = (
            f"the login shell has not begun the program within {answer.waited} s: see what login scripts (such as"
            " ~/.bashrc) wait for; none may read standard input"
        )
        return _with(text, answer)
    return _with(f"the login has ended with status {answer.rc} instead of running the program", answer)


def _with(text: str, answer: Answer) -> str:
    """The text, and the host's words where there are any."""
    words = _lines([*answer.stderr.splitlines(), *answer.stdout.splitlines()])
    return f"{text}: {_short(words)}" if words else text


def telling(answer: Answer) -> str:
    """The most telling lines of both streams; where only chatter was said, that."""
    said = [*answer.stderr.splitlines(), *answer.stdout.splitlines()]
    return _short(_lines(said) or _lines(said, chatter=True)) or answer.said or "no reason was given"


def _lines(lines: Iterable[str], *, chatter: bool = False) -> list[str]:
    """Without noise, marks and repetitions. chatter: with what tells little."""
    kept = (line.strip() for line in lines if not NOISE.match(line.strip()))
    return list(dict.fromkeys(line for line in kept if line not in MARKS and (chatter or not CHATTER.match(line))))


def _short(lines: list[str]) -> str:
    """The last ones: what ended a session stands at its end."""
    return "; ".join(lines[-LINES:])[-LENGTH:]
