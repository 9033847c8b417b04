"""The documents of a k0sctl.yaml to a cluster. Pure. The fields are those of k0sctl's README, 'Configuration file'."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from capra.clusters.cluster import ClusterHost, HostRole, K0sCluster
from capra.clusters.hosts import HostReader
from capra.inventory.imported import Problems, as_object_name
from capra.inventory.k0sctl import from_k0sctl
from capra.model.manifest.validation import SHOWN_LENGTH, kind_of

CARRIED_OUT = frozenset(
    {
        "k0s",
        "noTaints",
        "useExistingK0s",
        "k0sInstallPath",
        "k0sDownloadURL",
        "k0sBinaryPath",
        "hostname",
        "dataDir",
        "kubeletRootDir",
        "installFlags",
        "privateAddress",
        "reset",
    }
)
"""Fields of a host that `capra up` does something about; `k0s` stands beside the hosts."""

CONFIG = "ClusterConfig"
VERSION = re.compile(
    r"v?(0\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*|[1-9][0-9]*\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*\+k0s\.[0-9A-Za-z.-]+)"
)

BROKEN = "v1.35.1+k0s.0"
"""k0s's issue 7202: it reads the join token of a node that has joined."""


def read_cluster(documents: Sequence[Mapping[str, Any]], *, source: str, ssh_key: str = "") -> K0sCluster:
    """documents: of the file; the configuration of k0sctl, and where it is not in there, k0s's own ClusterConfig.
    source: what errors call the file. ssh_key: path, for hosts without keyPath. Raises InputErrors with every
    problem."""
    problems = Problems()
    config, apart = _documents(documents, source, problems)
    imported = from_k0sctl(config, source=source, ssh_key=ssh_key, carried_out=CARRIED_OUT)
    spec: Mapping[str, Any] = config["spec"]
    k0s = _mapping(spec, "k0s", "spec.k0s", source, problems)
    metadata = _mapping(config, "metadata", "metadata", source, problems)
    reader = HostReader(source, spec["hosts"], problems)
    hosts = tuple(reader.host(host) for host in imported.hosts)
    cluster = K0sCluster(
        name=as_object_name(str(metadata.get("name") or "k0s-cluster")) or "k0s-cluster",
        hosts=_with_dynamic(hosts) if k0s.get("dynamicConfig") else hosts,
        version=_version(k0s, hosts, source, problems),
        config=apart or _mapping(k0s, "config", "spec.k0s.config", source, problems),
        user=str(metadata.get("user") or "admin"),
        notes=(*imported.notes, *_notes(spec, k0s), *reader.notes),
    )
    _check_roles(cluster, source, problems)
    problems.raise_all()
    return cluster


def _documents(
    documents: Sequence[Mapping[str, Any]], source: str, problems: Problems
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """k0sctl's configuration, and k0s's where it stands beside it."""
    apart = [one for one in documents if str(one.get("apiVersion", "")).startswith("k0s.k0sproject.io/")]
    others = [one for one in documents if one not in apart]
    if len(others) != 1 or len(apart) > 1:
        wanted = f"there must be one Cluster of k0sctl, and at most one {CONFIG} of k0s beside it"
        problems.add(f"has {len(documents)} documents; {wanted}", source)
        problems.raise_all()
    return others[0], apart[0] if apart else {}


def _mapping(values: Mapping[str, Any], name: str, place: str, source: str, problems: Problems) -> Mapping[str, Any]:
    found = values.get(name) or {}
    if isinstance(found, Mapping):
        return found
    problems.add("must be a mapping", source, place)
    return {}


def _version(k0s: Mapping[str, Any], hosts: Sequence[ClusterHost], source: str, problems: Problems) -> str:
    """As `k0s version` prints it. There is no default: a host that joins next month would get another one."""
    given = k0s.get("version")
    if given is None and all(host.existing for host in hosts):
        return ""
    if not isinstance(given, str) or not VERSION.fullmatch(given):
        problems.add(_no_version(given), source, "spec.k0s.version")
        return ""
    version = f"v{given.removeprefix('v')}"
    if version == BROKEN:
        problem = f"is {given}, whose workers do not start again once their join token is gone; take a later release"
        problems.add(problem, source, "spec.k0s.version")
    return version


def _no_version(given: object) -> str:
    """What is wrong with it."""
    wanted = 'as the release is called, in quotes: "1.34.4+k0s.0"'
    if given is None:
        return f"is required, {wanted}; or set useExistingK0s on every host"
    if not isinstance(given, str):
        shown = f"is {given}, {kind_of(given)}" if isinstance(given, int | float) else f"is {kind_of(given)}"
        return f"{shown}, and must be text, {wanted}"
    shown = f"is {given!r}" if len(given) <= SHOWN_LENGTH else "is something else"
    return f"{shown}, and must be whole, {wanted}"


def _notes(spec: Mapping[str, Any], k0s: Mapping[str, Any]) -> list[str]:
    notes = []
    if spec.get("options"):
        notes.append("spec.options has no counterpart: see the options of capra up, as --wait and --concurrency")
    if k0s.get("versionChannel"):
        notes.append("spec.k0s.versionChannel has no counterpart: spec.k0s.version is what counts")
    return notes


def _with_dynamic(hosts: Sequence[ClusterHost]) -> tuple[ClusterHost, ...]:
    flag = "--enable-dynamic-config"
    return tuple(
        replace(host, flags=(*host.flags, flag)) if host.controls and flag not in host.flags else host for host in hosts
    )


def _check_roles(cluster: K0sCluster, source: str, problems: Problems) -> None:
    if not any(host.controls for host in cluster.hosts):
        problems.add("no host is a controller, and no cluster is without one", source, "spec.hosts")
    if len(cluster.hosts) > 1 and any(host.role is HostRole.SINGLE for host in cluster.hosts):
        problems.add(
            "a host with the role single is a cluster by itself: no other may stand beside it", source, "spec.hosts"
        )
