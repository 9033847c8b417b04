"""The status of an object as a merge patch that changes something, or none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def moment(text: object) -> float:
    """Seconds since the epoch of a time as the API has it; 0 for anything else."""
    try:
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else 0.0
    except ValueError:
        return 0.0


def changes(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `wanted` with which a merge patch would change something; empty if it would change nothing."""
    return {name: value for name, value in wanted.items() if not _is(current.get(name), value)}


def _is(current: Any, wanted: Any) -> bool:
    """The merge patch `wanted` would change nothing."""
    if isinstance(wanted, Mapping):
        return isinstance(current, Mapping) and all(_is(current.get(name), value) for name, value in wanted.items())
    return bool(current == wanted)
