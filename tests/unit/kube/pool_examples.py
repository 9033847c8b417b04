"""Pools as the API server gives them, to change from."""

from __future__ import annotations

from typing import Any

from capra.kube.cache.cache import Cache
from capra.kube.client.resources import HOLDER, Raw
from capra.kube.objects import record
from capra.model.observation import Phase, Record


def machine(name: str = "m", uid: str = "uid-m", phase: Phase | None = None, **more: Any) -> dict[str, Any]:
    """A RemoteMachine of pool p. more: annotations, namespace, and fields of its spec."""
    annotations = dict(more.pop("annotations", {}))
    if phase is not None:
        annotations |= {
            key: value for key, value in record.dump_record(Record(phase=phase)).items() if value is not None
        }
    metadata = {"name": name, "namespace": more.pop("namespace", "default"), "uid": uid, "annotations": annotations}
    return {"kind": "RemoteMachine", "metadata": metadata, "spec": {"pool": "p", **more}}


def entry(name: str = "e", holder: str | None = None, **more: Any) -> dict[str, Any]:
    """A PooledRemoteMachine of pool p. more: annotations, labels, status, reserved_by (in the status, as the reference
    does it), in_pool, and fields of spec.machine."""
    annotations = dict(more.pop("annotations", {}))
    if holder is not None:
        annotations[HOLDER] = holder
    status = {}
    if reserved_by := more.pop("reserved_by", ""):
        status = {"reserved": True, "machineRef": {"name": reserved_by}}
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "annotations": annotations}
    metadata["labels"] = more.pop("labels", {})
    metadata |= more.pop("metadata", {})
    fields = {"address": f"{name}.example.org", "sshKeyRef": {"name": "key"}}
    spec = {"pool": more.pop("in_pool", "p"), "machine": fields | more}
    return {"kind": "PooledRemoteMachine", "metadata": metadata, "spec": spec, "status": status}


KEY = {"metadata": {"name": "key", "namespace": "default", "uid": "uid-key"}}


def cache(*objects: Raw) -> Cache:
    """A cache that knows these, and the Secret `key`."""
    made = Cache()
    made.put("Secret", KEY)
    for one in objects:
        made.put(one["kind"], one)
    return made
