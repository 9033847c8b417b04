"""What a workload cluster says of the Nodes that a host may be."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from typing import Any

from capra.engine.adoption.evidence import ClusterEvidence, NodeIdentity, fingerprint_of_authority
from capra.engine.ports import Clock
from capra.errors import InputError
from capra.kube.cache.cache import Cache
from capra.kube.cache.known import By
from capra.kube.client.api import Api
from capra.kube.client.errors import MissingError
from capra.kube.client.kubeconfig import Workload, parse_kubeconfig
from capra.kube.client.resources import MACHINES, NODES, SECRETS, name_of
from capra.kube.client.workload import KUBECONFIG_SUFFIX, connected
from capra.kube.objects.fields import text_of
from capra.model.keys.key_secret import VALUE
from capra.model.observation import Observation

LONGEST = 253
"""Characters of what a Node says of itself."""

MOST = 64
"""Addresses of a Node that are looked at."""

PROMISED_SECONDS = 60.0
"""For which a host is kept for the machine that has asked first: so long it may take until that has adopted it."""


class NodeEvidence:
    """Asks workload clusters, by the kubeconfigs that Cluster API keeps. api, cache: of the management cluster."""

    def __init__(self, api: Api, cache: Cache, clock: Clock = time.monotonic) -> None:
        self._api = api
        self._cache = cache
        self._clock = clock
        self._promised: dict[str, tuple[str, str, float]] = {}

    async def __call__(self, observation: Observation, names: Sequence[str], machine_id: str) -> ClusterEvidence:
        """The Nodes of these names, each asked for by its own. Raises CapraError where the cluster does not answer."""
        if other := self._adopted_by(observation, machine_id):
            return ClusterEvidence(adopted_by=other)
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

    def _adopted_by(self, observation: Observation, machine_id: str) -> str:
        """Another machine of the namespace that has adopted the host, or asked for it a moment ago."""
        key, uid, now = observation.machine.key, observation.machine.uid, self._clock()
        self._promised = {one: told for one, told in self._promised.items() if told[2] > now}
        for raw in self._cache.by(MACHINES, key.namespace, By.MACHINE_ID, machine_id):
            if raw["metadata"].get("uid") != uid:
                return f"{key.namespace}/{name_of(raw)}"
        mine = (uid, f"{key.namespace}/{key.name}", now + PROMISED_SECONDS)
        holder, name, _ = self._promised.setdefault(machine_id, mine)
        return name if holder != uid else ""


async def cluster_evidence(given: Workload, names: Sequence[str], subject: str) -> ClusterEvidence:
    """What the cluster of a kubeconfig says. subject: where that comes from. Raises CapraError."""
    found = []
    async with connected(given, subject) as workload:
        for name in names:
            try:
                found.append(node_identity(await workload.get(NODES, "", name), name))
            except MissingError:
                continue
    return ClusterEvidence(tuple(found), fingerprint_of_authority(given.authority))


def node_identity(raw: Any, name: str) -> NodeIdentity:
    """What a Node says of itself. raw: whatever the cluster has answered. name: that was asked for. Raises MissingError
    for the answer that is no such Node."""
    metadata = _mapping(_mapping(raw).get("metadata"))
    if metadata.get("name") != name:
        raise MissingError(f"the answer is no Node {name}", reason="NotFound")
    status, spec = _mapping(raw.get("status")), _mapping(raw.get("spec"))
    told = _mappings(status.get("conditions"))
    return NodeIdentity(
        name=name,
        machine_id=text_of(_mapping(status.get("nodeInfo")), "machineID")[:LONGEST],
        provider_id=text_of(spec, "providerID")[:LONGEST],
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in told),
        leaving=bool(metadata.get("deletionTimestamp")),
        addresses=tuple(text_of(one, "address")[:LONGEST] for one in _mappings(status.get("addresses"))[:MOST]),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
