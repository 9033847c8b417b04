"""A finding of a check, for a person. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. `unknown`: it could not be looked at, and the message says why."""

    ERROR = "error"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OK = "ok"


@dataclass(frozen=True)
class Finding:
    """One finding. name: what was looked at. value: what it is. message: what that means. advice: what to do; empty
    where all is well."""

    name: str
    level: Level
    value: str = ""
    message: str = ""
    advice: str = ""
