"""Capra's CRDs as files, and objects of their kinds through kubectl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.controlplane import ControlPlane

ROOT = Path(__file__).resolve().parents[3]
CRDS = ROOT / "crds"
CASES = ROOT / "tests" / "cases" / "crds"
REFERENCE = CASES / "reference.yaml"
GROUP = "infrastructure.cluster.x-k8s.io"
VERSIONS = ("v1beta1", "v1beta2")

Raw = dict[str, Any]


def crds() -> dict[str, Raw]:
    """Capra's CRDs by kind."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    return {crd["spec"]["names"]["kind"]: crd for crd in files}


def schema(crd: Raw, version: str = "v1beta2") -> Raw:
    """The schema of one version."""
    [found] = [one for one in crd["spec"]["versions"] if one["name"] == version]
    made: Raw = found["schema"]["openAPIV3Schema"]
    return made


def fields(of: Raw, path: str = "") -> Iterator[tuple[str, Raw]]:
    """Every field of a schema with its path, `status.conditions.type`; those of a list's items as the list's own."""
    inner = of.get("items", of)
    for name, field in inner.get("properties", {}).items():
        yield f"{path}{name}", field
        yield from fields(field, f"{path}{name}.")


def reference_objects() -> list[Raw]:
    """Objects of the reference, in both versions."""
    return list(yaml.safe_load_all((CASES / "objects.yaml").read_text()))


def full_machine(version: str) -> Raw:
    """The RemoteMachine among them that has every field."""
    named = {(one["kind"], one["metadata"]["name"]): one for one in reference_objects()}
    return named["RemoteMachine", f"{version}-all-fields"]


def version_of(raw: Raw) -> str:
    """The version that the object is written in."""
    return str(raw["apiVersion"]).rpartition("/")[2]


def write(plane: ControlPlane, namespace: str, raw: Raw) -> None:
    """Create or change an object, and its status where it has one."""
    plane.apply([{name: value for name, value in raw.items() if name != "status"}], "--namespace", namespace)
    if raw.get("status"):
        write_status(plane, namespace, raw, raw["status"])


def write_status(plane: ControlPlane, namespace: str, raw: Raw, status: Mapping[str, Any]) -> None:
    """A merge patch of the status, as Capra sends it."""
    patch = json.dumps({"status": status})
    options = ("--namespace", namespace, "--subresource=status", "--type=merge", "--patch", patch)
    plane.kubectl("patch", resource(raw), raw["metadata"]["name"], *options)


def read(plane: ControlPlane, namespace: str, raw: Raw, version: str = "") -> Raw:
    """The object as the API server gives it, in its own version or another."""
    found: Raw = plane.get(resource(raw, version), raw["metadata"]["name"], "--namespace", namespace)
    return found


def resource(raw: Raw, version: str = "") -> str:
    """The resource in one version, as kubectl names it."""
    return f"{raw['kind'].lower()}s.{version or version_of(raw)}.{GROUP}"


def lost(wanted: Any, found: Any, path: str = "") -> list[str]:
    """What was written and is not there, as paths. Null stands for nothing, and so does a status with nothing in it."""
    if wanted == {} and found is None:
        return []
    if isinstance(wanted, dict) and isinstance(found, dict):
        given = {name: value for name, value in wanted.items() if value is not None}
        return [one for name, value in given.items() for one in lost(value, found.get(name), f"{path}.{name}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = zip(wanted, found, strict=True)
        return [one for index, pair in enumerate(pairs) for one in lost(*pair, f"{path}[{index}]")]
    return [] if wanted == found else [f"{path}: {wanted!r} is {found!r}"]
