"""Who holds which entry of a pool. Pure, over what the cache knows.

The reservation is the entry's annotation `holder`, written by compare-and-swap. Everything else (status of the entry,
address of the machine) derives from it, and what the reference has left, or a move has lost, leads back to it.

What an object says counts in its own namespace only: whoever may write it there could say anything. Across namespaces
the host itself tells who uses it (docs/decisions/0024 and 0025).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from capra.kube import objects, record
from capra.kube.cache import Cache
from capra.kube.resources import (
    CORE_GROUP,
    POOL_COMMANDS,
    POOL_ENTRY,
    QUARANTINED,
    SECRETS,
    Raw,
    annotations_of,
    name_of,
    namespace_of,
)
from capra.model.checks import same_address
from capra.model.machine import DELETE_FOR_MOVE_ANNOTATION, PAUSED_ANNOTATION, PREFIX
from capra.model.observation import Phase
from capra.model.pool import PoolEntry

Place = tuple[str, int]
"""Address, in one form, and port."""

MACHINES = "RemoteMachine"
ENTRIES = "PooledRemoteMachine"
OTHERS_DOMAINS = (f"{CORE_GROUP}/", f"clusterctl.{CORE_GROUP}/", "kubectl.kubernetes.io/", PREFIX, "k0smotron.io/")
"""Labels and annotations of these domains say something about one object: they are not passed on to another."""


def held_by(cache: Cache, machine: Raw) -> list[Raw]:
    """The entries that the machine holds, or has a claim to; the one that it uses first."""
    spec = machine.get("spec") or {}
    place = _place(spec)
    wanted = annotations_of(machine).get(POOL_ENTRY, "")
    found = [entry for entry in cache.all(ENTRIES, namespace_of(machine)) if _has_claim(machine, entry)]
    return sorted(found, key=lambda entry: (name_of(entry) != wanted, _entry_place(entry) != place, name_of(entry)))


def _has_claim(machine: Raw, entry: Raw) -> bool:
    holder = objects.holder(entry)
    uid = machine["metadata"].get("uid", "")
    if holder is not None and holder.uid == uid:
        return True
    spec = machine.get("spec") or {}
    if holder is None:
        # What lost its reservation, or never had one: the machine was given this entry's address.
        of_pool = bool(spec.get("pool")) and spec.get("pool") == objects.pool_of(entry)
        if not (of_pool and spec.get("address") and _entry_place(entry) == _place(spec)):
            return False
        phase = record.load(machine).phase  # last, since this is asked of every machine and every entry
        begins = phase is Phase.NEW and not spec.get("providerID")
        return not (begins and QUARANTINED in annotations_of(entry)) and phase is not Phase.CLEAN
    if holder.name != name_of(machine):
        return False
    if not holder.uid:
        return spec.get("pool") == objects.pool_of(entry)
    # The same name with another UID: the object has moved here with its annotations, or it is another one.
    return annotations_of(machine).get(POOL_ENTRY, "") == name_of(entry)


def related(cache: Cache, machine: Raw) -> list[Raw]:
    """The entries whose state this machine may have a say in."""
    uid, wanted = machine["metadata"].get("uid", ""), annotations_of(machine).get(POOL_ENTRY, "")
    found = []
    for entry in cache.all(ENTRIES, namespace_of(machine)):
        holder = objects.holder(entry)
        held = holder is not None and (holder.uid == uid or holder.name == name_of(machine))
        if held or name_of(entry) == wanted or _entry_place(entry) == _place(machine.get("spec") or {}):
            found.append(entry)
    return found


def claimant(cache: Cache, entry: Raw) -> Raw | None:
    """The RemoteMachine that holds the entry, or has a claim to it."""
    holder = objects.holder(entry)
    names = [holder.name] if holder is not None else [name_of(raw) for raw in cache.all(MACHINES, namespace_of(entry))]
    for name in names:
        machine = cache.get(MACHINES, namespace_of(entry), name)
        if machine is not None and _has_claim(machine, entry):
            return machine
    return None


def is_surplus(cache: Cache, entry: Raw) -> bool:
    """Its holder has never used it: it was given another entry meanwhile, by a second controller."""
    machine = claimant(cache, entry)
    if machine is None:
        return False
    holder, place = objects.holder(entry), _place(machine.get("spec") or {})
    used, *_ = held_by(cache, machine)
    return (
        holder is not None
        and holder.uid == machine["metadata"].get("uid", "")
        and bool(place[0])
        and _entry_place(entry) != place
        and _entry_place(used) == place
        and annotations_of(machine).get(POOL_ENTRY) == name_of(used)
    )


def at_host_of(cache: Cache, *given: Raw) -> tuple[list[Raw], list[Raw]]:
    """The machines, and the other entries, that have the address and the port of any of these entries, which are of one
    namespace, like all that is found."""
    namespace = namespace_of(given[0])
    places = {place for entry in given if (place := _entry_place(entry))[0]}
    uids = {entry["metadata"].get("uid") for entry in given}
    machines = [one for one in cache.all(MACHINES, namespace) if _place(one.get("spec") or {}) in places]
    entries = [one for one in cache.all(ENTRIES, namespace) if _entry_place(one) in places]
    return machines, [one for one in entries if one["metadata"].get("uid") not in uids]


def same_host(one: Raw, other: Raw) -> bool:
    """Both machines have the same address and port."""
    place = _place(one.get("spec") or {})
    return bool(place[0]) and place == _place(other.get("spec") or {})


def candidates(cache: Cache, machine: Raw, *, watch_filter: tuple[str, str] | None = None) -> tuple[PoolEntry, ...]:
    """The entries of the machine's pool, by name, each with what speaks against it."""
    wanted, claims = (machine.get("spec") or {}).get("pool"), Claims(cache, namespace_of(machine))
    entries = (raw for raw in cache.all(ENTRIES, namespace_of(machine)) if objects.pool_of(raw) == wanted)
    return tuple(with_troubles(cache, raw, machine, watch_filter, claims) for raw in entries)


