"""Who holds which entry of a pool. Pure, over what the cache knows.

The reservation is the entry's annotation `holder`, written by compare-and-swap. Everything else (status of the entry,
address of the machine) derives from it, and what the reference has left, or a move has lost, leads back to it.

What an object says counts in its own namespace only: whoever may write it there could say anything. Across namespaces
the host itself tells who uses it (docs/decisions/0024 and 0025).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from capra.kube.cache.known import By, Known
from capra.kube.client.resources import (
    CORE_GROUP,
    ENTRIES,
    MACHINES,
    POOL_COMMANDS,
    POOL_ENTRY,
    QUARANTINED,
    SECRETS,
    Raw,
    annotations_of,
    name_of,
    namespace_of,
)
from capra.kube.objects import places, record
from capra.kube.objects.fields import pool_of
from capra.kube.objects.pool_entries import holder_of, to_pool_entry
from capra.kube.objects.probes.entry_status import load_probe
from capra.kube.objects.probes.offers import to_offer
from capra.model.machine import ADOPT_ANNOTATION, DELETE_FOR_MOVE_ANNOTATION, PAUSED_ANNOTATION, PREFIX
from capra.model.observation import Phase
from capra.model.pool import PoolEntry

OTHERS_DOMAINS = (f"{CORE_GROUP}/", f"clusterctl.{CORE_GROUP}/", "kubectl.kubernetes.io/", PREFIX, "k0smotron.io/")
"""Labels and annotations of these domains say something about one object: they are not passed on to another."""


def held_by(cache: Known, machine: Raw) -> list[Raw]:
    """The entries that the machine holds, or has a claim to; the one that it uses first."""
    spec = machine.get("spec") or {}
    place = places.place(spec)
    wanted = annotations_of(machine).get(POOL_ENTRY, "")
    found = [entry for entry in _with_a_word_for(cache, machine) if _has_claim(machine, entry)]
    return sorted(
        found, key=lambda entry: (name_of(entry) != wanted, places.entry_place(entry) != place, name_of(entry))
    )


def _with_a_word_for(cache: Known, machine: Raw) -> list[Raw]:
    """The entries that name the machine, are named by it, or have its host; by name."""
    namespace, place = namespace_of(machine), _its_place(machine)
    noted = cache.get(ENTRIES, namespace, annotations_of(machine).get(POOL_ENTRY, ""))
    found = [
        *cache.by(ENTRIES, namespace, By.HOLDER_UID, machine["metadata"].get("uid", "")),
        *cache.by(ENTRIES, namespace, By.HOLDER_NAME, name_of(machine)),
        *(cache.by(ENTRIES, namespace, By.PLACE, place) if place[0] else ()),
        *([noted] if noted is not None else ()),
    ]
    return [entry for _, entry in sorted({name_of(entry): entry for entry in found}.items())]


def _has_claim(machine: Raw, entry: Raw) -> bool:
    holder = holder_of(entry)
    uid = machine["metadata"].get("uid", "")
    if holder is not None and holder.uid == uid:
        return True
    spec = machine.get("spec") or {}
    if holder is None:
        # What lost its reservation, or never had one: the machine was given this entry's address.
        of_pool = bool(spec.get("pool")) and spec.get("pool") == pool_of(entry)
        if not (of_pool and spec.get("address") and places.entry_place(entry) == places.place(spec)):
            return False
        phase = record.load_record(machine).phase  # last, since this is asked of every machine and every entry
        begins = phase is Phase.NEW and not spec.get("providerID")
        return not (begins and QUARANTINED in annotations_of(entry)) and phase is not Phase.CLEAN
    if holder.name != name_of(machine):
        return False
    if not holder.uid:
        return spec.get("pool") == pool_of(entry)
    # The same name with another UID: the object has moved here with its annotations, or it is another one.
    return annotations_of(machine).get(POOL_ENTRY, "") == name_of(entry)


def related(cache: Known, machine: Raw) -> list[Raw]:
    """The entries whose state this machine may have a say in."""
    return _with_a_word_for(cache, machine)


def claimant(cache: Known, entry: Raw) -> Raw | None:
    """The RemoteMachine that holds the entry, or has a claim to it."""
    holder = holder_of(entry)
    namespace = namespace_of(entry)
    if holder is not None:
        named = cache.get(MACHINES, namespace, holder.name)
        return named if named is not None and _has_claim(named, entry) else None
    here = cache.by(MACHINES, namespace, By.PLACE, places.entry_place(entry))
    return next((machine for machine in here if _has_claim(machine, entry)), None)


def is_surplus(cache: Known, entry: Raw) -> bool:
    """Its holder has never used it: it was given another entry meanwhile, by a second controller."""
    machine = claimant(cache, entry)
    if machine is None:
        return False
    holder, place = holder_of(entry), _its_place(machine)
    used, *_ = held_by(cache, machine)
    return (
        holder is not None
        and holder.uid == machine["metadata"].get("uid", "")
        and bool(place[0])
        and places.entry_place(entry) != place
        and places.entry_place(used) == place
        and annotations_of(machine).get(POOL_ENTRY) == name_of(used)
    )


def at_host_of(cache: Known, *given: Raw) -> tuple[list[Raw], list[Raw]]:
    """The machines, and the other entries, that have the address and the port of any of these entries, which are of one
    namespace, like all that is found."""
    namespace = namespace_of(given[0])
    hosts = {host for entry in given if (host := places.entry_place(entry))[0]}
    uids = {entry["metadata"].get("uid") for entry in given}
    machines = [one for host in hosts for one in cache.by(MACHINES, namespace, By.PLACE, host)]
    entries = [one for host in hosts for one in cache.by(ENTRIES, namespace, By.PLACE, host)]
    return machines, [one for one in entries if one["metadata"].get("uid") not in uids]


def at_host(cache: Known, machine: Raw) -> list[Raw]:
    """The other machines of its namespace that have the machine's address and port."""
    place, uid = _its_place(machine), machine["metadata"].get("uid")
    here = cache.by(MACHINES, namespace_of(machine), By.PLACE, place) if place[0] else ()
    return [one for one in here if one["metadata"].get("uid") != uid]


