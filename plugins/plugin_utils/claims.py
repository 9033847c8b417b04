"""Who uses a host, as the host has noted it. Pure. What it says is data: bounded, and shown only where it is plain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

LONGEST = 1024
"""Characters of an encoded field."""

_ESCAPE = re.compile(r"\\0([0-7]{3})")
_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,252}(/[A-Za-z0-9][A-Za-z0-9._@-]{0,252})?")
_SINCE = re.compile(r"[1-9][0-9]{0,10}")
NONE = "-"
UNKNOWN = "unknown"
ANNOTATION = "capra.infrastructure.cluster.x-k8s.io/take-over-host"


@dataclass(frozen=True)
class Claimant:
    """A machine that uses a host. uid, name (namespace/name): empty where they are not told, or not plain. since:
    seconds since the epoch, 0 where that is not told."""

    uid: str = ""
    name: str = ""
    since: int = 0

    def __str__(self) -> str:
        shown = self.name or "a machine without a name"
        if self.uid:
            shown += f" (UID {self.uid})"
        if self.since:
            shown += f" since {datetime.fromtimestamp(self.since, UTC):%Y-%m-%dT%H:%M:%SZ}"
        return shown


def claimant(words: Sequence[str]) -> Claimant:
    """The words of the report's line: UID, name, since. What is not as it should be is left out."""
    uid, name, since = (*words, "", "", "")[:3]
    return Claimant(_plain(uid, _UID), _plain(name, _NAME), int(since) if _SINCE.fullmatch(since) else 0)


def noted(line: str) -> Claimant | None:
    """The line of the host's own note (claim.sh); None where there is none. One that cannot be read is somebody's."""
    match line.split():
        case []:
            return None
        case ["claim", "1", *words]:
            return claimant(words)
    return Claimant()


def _plain(word: str, pattern: re.Pattern[str]) -> str:
    if len(word) > LONGEST or word == NONE:
        return ""
    text = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), word)
    return text if pattern.fullmatch(text) else ""


def refusal(found: Claimant) -> str:
    """The sentence for whoever is refused."""
    value = found.uid or found.name or UNKNOWN
    return (
        f"the host is used by {found}; nothing was run. Clean it there first, or take it over by naming that machine:"
        f" {value} (annotation {ANNOTATION}, --take-over, or the role's variable)"
    )
