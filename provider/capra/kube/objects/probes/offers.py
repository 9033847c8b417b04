"""What an entry of a pool is chosen by: its labels, and the facts of its host as labels. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.engine.probes.judging import PROBED
from capra.kube.client.resources import HOLDER, RELEASED, Raw, annotations_of, labels_of
from capra.model.choosing.choice import Offer
from capra.model.machine import FACTS

MIB = "Mi"
MEASURED = {"memory": "memoryMiB", "disk": "diskMiB"}
"""Facts that are quantities in `Mi`, and the names by which they are selected, as whole numbers."""

TOLD = ("os", "osVersion", "kernel", "architecture", "cpus", "init", "virtualization", "machineID")


def to_offer(raw: Raw, *, facts: bool) -> Offer:
    """What there is to choose by. facts: those of the host count."""
    own = {name: value for name, value in labels_of(raw).items() if not name.startswith(FACTS)}
    domain = failure_domain_of(raw)
    told = fact_labels(raw) if facts else {}
    uid = str(raw["metadata"].get("uid", ""))
    return Offer(own | told, domain, annotations_of(raw).get(RELEASED, ""), uid)


def failure_domain_of(raw: Raw) -> str:
    """spec.failureDomain of an entry, a RemoteMachine or a Machine; empty where there is none."""
    value = (raw.get("spec") or {}).get("failureDomain")
    return value if isinstance(value, str) else ""


def fact_labels(raw: Raw) -> dict[str, str]:
    """`status.facts` as labels; none where the host was not probed since the entry's fields have changed. While
    somebody has it, it is not probed, and has no conditions; afterwards it may be another host."""
    status: Mapping[str, Any] = raw.get("status") or {}
    generation = raw["metadata"].get("generation", 0)
    probed = [one for one in status.get("conditions") or () if one.get("type") in PROBED]
    unseen = not probed and not annotations_of(raw).get(HOLDER)
    if unseen or any(one.get("observedGeneration", 0) != generation for one in probed):
        return {}
    facts: Mapping[str, Any] = status.get("facts") or {}
    labels = {FACTS + name: str(facts[name]) for name in TOLD if facts.get(name)}
    quantities = ((name, str(facts.get(field) or "")) for field, name in MEASURED.items())
    return labels | {FACTS + name: text.removesuffix(MIB) for name, text in quantities if text.endswith(MIB)}
