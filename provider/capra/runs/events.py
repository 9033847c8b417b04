"""ansible-runner's events, as far as they tell how a run went. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from capra.model.run import Progress, TaskEvent
from capra.runs.redaction.redact import Redactor

RESULTS = frozenset({"runner_on_ok", "runner_on_failed", "runner_on_unreachable"})
STATS = "playbook_on_stats"
PROGRESS_PREFIX = "capra-progress "
"""The action plugin's (plugins/plugin_utils/progress.py)."""

STATS_FIELDS = ("ok", "changed", "dark", "failures", "skipped", "rescued", "ignored")


def task_event(event: Mapping[str, Any], redactor: Redactor) -> TaskEvent | None:
    """The result of a task, redacted; None for any other event, and for a failure that the playbook itself ignores."""
    data = event.get("event_data") or {}
    if event.get("event") not in RESULTS or data.get("ignore_errors"):
        return None
    # The name of a task may have variables in it, too.
    name = redactor.text(str(data.get("task", "")))
    return TaskEvent(str(event["event"]), name, redactor.data(data.get("res") or {}))


def contacts(event: Mapping[str, Any], *, any_task: bool = False) -> bool:
    """A task begins that contacts the host. What comes before it is done on this side alone. any_task: as each one of a
    user's playbook may."""
    action = str((event.get("event_data") or {}).get("task_action", ""))
    return event.get("event") == "runner_on_start" and (any_task or action.startswith("capra.machine."))


def stats(event: Mapping[str, Any], host: str) -> dict[str, int] | None:
    """Ansible's recap for the host; None for any other event."""
    if event.get("event") != STATS:
        return None
    data = event.get("event_data") or {}
    return {name: int((data.get(name) or {}).get(host, 0)) for name in STATS_FIELDS}


def progress(event: Mapping[str, Any]) -> Progress | None:
    """A change of a step, which the action plugin tells as a line of output, not redacted; None for any other event."""
    text = str(event.get("stdout") or "").strip()
    if not text.startswith(PROGRESS_PREFIX):
        return None
    try:
        values = json.loads(text.removeprefix(PROGRESS_PREFIX))
        names = ("step", "count", "title", "state", "seconds", "output")
        return Progress(*(values[name] for name in names))
    except (ValueError, KeyError):
        return None
