"""What a person sees of a cluster's machines and pools: a line for each, failures first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from capra.engine.hooks.report import PLAYBOOK
from capra.engine.told.report import BOOTSTRAP, CLEANED, REACHABLE, READY
from capra.kube.client.resources import POOL_ENTRY, Raw, annotations_of, name_of, namespace_of
from capra.kube.objects.fields import pool_of, text_of
from capra.model.host_port import join_host_port
from capra.model.pool import EntryState

FAILURES = (REACHABLE, CLEANED, PLAYBOOK)
"""Conditions of a machine that mean a failure when they are False, whatever its phase."""

PORT = 22
FAILED, WAITING, WELL = range(3)
"""The ranks by which lines are put in order."""

ENTRY_RANKS = {
    EntryState.QUARANTINED.value: FAILED,
    EntryState.UNAVAILABLE.value: FAILED,
    EntryState.CLEANING.value: WAITING,
}


@dataclass(frozen=True)
class MachineLine:
    """A RemoteMachine. host: address and port, empty while it has none. entry: of a pool. ready: True, False, Unknown,
    or empty where nobody has told. reason: why it is not ready."""

    namespace: str
    name: str
    phase: str
    ready: str
    reason: str
    host: str
    entry: str
    message: str
    rank: int


@dataclass(frozen=True)
class EntryLine:
    """A PooledRemoteMachine. machine: the RemoteMachine that holds it."""

    namespace: str
    name: str
    pool: str
    state: str
    host: str
    machine: str
    message: str
    rank: int


@dataclass(frozen=True)
class PoolLines:
    """The entries of one pool, failures first."""

    namespace: str
    name: str
    entries: tuple[EntryLine, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many entries are in each state, in the order of the entries."""
        states = [entry.state for entry in self.entries]
        return {state: states.count(state) for state in dict.fromkeys(states)}


def machine_lines(raws: Iterable[Raw]) -> list[MachineLine]:
    """RemoteMachines: those that have failed, those that are not ready, the others; each by namespace and name."""
    return sorted(map(_machine, raws), key=lambda line: (line.rank, line.namespace, line.name))


def pool_lines(raws: Iterable[Raw]) -> list[PoolLines]:
    """PooledRemoteMachines by pool; pools with a failure first."""
    lines = sorted(map(_entry, raws), key=lambda line: (line.namespace, line.pool, line.rank, line.name))
    groups = groupby(lines, key=lambda line: (line.namespace, line.pool))
    pools = [PoolLines(namespace, name, tuple(entries)) for (namespace, name), entries in groups]
    return sorted(pools, key=lambda pool: (pool.entries[0].rank > FAILED, pool.namespace, pool.name))


def _machine(raw: Raw) -> MachineLine:
    status = raw.get("status") or {}
    conditions = {str(one.get("type")): one for one in status.get("conditions") or () if isinstance(one, dict)}
    ready = conditions.get(READY, {})
    told, phase = text_of(ready, "status"), text_of(status, "phase")
    failed = phase == "Failed" or any(conditions.get(one, {}).get("status") == "False" for one in FAILURES)
    is_ready = told == "True"
    return MachineLine(
        namespace=namespace_of(raw),
        name=name_of(raw),
        phase=phase,
        ready=told,
        reason="" if is_ready else text_of(ready, "reason"),
        host=_host(raw.get("spec") or {}),
        entry=annotations_of(raw).get(POOL_ENTRY, ""),
        message=text_of(_telling(conditions) if is_ready else ready, "message"),
        rank=FAILED if failed else WELL if is_ready else WAITING,
    )


def _telling(conditions: Mapping[str, Raw]) -> Raw:
    """Of a machine that is ready: a playbook that failed, else what there is to know of its bootstrap."""
    playbook = conditions.get(PLAYBOOK, {})
    return playbook if playbook.get("status") == "False" else conditions.get(BOOTSTRAP, {})


def _entry(raw: Raw) -> EntryLine:
    status = raw.get("status") or {}
    state = text_of(status, "state")
    return EntryLine(
        namespace=namespace_of(raw),
        name=name_of(raw),
        pool=pool_of(raw),
        state=state,
        host=_host((raw.get("spec") or {}).get("machine") or {}),
        machine=text_of(status.get("machineRef") or {}, "name"),
        message=text_of(status, "message"),
        rank=ENTRY_RANKS.get(state, WELL),
    )


def _host(spec: Any) -> str:
    """Address and port of the fields of a machine; empty without an address."""
    address, port = text_of(spec, "address"), spec.get("port")
    return join_host_port(address, port if isinstance(port, int) else PORT) if address else ""
