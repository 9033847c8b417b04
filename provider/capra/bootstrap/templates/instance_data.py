"""What a host and its object say → the names that cloud-init's templates know (its 'Instance metadata' page).

The host is believed in what names it, and in nothing else: each fact has a form, and one that has not is left out. A
name without a value is not known to a template, which tells it, instead of writing `None` into a document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}")
_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}(?: [0-9A-Fa-f.:]{2,45})?")
FACTS = {
    "hostname": _HOST_NAME,
    "address": _ADDRESS,
    "os.id": _WORD,
    "os.version": _WORD,
    "os.codename": _WORD,
    "kernel": _WORD,
    "architecture": _WORD,
}
"""What is kept of a preflight's facts, and the form of each."""

EXAMPLE: Mapping[str, str] = {
    "hostname": "host",
    "address": "192.0.2.1 2001:db8::1",
    "os.id": "debian",
    "os.version": "12",
    "os.codename": "bookworm",
    "kernel": "6.1.0",
    "architecture": "x86_64",
}
"""Facts with every name that a host may tell, to see whether a document can be rendered before a host is asked."""


def believed(facts: Mapping[str, Any]) -> dict[str, str]:
    """Those of the facts that are kept and have their form. The host's name is the one that it had when its bootstrap
    began (`hostname.before`), where it knows that."""
    facts = {**facts, "hostname": facts.get("hostname.before") or facts.get("hostname")}
    return {
        name: facts[name]
        for name, form in FACTS.items()
        if isinstance(facts.get(name), str) and form.fullmatch(facts[name])
    }


def instance_data(
    facts: Mapping[str, str], *, name: str, namespace: str, uid: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    """`ds`, `v1`, and all of `v1` once more at the top.

    facts: as `believed` gives them. name, namespace, uid, labels: the object's; region and zone are its labels
    `topology.kubernetes.io/region` and `…/zone`. The instance's id is the UID, or `namespace/name` without one.
    """
    standard = {
        # cloud-init, DataSource.get_hostname: without the domain, unlike in the data of the source.
        "local_hostname": facts.get("hostname", "").split(".")[0],
        "instance_id": uid or f"{namespace}/{name}",
        "cloud_name": "remote",
        "platform": "remote",
        "region": labels.get("topology.kubernetes.io/region", ""),
        "availability_zone": labels.get("topology.kubernetes.io/zone", ""),
        "distro": facts.get("os.id", ""),
        "distro_version": facts.get("os.version", ""),
        "distro_release": facts.get("os.codename", ""),
        "variant": facts.get("os.id", ""),
        "kernel_release": facts.get("kernel", ""),
        "machine": facts.get("architecture", ""),
        "system_platform": "linux",
    }
    addresses = facts.get("address", "").split()
    first = _aliased({key: value for key, value in standard.items() if value})
    metadata = {
        "local_hostname": facts.get("hostname", ""),
        "hostname": facts.get("hostname", ""),
        "instance_id": standard["instance_id"],
        "local_ipv4": next((one for one in addresses if ":" not in one), ""),
        "local_ipv6": next((one for one in addresses if ":" in one), ""),
        "region": standard["region"],
        "availability_zone": standard["availability_zone"],
        "name": name,
        "namespace": namespace,
        "uid": uid,
    }
    known = _aliased({key: value for key, value in metadata.items() if value})
    return {**first, "v1": first, "ds": {"meta_data": known}}


def _aliased(values: Mapping[str, str]) -> dict[str, str]:
    """Each name with hyphens as well: `ds.meta_data["local-hostname"]` is how a NoCloud source has it."""
    return dict(values) | {name.replace("_", "-"): value for name, value in values.items()}
