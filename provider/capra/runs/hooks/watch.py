"""What the events of a user's playbook prove. Pure.

OpenSSH's evidence (`capra.runs.evidence`) is of the connections that Ansible makes with it. A playbook may have others:
a local task that calls ssh, another connection plugin. So it proves something of the very first task only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.runs.events import STATS, STATS_FIELDS


class HookWatch:
    """Is shown each event of ansible-runner."""

    def __init__(self) -> None:
        self._begun = self._unreachable = 0

    def see(self, event: Mapping[str, Any]) -> None:
        """One event."""
        self._begun += event.get("event") == "runner_on_start"
        self._unreachable += event.get("event") == "runner_on_unreachable"

    @property
    def may_have_sent(self) -> bool:
        """More than a first task that did not reach its host has begun."""
        return self._begun > 0 and (self._begun, self._unreachable) != (1, 1)


def total_stats(event: Mapping[str, Any]) -> dict[str, int] | None:
    """Ansible's recap for all hosts together: a hook may have plays for localhost. None for any other event."""
    if event.get("event") != STATS:
        return None
    data = event.get("event_data") or {}
    return {name: sum(map(int, (data.get(name) or {}).values())) for name in STATS_FIELDS}