def with_troubles(
    cache: Cache,
    raw: Raw,
    machine: Raw | None,
    watch_filter: tuple[str, str] | None = None,
    claims: Claims | None = None,
) -> PoolEntry:
    """An entry with what speaks against handing it out (to this machine). claims: of its namespace, for whoever asks
    about many entries at once."""
    entry = objects.entry(raw)
    key = entry.spec.ssh_key_name
    if watch_filter is not None and entry.labels.get(watch_filter[0]) != watch_filter[1]:
        entry = replace(entry, problem=f"lacks the label {watch_filter[0]}={watch_filter[1]}")
    elif PAUSED_ANNOTATION in entry.annotations:
        entry = replace(entry, problem="is paused")
    elif DELETE_FOR_MOVE_ANNOTATION in entry.annotations:
        entry = replace(entry, problem="has moved to another management cluster")
    elif raw["metadata"].get("deletionTimestamp"):
        entry = replace(entry, problem="is being deleted")
    elif not entry.problem and cache.get(SECRETS.kind, namespace_of(raw), key) is None:
        entry = replace(entry, problem=f"lacks its key: there is no Secret {key}")
    if entry.holder is None:
        place, claims = _entry_place(raw), claims or Claims(cache, namespace_of(raw))
        entry = replace(entry, used_by=claims.user_of(place, machine))
        other = claims.quarantined_at(place, raw)
        if other and not entry.problem:
            entry = replace(entry, problem=f"has the address of PooledRemoteMachine {other}, which is in quarantine")
    return entry


def in_quarantine(cache: Cache, machine: Raw) -> str:
    """The entry of a pool, `namespace/name`, in whose quarantine the machine's host is; empty when it is not."""
    return Claims(cache, namespace_of(machine)).quarantined_at(_place(machine.get("spec") or {}))


def other_user(cache: Cache, machine: Raw) -> str:
    """Another RemoteMachine that has begun to use the machine's host; empty when there is none."""
    return Claims(cache, namespace_of(machine)).user_of(_place(machine.get("spec") or {}), machine)


class Claims:
    """Who says what about the hosts of a namespace, by address and port."""

    def __init__(self, cache: Cache, namespace: str) -> None:
        self._machines: dict[Place, list[Raw]] = defaultdict(list)
        self._quarantined: dict[Place, list[Raw]] = defaultdict(list)
        for raw in cache.all(MACHINES, namespace):
            self._machines[_place(raw.get("spec") or {})].append(raw)
        for raw in cache.all(ENTRIES, namespace):
            if QUARANTINED in annotations_of(raw):
                self._quarantined[_entry_place(raw)].append(raw)

    def user_of(self, place: Place, but: Raw | None) -> str:
        """The RemoteMachine that uses a host, `namespace/name`."""
        return _first(raw for raw in _others(self._machines, place, but) if _uses(raw))

    def quarantined_at(self, place: Place, but: Raw | None = None) -> str:
        """The entry in quarantine that has the host, `namespace/name`."""
        return _first(_others(self._quarantined, place, but))


def _others(known: Mapping[Place, list[Raw]], place: Place, but: Raw | None) -> Iterator[Raw]:
    uid = but["metadata"].get("uid") if but is not None else ""
    if place[0]:
        yield from (raw for raw in known.get(place, ()) if raw["metadata"].get("uid") != uid)


def _first(found: Iterator[Raw]) -> str:
    raw = next(found, None)
    return f"{namespace_of(raw)}/{name_of(raw)}" if raw is not None else ""


def _uses(machine: Raw) -> bool:
    phase = record.load(machine).phase
    return phase not in {Phase.NEW, Phase.CLEAN} or (phase is Phase.NEW and bool(machine["spec"].get("providerID")))


def newest_commands(machine: Raw, own: tuple[str, ...], entrys: tuple[str, ...]) -> tuple[str, ...]:
    """The cleanup commands that count: the entry's when they were changed after the machine had copied them."""
    copied = annotations_of(machine).get(POOL_COMMANDS)
    if copied is None:
        return entrys or own
    return entrys if commands_digest(entrys) != copied else own


def commands_digest(commands: tuple[str, ...]) -> str:
    """What tells one list of commands from another."""
    return hashlib.sha256(json.dumps(commands).encode()).hexdigest()[:16]


def passed_on(values: Mapping[str, str]) -> dict[str, str]:
    """The labels or annotations of an entry that its machines get."""
    return {key: value for key, value in values.items() if not key.startswith(OTHERS_DOMAINS)}


def lacking(values: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """The values whose names are not there yet: what an object says itself counts."""
    return {name: value for name, value in values.items() if name not in present}


def _entry_place(entry: Raw) -> Place:
    return _place((entry.get("spec") or {}).get("machine") or {})


def _place(spec: Mapping[str, object]) -> Place:
    address, port = spec.get("address"), spec.get("port")
    text = same_address(address) if isinstance(address, str) and address else ""
    return text, port if isinstance(port, int) else 22