def candidates(
    cache: Known, machine: Raw, *, watch_filter: tuple[str, str] | None = None, most: int | None = None
) -> tuple[PoolEntry, ...]:
    """The entries of the machine's pool, by name, each with what speaks against it. most: the limit, where not all
    are needed. One that somebody is about to take looks free: a machine that decides on it looks again in a moment,
    and learns who has it."""
    raws = cache.by(ENTRIES, namespace_of(machine), By.POOL, pool_of(machine))
    return tuple(with_obstacles(cache, raw, machine, watch_filter) for raw in islice(raws, most))


def with_obstacles(
    cache: Known, raw: Raw, machine: Raw | None, watch_filter: tuple[str, str] | None = None
) -> PoolEntry:
    """An entry with what speaks against handing it out (to this machine)."""
    entry = replace(to_pool_entry(raw), offer=to_offer(raw, facts=cache.probes))
    password = entry.spec.become_secret
    missing = [key for key in entry.spec.key_names if cache.get(SECRETS.kind, namespace_of(raw), key) is None]
    if watch_filter is not None and entry.labels.get(watch_filter[0]) != watch_filter[1]:
        entry = replace(entry, problem=f"lacks the label {watch_filter[0]}={watch_filter[1]}")
    elif PAUSED_ANNOTATION in entry.annotations:
        entry = replace(entry, problem="is paused")
    elif DELETE_FOR_MOVE_ANNOTATION in entry.annotations:
        entry = replace(entry, problem="has moved to another management cluster")
    elif raw["metadata"].get("deletionTimestamp"):
        entry = replace(entry, problem="is being deleted")
    elif not entry.problem and missing:
        entry = replace(entry, problem=f"lacks its key: there is no Secret {missing[0]}")
    elif not entry.problem and password and cache.get(SECRETS.kind, namespace_of(raw), password) is None:
        entry = replace(entry, problem=f"lacks the password for root: there is no Secret {password}")
    if entry.holder is None:
        namespace, place = namespace_of(raw), places.entry_place(raw)
        entry = replace(entry, used_by=_first(_using(cache, raw, place), machine))
        other = _first(cache.by(ENTRIES, namespace, By.QUARANTINE, place), raw)
        if other and not entry.problem:
            entry = replace(entry, problem=f"has the address of PooledRemoteMachine {other}, which is in quarantine")
    return replace(entry, probe=load_probe(raw)) if cache.probes and not entry.barred else entry


def _using(cache: Known, entry: Raw, place: places.Place) -> Iterator[Raw]:
    """The machines that use the host of a free entry, or have a claim to the entry itself, whose note of that was
    lost."""
    yield from cache.by(MACHINES, namespace_of(entry), By.USER, place)
    yield from (one for one in cache.by(MACHINES, namespace_of(entry), By.PLACE, place) if _has_claim(one, entry))


def in_quarantine(cache: Known, machine: Raw) -> str:
    """The entry of a pool, `namespace/name`, in whose quarantine the machine's host is; empty when it is not."""
    place = _its_place(machine)
    return _first(cache.by(ENTRIES, namespace_of(machine), By.QUARANTINE, place), None)


def other_user(cache: Known, machine: Raw) -> str:
    """Another RemoteMachine that has begun to use the machine's host; empty when there is none."""
    place = _its_place(machine)
    return _first(cache.by(MACHINES, namespace_of(machine), By.USER, place), machine)


def _first(found: Iterable[Raw], but: Raw | None) -> str:
    """The first one that is not this one, `namespace/name`."""
    uid = but["metadata"].get("uid") if but is not None else ""
    raw = next((one for one in found if one["metadata"].get("uid") != uid), None)
    return f"{namespace_of(raw)}/{name_of(raw)}" if raw is not None else ""


def newest_commands(machine: Raw, own: tuple[str, ...], from_entry: tuple[str, ...]) -> tuple[str, ...]:
    """The cleanup commands that count: the entry's when they were changed after the machine had copied them."""
    copied = annotations_of(machine).get(POOL_COMMANDS)
    if copied is None:
        return from_entry or own
    return from_entry if commands_digest(from_entry) != copied else own


def commands_digest(commands: tuple[str, ...]) -> str:
    """What tells one list of commands from another."""
    return hashlib.sha256(json.dumps(commands).encode()).hexdigest()[:16]


def passed_on(values: Mapping[str, str]) -> dict[str, str]:
    """The labels or annotations of an entry that its machines get: what it says of its host's past, too, since a
    machine may outlive its entry."""
    return {
        key: value for key, value in values.items() if key == ADOPT_ANNOTATION or not key.startswith(OTHERS_DOMAINS)
    }


def lacking(values: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """The values whose names are not there yet: what an object says itself counts."""
    return {name: value for name, value in values.items() if name not in present}


def _its_place(machine: Raw) -> places.Place:
    return places.place(machine.get("spec") or {})
