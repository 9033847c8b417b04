"""From what a cluster says of itself to findings, each with advice. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from capra.kube.client.resources import (
    CORE_GROUP,
    POOLED_REMOTE_MACHINES,
    REMOTE_CLUSTERS,
    REMOTE_MACHINES,
    Raw,
    name_of,
    namespace_of,
)
from capra.kube.objects.fields import ssh_keys_of, text_of
from capra.model.finding import Finding, Level
from capra.model.machine import GROUP

SKEW = 5.0
"""Seconds: Leases renew within ten, and certificates and tokens are valid from now."""

KINDS = (REMOTE_MACHINES, POOLED_REMOTE_MACHINES, REMOTE_CLUSTERS)
APPLY = "apply the manifest of Capra's release (docs/guide/install.md)"
UNPATCH = (
    "kubectl patch crd {name} --type=merge --patch "
    """'{{"spec":{{"conversion":{{"strategy":"None","webhook":null}}}}}}', when the provider that served it is gone"""
)


class Right(NamedTuple):
    """What the controller may do. group: empty for the core one. resource: `name` or `name/subresource`."""

    group: str
    resource: str
    verb: str


def _rights(group: str, resources: str, verbs: str) -> list[Right]:
    return [Right(group, resource, verb) for resource in resources.split() for verb in verbs.split()]


RIGHTS: Sequence[Right] = (
    *_rights(GROUP, "remotemachines pooledremotemachines remoteclusters", "get list watch patch"),
    *_rights(GROUP, "remotemachines/status pooledremotemachines/status remoteclusters/status", "patch"),
    *_rights(CORE_GROUP, "clusters", "list watch"),
    *_rights(CORE_GROUP, "machines", "get list watch patch"),
    *_rights("", "secrets", "get list watch patch create delete"),
    *_rights("batch", "jobs", "get list create patch delete"),
    *_rights("", "pods", "list"),
    *_rights("", "configmaps", "get"),
    *_rights("", "events", "create patch"),
)
"""The rules of the ClusterRole capra-manager (deploy/rbac.yaml)."""


@dataclass(frozen=True)
class ClusterFacts:
    """What was learnt of a cluster; None where it may not be read, or nobody answered. skew: seconds by which its clock
    is ahead. versions: those of an API group that are served, empty where there is no such group. crds: by name, and
    empty where there is none of it.
    allowed: whether the controller has each right. secrets: namespace and name of those that are there. controllers:
    Deployments of Capra's."""

    version: str = ""
    skew: float | None = None
    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    crds: Mapping[str, Raw | None] = field(default_factory=dict)
    allowed: Mapping[Right, bool] | None = None
    machines: Sequence[Raw] | None = ()
    entries: Sequence[Raw] | None = ()
    secrets: frozenset[tuple[str, str]] | None = None
    controllers: Sequence[Raw] | None = None


def cluster_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """In the order in which a person would ask."""
    yield Finding("API server", Level.OK, facts.version, "answers")
    yield _clock(facts.skew)
    yield from _groups(facts.versions)
    yield from (_crd(name, raw) for name, raw in facts.crds.items())
    yield _rbac(facts.allowed)
    yield from _controllers(facts.controllers)
    yield from _secrets(facts)


def _clock(skew: float | None) -> Finding:
    if skew is None:
        return Finding("clock", Level.UNKNOWN, "", "the API server has not told its time")
    value = f"{skew:+.0f} s"
    if abs(skew) > SKEW:
        return Finding(
            "clock", Level.WARNING, value, "this machine and the API server disagree", "let NTP set both clocks"
        )
    return Finding("clock", Level.OK, value, "is that of the API server")


