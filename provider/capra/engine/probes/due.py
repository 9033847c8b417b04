"""When a host is probed again. Pure."""

from __future__ import annotations

import zlib

JITTER = 0.1
"""The share of an interval by which a probe may come earlier, so that a thousand do not come together."""


def next_probe(last: float, now: float, interval: float, uid: str) -> float:
    """When the next probe is due, in seconds since the epoch. last: when the last one was, 0 for none that counts.
    interval: seconds, never more between two probes. uid: of the entry, which chance is made of: the same for each
    look at it, and another one for each probe."""
    if not 0 < last <= now:  # a time that is still to come is another clock's
        return now
    chance = zlib.crc32(f"{uid} {last:.0f}".encode()) / 2**32
    return last + interval * (1 - JITTER * chance)
