"""The shell programs that go to a host, put together from their files. Pure but for reading them."""

from __future__ import annotations

import functools
import re
from pathlib import Path

SHARED = ("processes", "records", "common", "claim", "ends")
SESSION = (*SHARED, "places", "dry_run", "host", "launch")
"""The session's half: reads the payload from standard input."""

LOOKS = ("services", "undo", "traces", "clear")
"""What a dry run needs besides, to say what of a Kubernetes distribution is on the host."""

DETACHED = (*SHARED, "places", "files", "appends", "services", "undo", "traces", "clear", "output", "program")
"""The detached half: carries the steps out."""


COMMENT = re.compile(r"^[ \t]*(#.*)?\n", re.MULTILINE)
"""Comments and empty lines are 40 % of the text, and some shells read their standard input by the byte."""


def text(names: tuple[str, ...]) -> str:
    """The files of one half, in order."""
    return COMMENT.sub("", "".join((Path(__file__).parent / f"{name}.sh").read_text() for name in names))


@functools.cache
def session(dry_run: bool = False) -> str:
    """The session's half, functions only: the payload's here-document calls `launch`."""
    return text((*SESSION, *LOOKS) if dry_run else SESSION)


@functools.cache
def detached() -> str:
    """The detached half, called as `sh FILE`, and the arguments of its function `program`."""
    return f'{text(DETACHED)}\nprogram "$@"\n'
