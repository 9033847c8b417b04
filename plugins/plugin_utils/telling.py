"""The line of a failed step's output that tells why it has failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

LENGTH = 300
"""Characters of a line that is told."""

LOOKED_AT = 1000
"""Characters of a line that are looked at."""

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_SHELL = re.compile(r"\S*/[0-9]+\.command: (?:line )?[0-9]+: ")
"""How a shell begins what it says of a command: with Capra's own file."""

_NOISE = re.compile(
    r"\++ "  # set -x
    r"|[\W_]*$"
    r"|[^\w]*[0-9.]+ ?%|.*[#=]{3}.*%|.*% ?\[[#=>. -]*\]?"  # bars of progress
    r"|[0-9.:kMGTB/s\s-]+$"  # curl's table
    r"|To see the stack trace of this error execute with --v="
    r"|\[preflight\] If you know what you are doing"
)
"""Lines that never tell anything."""

_GENERIC = re.compile(
    r"(?:\S+: )?(?:error: )?exit(?:ed)?(?: with)?(?: exit)? (?:status|code):? [0-9]+\.?$"
    r"|(?:error: )?process completed with exit code"
    r"|.*(?:command terminated|script returned|exited|returned a non-zero) (?:with )?(?:exit )?code"
    r"|make(?:\[[0-9]+\])?: (?:\*\*\* |Leaving directory)"
    r"|E: Some index files failed to download"
    r"|E: Sub-process \S+ returned an error code"
    r"|(?:done|failed|aborted|aborting|exiting|terminated|killed)[.!]*$",
    re.IGNORECASE,
)
"""What programs say at their end of any failure, where they have told the cause before."""

_ERROR = re.compile(
    r"^E: |\b(?:error|fatal|failed|failure|cannot|denied|invalid|unable|refused|exception|panic|timed out|expired)\b"
    r"|[a-z]Error\b|\bcan't\b|\bcould not\b|no such|not found|not permitted|no space|unknown|unrecognized|read-only"
    r"|already in use|not valid|must be|are you root",
    re.IGNORECASE,
)
_NO_ERROR = re.compile(r"\b(?:0|no|without) (?:errors?|failures?|failed)\b", re.IGNORECASE)
_REASON = re.compile(r"[a-z]+: failed: ")
"""How the line of a script of Capra's begins that says why it has failed."""


def telling_line(output: str, *, own: bool = False) -> str:
    """The last line that tells an error, else the last one that tells anything, else the last one; empty where there is
    none. own: the output is that of a script of Capra's own, which says why at its end, or after `PHASE: failed: `.
    Bounded, and without what a terminal takes for a command.
    """
    found = _lines(output)
    reasons = [line for line in found if own and _REASON.match(line)]
    told = [line for line in found if not _NOISE.match(line)]
    plain = [line for line in told if not _GENERIC.match(line)]
    errors = [line for line in plain if not own and _ERROR.search(line) and not _NO_ERROR.search(line)]
    line = _last(reasons) or _fullest(errors) or _last(plain) or _last(told) or _last(found)
    return line if len(line) <= LENGTH else f"{line[: LENGTH - 1]}…"


def one_line(what: str, output: str, status: str, *, own: bool = False) -> str:
    """A failure in one line: what has failed, why, and how it ended. status: `exit status 1`."""
    return f"{': '.join(part for part in (what, telling_line(output, own=own)) if part)} ({status})"


def with_tail(line: str, tail: str) -> str:
    """The line, and the end of the output below it, unless the line has told all of that."""
    lines = _lines(tail)
    return f"{line}\n{tail}" if len(lines) > 1 or any(one not in line for one in lines) else line


def _lines(output: str) -> list[str]:
    """Those with something in them, as they look in the end: a bar of progress overwrites its own line."""
    shown = (_last([part for part in line.split("\r") if part.strip()])[:LOOKED_AT] for line in output.split("\n"))
    cleaned = (_SHELL.sub("", _CONTROL.sub("", line).strip(), count=1) for line in shown)
    return [line for line in cleaned if line]


def _fullest(lines: Sequence[str]) -> str:
    """The last one, or one before it that begins with all of it and says more."""
    return next((line for line in reversed(lines[:-1]) if line.startswith(lines[-1])), _last(lines))


def _last(lines: Sequence[str]) -> str:
    return lines[-1] if lines else ""
