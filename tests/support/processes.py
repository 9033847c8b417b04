"""What processes do, by /proc."""

from __future__ import annotations

import os
from pathlib import Path


def stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the command name: state, parent, …; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def cpu_ticks(pid: int) -> int:
    """Processor time that a process and all below it have used, in clock ticks; with those that it has reaped."""
    fields = {int(name): stat_fields(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    below: dict[int, list[int]] = {}
    for one, stat in fields.items():
        if stat:
            below.setdefault(int(stat[1]), []).append(one)
    ticks, left = 0, [pid]
    while left:
        one = left.pop()
        ticks += sum(map(int, fields.get(one, [])[11:15]))
        left += below.get(one, [])
    return ticks
