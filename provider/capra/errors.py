"""Every error that Capra raises on purpose.

    CapraError
    ├── Retry            it may go well later: look again after `after` seconds
    └── Fatal            it cannot go well until somebody changes something
        └── InputError   what the user gave is wrong; names the object, the field and what would be right
            └── InputErrors   several of them

The controller's queue turns Retry and Fatal into the time at which it looks again; the terminal turns them into exit
codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


class CapraError(Exception):
    """The root. `str(error)` is one sentence for a person and holds no secret."""


class Retry(CapraError):
    """It may go well later. after: seconds to wait before looking again, 30 by default."""

    def __init__(self, message: str, after: float = 30.0) -> None:
        super().__init__(message)
        self.after = after


class Fatal(CapraError):
    """It cannot go well until somebody changes something. reason: a CamelCase word for a condition."""

    def __init__(self, message: str, reason: str = "Failed") -> None:
        super().__init__(message)
        self.reason = reason


class InputError(Fatal):
    """Bad input. subject: the object or file; field: the path inside it, empty when the whole is meant."""

    def __init__(self, problem: str, *, subject: str = "", field: str = "", reason: str = "InvalidInput") -> None:
        place = ": ".join(part for part in (subject, field) if part)
        super().__init__(f"{place}: {problem}" if place else problem, reason)
        self.problem = problem
        self.subject = subject
        self.field = field


class InputErrors(InputError):
    """Several inputs are wrong at once, so that a person can mend them all. errors: at least one, in order."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A message with what fields are called in the file that a person wrote. names: our words to theirs; of those that
    begin alike the longest counts."""
    if not names:
        return text
    # A word of ours is no part of a longer one; a phrase may begin with a comma.
    words = (
        ("(?<![\\w.])" if word[:1].isalnum() else "") + re.escape(word) for word in sorted(names, key=len, reverse=True)
    )
    return re.sub(rf"(?:{'|'.join(words)})(?!\w)", lambda match: names[match.group()], text)


def told(error: BaseException) -> str:
    """What an error says, or its class where it says nothing, as a TimeoutError does."""
    return str(error).strip() or type(error).__name__


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the operating system that names no file (as on a full disk) name this one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
