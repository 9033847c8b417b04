"""The last probe of an entry: what its status says of it, and what is written of a new one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capra.engine.probes.judging import FIT, PROBED, REACHABLE
from capra.kube.client.resources import Raw
from capra.kube.objects.conditions import merge
from capra.kube.objects.status import moment
from capra.model.probe import EntryFacts, LastProbe, Obstacle, Probe
from capra.model.status import timestamp

_ERRORS = re.compile(r"([0-9]{1,6}) errors?:")


def load_probe(entry_raw: Raw) -> LastProbe | None:
    """The last probe; None where there was none since the entry's fields have changed, or since somebody had it."""
    found = {kind: _condition(entry_raw, kind) for kind in PROBED}
    reachable, fit = found[REACHABLE], found[FIT]
    generation = entry_raw["metadata"].get("generation", 0)
    if not reachable or reachable.get("observedGeneration", 0) != generation:
        return None
    at = moment((entry_raw.get("status") or {}).get("lastProbeTime"))
    if reachable.get("status") == "False":
        return _against(at, Obstacle.UNREACHABLE, reachable, 0)
    if reachable.get("status") == "True" and fit.get("status") == "False":
        told = _ERRORS.match(_text(fit, "message"))
        return _against(at, Obstacle.UNFIT, fit, int(told[1]) if told else 1)
    return LastProbe(at, fit=reachable.get("status") == "True" and fit.get("status") == "True")


def _against(at: float, obstacle: Obstacle, told: Raw, errors: int) -> LastProbe:
    since, message = _text(told, "lastTransitionTime"), _text(told, "message")
    return LastProbe(at, False, obstacle, since, errors, message)


def _condition(raw: Raw, kind: str) -> Raw:
    found = (raw.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one.get("type") == kind), {})


def _text(condition: Raw, name: str) -> str:
    value = condition.get(name)
    return value if isinstance(value, str) else ""


def probed_status(entry_raw: Raw, probe: Probe, now: float) -> dict[str, Any]:
    """The fields of the status after a probe that has ended now (seconds since the epoch)."""
    status: Mapping[str, Any] = entry_raw.get("status") or {}
    conditions = merge(
        status.get("conditions") or (),
        (probe.reachable, probe.fit),
        PROBED,
        timestamp(now),
        int(entry_raw["metadata"].get("generation", 0)),
    )
    told: dict[str, Any] = {"lastProbeTime": timestamp(now), "conditions": conditions}
    return told if probe.facts is None else told | {"facts": _dump_facts(probe.facts)}


def without_probe(entry_raw: Raw) -> list[Raw]:
    """The conditions of the status without those of a probe."""
    existing = (entry_raw.get("status") or {}).get("conditions") or ()
    return [one for one in existing if one.get("type") not in PROBED]


def _dump_facts(facts: EntryFacts) -> dict[str, Any]:
    """The field `facts`. What the host does not tell is null: in a merge patch, it takes away what it told before."""
    return {
        "os": facts.os or None,
        "osVersion": facts.os_version or None,
        "kernel": facts.kernel or None,
        "architecture": facts.architecture or None,
        "cpus": facts.cpus or None,
        "memory": f"{facts.memory}Mi" if facts.memory else None,
        "disk": f"{facts.disk}Mi" if facts.disk else None,
        "init": facts.init or None,
        "virtualization": facts.virtualization or None,
        "machineID": facts.machine_id or None,
        "addresses": list(facts.addresses) or None,
        "kubernetes": list(facts.kubernetes) or None,
    }
