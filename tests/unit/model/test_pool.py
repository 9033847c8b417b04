"""Why an entry of a pool is not handed out."""

from __future__ import annotations

from dataclasses import replace

from capra.model.machine import MachineSpec
from capra.model.pool import Holder, PoolEntry, Unreachable

FREE = PoolEntry("host-1", MachineSpec(address="192.0.2.1"))
SILENT = Unreachable(since=0.0, until=60.0, times=1, message="no route to host")


def test_a_free_entry_is_handed_out() -> None:
    assert FREE.blocked == FREE.unavailable == ""


def test_what_blocks_an_entry_is_told_the_gravest_first() -> None:
    entry = replace(FREE, problem="a", used_by="b", holder=Holder("c"), quarantined="d")
    assert entry.blocked == "is quarantined"
    assert replace(entry, quarantined="").blocked == "is reserved by c"
    assert replace(entry, quarantined="", holder=None).blocked == "has the address of RemoteMachine b"
    assert replace(entry, quarantined="", holder=None, used_by="").blocked == "a"


def test_a_host_that_does_not_answer_is_handed_out_where_there_is_no_other() -> None:
    entry = replace(FREE, unreachable=SILENT)
    assert entry.blocked == ""
    assert entry.unavailable == (
        "is Unreachable since 1970-01-01T00:00:00Z, and is not tried again before 1970-01-01T00:01:00Z: "
        "no route to host"
    )
