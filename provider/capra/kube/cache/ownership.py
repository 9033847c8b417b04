"""Who owns an object: its ownerReference names the Machine with its UID, and the Machine's infrastructureRef names it
back; for a Cluster, the names alone count on both sides.

A name alone proves nothing: whoever may write an object could name any owner, and would get what belongs to that one.
Pure, over what the cache knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from capra.kube.cache.known import By, Known
from capra.kube.client.resources import CORE_GROUP, REMOTE_CLUSTERS, REMOTE_MACHINES, Raw, name_of, namespace_of
from capra.model.machine import GROUP

OWNED = {"Machine": REMOTE_MACHINES.kind, "Cluster": REMOTE_CLUSTERS.kind}
"""Kinds of Cluster API, and of what they own here."""


class Reference(NamedTuple):
    """An ownerReference."""

    name: str
    uid: str


def references(raw: Raw, kind: str) -> Iterator[Reference]:
    """The object's ownerReferences to this kind of Cluster API."""
    for reference in raw["metadata"].get("ownerReferences") or ():
        group = str(reference.get("apiVersion", "")).partition("/")[0]
        if reference.get("kind") == kind and group == CORE_GROUP:
            yield Reference(str(reference.get("name", "")), str(reference.get("uid", "")))


def infrastructure(owner: Raw) -> tuple[str, str, str, str]:
    """Group, kind, namespace and name of a Machine's or a Cluster's `spec.infrastructureRef`; v1beta1 gives group and
    version together, and a namespace."""
    reference = (owner.get("spec") or {}).get("infrastructureRef") or {}
    group = reference.get("apiGroup") or str(reference.get("apiVersion") or "").partition("/")[0]
    namespace = reference.get("namespace") or namespace_of(owner)
    return str(group), str(reference.get("kind") or ""), str(namespace), str(reference.get("name") or "")


def owner_of(cache: Known, raw: Raw, kind: str) -> tuple[Raw | None, str]:
    """The object's owner of this kind; else None with the reason, empty when there is nothing to look at."""
    problem = ""
    for reference in references(raw, kind):
        found = cache.get(kind, namespace_of(raw), reference.name)
        if found is None:
            continue
        speaks_against = _speaks_against(raw, kind, reference, found)
        if not speaks_against:
            return found, ""
        problem = problem or speaks_against
    return None, problem


def owned_by(raw: Raw, owner: Raw, kind: str) -> bool:
    """The object is this owner's."""
    mine = [one for one in references(raw, kind) if one.name == name_of(owner)]
    return any(not _speaks_against(raw, kind, reference, owner) for reference in mine)


def named_by(cache: Known, owner: Raw, kind: str) -> Iterator[Raw]:
    """The objects whose ownerReference has the name of this owner, right or wrong."""
    yield from cache.by(OWNED[kind], namespace_of(owner), By.OWNER, name_of(owner))


def _speaks_against(raw: Raw, kind: str, reference: Reference, owner: Raw) -> str:
    """A sentence that begins with what the object waits for; empty when `owner` owns it."""
    uid = str(owner["metadata"].get("uid", ""))
    # The API server takes no reference without a UID. A Cluster that was created again and names the object back is its
    # owner before Cluster API has mended the reference: all that the object gets is the endpoint.
    if kind == "Machine" and reference.uid and reference.uid != uid:
        return (
            f"waiting for the {kind} that owns this object: metadata.ownerReferences names {kind} {reference.name} with"
            f" the UID {reference.uid}, and that {kind} has the UID {uid}"
        )
    wanted = (GROUP, OWNED[kind], namespace_of(raw), name_of(raw))
    found = infrastructure(owner)
    if found == wanted:
        return ""
    group, other, namespace, name = found
    names = f"{other} {namespace}/{name} of {group}" if name else "nothing"
    return (
        f"waiting for the {kind} that owns this object: metadata.ownerReferences names {kind} {reference.name}, and the"
        f" spec.infrastructureRef of that {kind} names {names}"
    )