def _groups(versions: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for group, wanted, advice in (
        (GROUP, REMOTE_MACHINES.version, APPLY),
        (CORE_GROUP, "v1beta1", "clusterctl init installs Cluster API"),
    ):
        served = versions.get(group, ())
        if not served:
            yield Finding(group, Level.ERROR, "missing", "its kinds are not installed", advice)
        elif group == GROUP and wanted not in served:
            yield Finding(group, Level.ERROR, ", ".join(served), f"{wanted} is not served", advice)
        else:
            yield Finding(group, Level.OK, ", ".join(served), "is served")


def _crd(name: str, raw: Raw | None) -> Finding:
    """A webhook that converts is a leftover of the reference: nobody serves it, and requests in v1beta1 fail."""
    title = f"CRD {name.partition('.')[0]}"
    if raw is None:
        return Finding(title, Level.UNKNOWN, "", "you may not read it", "ask for get on customresourcedefinitions")
    if not raw:
        return Finding(title, Level.ERROR, "missing", "the kind is not installed", APPLY)
    spec, stored = raw.get("spec") or {}, (raw.get("status") or {}).get("storedVersions") or ()
    strategy = text_of(spec.get("conversion") or {}, "strategy") or "None"
    if strategy != "None":
        told = "has the conversion webhook of another provider"
        return Finding(title, Level.ERROR, strategy, told, UNPATCH.format(name=name))
    served = [str(one.get("name")) for one in spec.get("versions") or () if one.get("served")]
    if lost := [version for version in stored if version not in served]:
        told = f"objects are stored as {', '.join(lost)}, which is not served"
        return Finding(title, Level.ERROR, ", ".join(served), told, APPLY)
    return Finding(title, Level.OK, ", ".join(served), "converts without a webhook")


def _rbac(allowed: Mapping[Right, bool] | None) -> Finding:
    if allowed is None:
        told = "you may not ask what the controller may do"
        return Finding("RBAC", Level.UNKNOWN, "", told, "ask somebody who may create subjectaccessreviews")
    missing = [right for right, has in allowed.items() if not has]
    if missing:
        told = ", ".join(f"{right.verb} {right.resource}" for right in missing)
        return Finding("RBAC", Level.ERROR, f"{len(missing)} missing", f"the controller may not {told}", APPLY)
    return Finding("RBAC", Level.OK, f"{len(allowed)} rights", "the controller may do what it does")


def _controllers(deployments: Sequence[Raw] | None) -> Iterator[Finding]:
    if deployments is None:
        told = "you may not read the Deployment capra-controller-manager"
        yield Finding("controller", Level.UNKNOWN, "", told, "ask for the ClusterRole view")
    elif not deployments:
        yield Finding("controller", Level.ERROR, "missing", "no Deployment of Capra's is there", APPLY)
    else:
        yield from map(_controller, deployments)


def _controller(raw: Raw) -> Finding:
    wanted, ready = (raw.get("spec") or {}).get("replicas", 1), (raw.get("status") or {}).get("readyReplicas", 0)
    containers = (((raw.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or [{}]
    value = text_of(containers[0], "image")
    where = f"-n {namespace_of(raw)} deployment/{name_of(raw)}"
    if not ready:
        return Finding("controller", Level.ERROR, value, f"none of {wanted} replicas is ready", f"kubectl logs {where}")
    return Finding("controller", Level.OK, value, f"{ready} of {wanted} replicas are ready")


def _secrets(facts: ClusterFacts) -> Iterator[Finding]:
    """Of the SSH keys, and passwords for root, that machines and entries name."""
    if facts.machines is None or facts.entries is None:
        advice = "ask for the ClusterRole capra-viewer, or give the --namespace that you may read"
        yield Finding("Secrets", Level.UNKNOWN, "", "you may not list the machines that name them", advice)
        return
    listed = (("RemoteMachine", facts.machines), ("PooledRemoteMachine", facts.entries))
    every = [(f"{kind} {namespace_of(raw)}/{name_of(raw)}", raw) for kind, raws in listed for raw in raws]
    passwords = {(namespace_of(raw), one): (told, key) for told, raw in every for one, key in _password(raw)}
    named = {(namespace_of(raw), name): told for told, raw in every for name in ssh_keys_of(_fields(raw))}
    if facts.secrets is None:
        count = len({*named, *passwords})
        told = f"you may not list Secrets: nobody knows whether the {count} that machines name are there"
        yield Finding("Secrets", Level.UNKNOWN, "", told, "ask for list on secrets (only metadata is read)")
        return
    missing = sorted(place for place in named if place not in facts.secrets)
    for namespace, name in missing:
        told = f"is not there, and {named[namespace, name]} names it as its key"
        advice = f"kubectl create secret generic {name} -n {namespace} --from-file=value=KEY_FILE"
        yield Finding("Secrets", Level.ERROR, f"{namespace}/{name}", told, advice)
    without = sorted(place for place in passwords if place not in facts.secrets and place not in named)
    for namespace, name in without:
        machine, key = passwords[namespace, name]
        told = f"is not there, and {machine} names it in becomePasswordRef, for its password for root"
        advice = f"kubectl create secret generic {name} -n {namespace} --from-file={key}=PASSWORD_FILE"
        yield Finding("Secrets", Level.ERROR, f"{namespace}/{name}", told, advice)
    if not missing and not without:
        count = len({*named, *passwords})
        yield Finding("Secrets", Level.OK, str(count), "every Secret that a machine names for its login is there")


def _fields(raw: Raw) -> Raw:
    """Those of the machine."""
    spec: Raw = raw.get("spec") or {}
    return spec.get("machine") or spec


def _password(raw: Raw) -> Iterator[tuple[str, str]]:
    """The Secret with its password for root, and the Secret's key; nothing where it names none."""
    reference = _fields(raw).get("becomePasswordRef")
    if isinstance(reference, dict) and reference.get("name"):
        yield str(reference["name"]), str(reference.get("key") or "value")
