"""The store in memory keeps to what the port promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from capra.engine.decisions import GiveBack, Release
from capra.errors import InputError, Retry
from capra.model.machine import MachineKey, MachineSpec
from capra.model.observation import Record
from capra.model.pool import Holder, PoolEntry
from capra.testing.clock import FakeClock
from capra.testing.store import MemoryStore
from tests.unit.engine.examples import KEY, READY

ENTRY = PoolEntry("host-1", MachineSpec(address="192.0.2.9"))
POOLED = replace(READY, pool=(ENTRY,))


def test_what_was_saved_is_loaded_with_the_time_of_the_clock() -> None:
    clock = FakeClock(5.0)
    store = MemoryStore([READY], clock)
    record = Record(host_name="node")
    asyncio.run(store.save(READY, record))
    loaded = asyncio.run(store.load(KEY))
    assert (loaded.record, loaded.now) == (record, 5.0)
    assert store.saved == [(KEY, record)]


def test_a_machine_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no such machine"):
        asyncio.run(MemoryStore().load(MachineKey("default", "gone")))


def test_another_writer_may_be_faster() -> None:
    store = MemoryStore([POOLED])
    store.conflicts = 2
    for _ in range(2):
        with pytest.raises(Retry):
            asyncio.run(store.reserve(POOLED, "host-1"))
    asyncio.run(store.reserve(POOLED, "host-1"))
    loaded = asyncio.run(store.load(KEY))
    assert loaded.pool[0].holder == Holder(KEY.name, POOLED.machine.uid)
    assert loaded.machine.spec.address == "192.0.2.9"


def test_an_entry_that_another_machine_holds_is_not_taken() -> None:
    held = replace(READY, pool=(replace(ENTRY, holder=Holder("other", "uid-2")),))
    with pytest.raises(Retry, match="reserved by another machine"):
        asyncio.run(MemoryStore([held]).reserve(held, "host-1"))


def test_an_entry_that_was_given_back_leaves_the_machine_as_it_was_without_one() -> None:
    store = MemoryStore([POOLED])
    asyncio.run(store.reserve(POOLED, "host-1"))
    asyncio.run(store.give_back(POOLED, GiveBack("host-1", "no answer")))
    loaded = asyncio.run(store.load(KEY))
    assert (loaded.entry, loaded.machine.spec.address, loaded.record) == (None, "", Record())


def test_releases_are_noted_in_order() -> None:
    store = MemoryStore([READY])
    releases = [Release("clean"), Release("given up", dirty=True)]
    for release in releases:
        asyncio.run(store.release(READY, release))
    assert store.released == [(KEY, release) for release in releases]
