"""Reads the facts of a cluster that `capra doctor` judges. What may not be read is left out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from email.utils import parsedate_to_datetime
from typing import TypeVar

from capra.kube.client.api import Api
from capra.kube.client.errors import DeniedError, MissingError
from capra.kube.client.resources import (
    CORE_GROUP,
    POOLED_REMOTE_MACHINES,
    REMOTE_MACHINES,
    SECRETS,
    Raw,
    Resource,
    labels_of,
)
from capra.kube.objects.doctor import KINDS, RIGHTS, ClusterFacts, Right
from capra.model.machine import GROUP

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview")
SYSTEM, ACCOUNT, MANAGER = "capra-system", "capra-manager", "capra-controller-manager"
"""The names in deploy/. Helm may have given others."""

PROVIDER_LABEL, PROVIDER = "cluster.x-k8s.io/provider", "infrastructure-capra"
"""The label that each of the controller's objects has, by clusterctl's rule."""

_Answer = TypeVar("_Answer")


async def learn(api: Api, namespace: str = "") -> ClusterFacts:
    """The facts. namespace: of the machines and Secrets that are looked at; empty for all.

    Raises Retry when the API server does not answer.
    """
    asked = time.time()
    version, date = await api.version()
    secrets = await _permitted(api.list(SECRETS, namespace, metadata_only=True))
    controllers = await _permitted(_controllers(api))
    return ClusterFacts(
        version=str(version.get("gitVersion", "")),
        skew=_skew(date, asked, time.time()),
        versions={group: await _versions(api, group) for group in (GROUP, CORE_GROUP)},
        crds={name: await _crd(api, name) for name in (f"{kind.plural}.{GROUP}" for kind in KINDS)},
        allowed=await _permitted(_allowed(api, namespace, _account(controllers))),
        machines=await _listed(api, REMOTE_MACHINES, namespace),
        entries=await _listed(api, POOLED_REMOTE_MACHINES, namespace),
        secrets=None if secrets is None else frozenset(_places(secrets)),
        controllers=controllers,
    )


async def _permitted(answer: Awaitable[_Answer]) -> _Answer | None:
    try:
        return await answer
    except DeniedError:
        return None


def _skew(date: str, before: float, after: float) -> float | None:
    """Seconds that the server's clock is ahead of ours; whole seconds are all that HTTP gives."""
    try:
        told = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    if before - 1 <= told <= after:
        return 0.0
    return told - after if told > after else told + 1 - before


async def _versions(api: Api, group: str) -> tuple[str, ...]:
    try:
        return await api.served_versions(group)
    except MissingError:
        return ()


async def _crd(api: Api, name: str) -> Raw | None:
    try:
        return await _permitted(api.get(CRDS, "", name))
    except MissingError:
        return {}


async def _listed(api: Api, resource: Resource, namespace: str) -> list[Raw] | None:
    try:
        listed = await _permitted(api.list(resource, namespace))
    except MissingError:
        return []
    return None if listed is None else list(listed["items"])


def _places(listed: Raw) -> list[tuple[str, str]]:
    return [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in listed["items"]]


async def _controllers(api: Api) -> list[Raw]:
    """The Deployments of Capra's, in whatever namespace; where nobody may list them, that of deploy/."""
    try:
        listed = await api.list(DEPLOYMENTS, "", metadata_only=True)
        places = [place for raw, place in zip(listed["items"], _places(listed), strict=True) if _is_ours(raw)]
    except DeniedError:
        places = [(SYSTEM, MANAGER)]
    except MissingError:
        return []
    found = [await _found(api, namespace, name) for namespace, name in places]
    return [one for one in found if one is not None]


def _is_ours(raw: Raw) -> bool:
    return labels_of(raw).get(PROVIDER_LABEL) == PROVIDER


async def _found(api: Api, namespace: str, name: str) -> Raw | None:
    try:
        return await api.get(DEPLOYMENTS, namespace, name)
    except MissingError:
        return None


def _account(controllers: Sequence[Raw] | None) -> str:
    """The user that the first of them is to the API server; that of deploy/ without one."""
    raw: Raw = next(iter(controllers or ()), {})
    pod = ((raw.get("spec") or {}).get("template") or {}).get("spec") or {}
    namespace = (raw.get("metadata") or {}).get("namespace") or SYSTEM
    return f"system:serviceaccount:{namespace}:{pod.get('serviceAccountName') or ACCOUNT}"


async def _allowed(api: Api, namespace: str, user: str) -> dict[Right, bool]:
    """What the API server says of the controller's account. A controller of one namespace has a RoleBinding there."""
    return {right: await _may(api, right, namespace, user) for right in RIGHTS}


async def _may(api: Api, right: Right, namespace: str, user: str) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "verb": right.verb,
        "namespace": namespace,
    }
    answer = await api.create(
        ACCESS_REVIEWS,
        "",
        {
            "apiVersion": ACCESS_REVIEWS.api_version,
            "kind": ACCESS_REVIEWS.kind,
            "spec": {"user": user, "resourceAttributes": attributes},
        },
    )
    return bool((answer.get("status") or {}).get("allowed"))
