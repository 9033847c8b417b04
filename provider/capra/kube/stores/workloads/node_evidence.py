"""What a workload cluster says of the Nodes that a host may be."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

from capra.engine.adoption.evidence import ClusterEvidence, NodeIdentity, fingerprint_of_authority
from capra.errors import InputError
from capra.kube.client.api import Api
from capra.kube.client.errors import MissingError
from capra.kube.client.kubeconfig import Workload, parse_kubeconfig
from capra.kube.client.resources import NODES, SECRETS, Raw, name_of
from capra.kube.client.workload import KUBECONFIG_SUFFIX, connected
from capra.kube.objects.fields import text_of
from capra.model.keys.key_secret import VALUE
from capra.model.observation import Observation

LONGEST = 253
"""Characters of what a Node says of itself."""


class NodeEvidence:
    """Asks workload clusters, by the kubeconfigs that Cluster API keeps. api: of the management cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, observation: Observation, names: Sequence[str]) -> ClusterEvidence:
        """The Nodes of these names, each asked for by its own. Raises CapraError where the cluster does not answer."""
        namespace = observation.machine.key.namespace
        cluster = observation.cluster.name if observation.cluster is not None else ""
        name = f"{cluster}{KUBECONFIG_SUFFIX}"
        subject = f"Secret {namespace}/{name}"
        secret = await self._api.get(SECRETS, namespace, name)
        text = (secret.get("data") or {}).get(VALUE)
        if not text:
            raise InputError(f"has no key {VALUE!r}", subject=subject)
        # In a thread: whoever writes the Secret decides how long it takes to read.
        given = await asyncio.to_thread(lambda: parse_kubeconfig(base64.b64decode(text), subject))
        return await cluster_evidence(given, names, subject)


async def cluster_evidence(given: Workload, names: Sequence[str], subject: str) -> ClusterEvidence:
    """What the cluster of a kubeconfig says. subject: where that comes from. Raises CapraError."""
    found = []
    async with connected(given, subject) as workload:
        for name in names:
            try:
                found.append(node_identity(await workload.get(NODES, "", name)))
            except MissingError:
                continue
    return ClusterEvidence(tuple(found), fingerprint_of_authority(given.authority))


def node_identity(raw: Raw) -> NodeIdentity:
    """What a Node says of itself. raw: whatever the cluster has answered."""
    status, spec = _mapping(raw.get("status")), _mapping(raw.get("spec"))
    conditions = status.get("conditions")
    told = [one for one in conditions if isinstance(one, dict)] if isinstance(conditions, list) else []
    return NodeIdentity(
        name=name_of(raw)[:LONGEST],
        machine_id=text_of(_mapping(status.get("nodeInfo")), "machineID")[:LONGEST],
        provider_id=text_of(spec, "providerID")[:LONGEST],
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in told),
        leaving=bool(raw["metadata"].get("deletionTimestamp")),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
