"""Why a step has not ended, or has failed without a word, for people."""

from __future__ import annotations

CUT_REASONS = {
    "reboot": "was cut off by a reboot of the host",
    "lost": "was cut off: the program on the host was killed, or had no room for its notes",
    "cancelled": "was cancelled",
    "timeout": "was ended: the run's time limit was over",
}

REBOOTS = 2
"""How often a reboot may cut one step off: the program on the host does not run it a third time (run_steps)."""

REBOOTS_THE_HOST = (
    f"reboots the host: a reboot has cut it off {REBOOTS} times, and it is not run again. A step that reboots has to"
    " end before the reboot begins: write `shutdown -r +1`, as the last one. If something else has rebooted the host,"
    " have all steps run again (restart)"
)
REMOVED = (
    "the state directory of the host, or a part of it, was removed while the run was under way, and with that what was"
    " known of the steps: no step may do so. A cleanup removes it at its end"
)
NO_ROOM = "the host has no room left in the file system of its state directory (see `df` and `df -i`)"
KILLED_WITH_IT = (
    "Each time it was killed together with the program on the host, or that had no room for its notes, and it is run"
    " again: see whether the step kills processes that it has not started (`kill -9 -1`, `pkill sh`), and whether the"
    " host runs out of memory"
)
