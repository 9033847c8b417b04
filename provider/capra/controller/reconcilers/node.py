"""Gives the Nodes of workload clusters their provider IDs: without one, Cluster API finds no Node for a Machine.

A kubelet that nobody told its provider ID has none (docs/reference/contract.md). It makes no difference what made the
Node: k0s, kubeadm or anything else.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from capra.controller.reconcilers.reconciler import DONE, Result
from capra.engine.clusters.nodes import Node, match
from capra.errors import CapraError, Fatal, InputError
from capra.kube.cache.cache import Cache
from capra.kube.cache.pace import paced
from capra.kube.client.api import Api
from capra.kube.client.errors import ConflictError, DeniedError, MissingError, TooLongError
from capra.kube.client.kubeconfig import Workload, parse_kubeconfig
from capra.kube.client.resources import NODES, SECRETS, ObjectKey
from capra.kube.client.workload import KUBECONFIG_SUFFIX, connected
from capra.kube.objects.cluster_api import to_cluster
from capra.kube.stores.workloads.nodes import Wanted, nodes, provider_id_patch, wanted
from capra.model.keys.key_secret import VALUE
from capra.model.retry import WORKLOAD_CLUSTER

CONFLICT_WAIT = 1.0
LONGEST_MESSAGE = 300
"""Characters logged of what a workload cluster answers."""

MOST_NODES = 20_000
"""Of one workload cluster. Kubernetes is made for 5,000."""

NEVER = float("inf")

log = structlog.get_logger(__name__)


@dataclass
class _Cluster:
    """What is remembered of one Cluster. settled: the Nodes of these have their provider IDs, as Wanted.identity.
    missing: these had no Node at the last look. looks: in a row for the same. wait: seconds to the next one. due: the
    next look, by the monotonic clock. version: of the Secret at the last look. told: what was logged last, by Machine;
    of the Cluster itself under ''."""

    settled: set[tuple[str, str]] = field(default_factory=set)
    missing: frozenset[tuple[str, str]] = frozenset()
    looks: int = 0
    wait: float = 0.0
    due: float = 0.0
    version: str = ""
    told: dict[str, str] = field(default_factory=dict)

    def lacking(self, machines: Sequence[Wanted]) -> frozenset[tuple[str, str]]:
        """Those whose Node is not known to have its provider ID."""
        return frozenset(one.identity for one in machines if not one.has_node and one.identity not in self.settled)

    def forget_all_but(self, machines: Sequence[Wanted]) -> None:
        """Forget Machines that have gone, and that the Node of a lost one was there."""
        self.settled &= {one.identity for one in machines if not one.lost}
        names = {one.owner.machine for one in machines} | {""}
        self.told = {name: text for name, text in self.told.items() if name in names}

    def tell(self, name: str, text: str) -> bool:
        """True when it differs from what was logged last."""
        news = self.told.get(name) != text
        self.told[name] = text
        return news


class NodeReconciler:
    """A `Reconciler` of the Nodes of all Clusters with RemoteMachines. api: of the management cluster."""

    def __init__(self, api: Api, cache: Cache) -> None:
        self._api = api
        self._cache = cache
        self._clusters: dict[ObjectKey, _Cluster] = {}

    async def reconcile(self, key: ObjectKey) -> Result:
        """Give each Node of this Cluster its provider ID, where that can be told. key: a Cluster's, of the kind
        NODES_OF_CLUSTER. Raises no CapraError: neither cluster has to answer.
        """
        cluster = self._cache.get("Cluster", key.namespace, key.name)
        machines = [one async for one in paced(wanted(self._cache, key))]
        if cluster is None or not machines:
            self._clusters.pop(key, None)
            return DONE
        known = self._clusters.setdefault(key, _Cluster())
        known.forget_all_but(machines)
        missing = known.lacking(machines)
        secret = self._cache.get(SECRETS.kind, key.namespace, _secret_name(key))
        if not missing or secret is None or to_cluster(cluster).paused:
            return DONE
        version = str(secret["metadata"].get("resourceVersion", ""))
        if missing <= known.missing and version == known.version:
            if time.monotonic() < known.due:
                return DONE if known.due == NEVER else Result(known.due - time.monotonic())
            known.looks += 1
        else:
            known.looks = 1
        known.wait = WORKLOAD_CLUSTER.after(known.looks)
        known.missing, known.version = missing, version
        await self._visit(key, known, machines)
        known.due = time.monotonic() + known.wait
        known.missing = known.lacking(machines)
        return Result(known.wait) if known.missing and known.wait != NEVER else DONE

    async def _visit(self, key: ObjectKey, known: _Cluster, machines: Sequence[Wanted]) -> None:
        """One look into the workload cluster. The rest is left to the next one."""
        name = f"{key.namespace}/{key.name}"
        subject = f"Secret {key.namespace}/{_secret_name(key)}"
        try:
            secret = await self._api.get(SECRETS, key.namespace, _secret_name(key))
            text = (secret.get("data") or {}).get(VALUE)
            if not text:
                raise InputError(f"has no key {VALUE!r}", subject=subject)
            async with connected(await _parsed(text, subject), subject) as workload:
                await self._settle(key, known, machines, workload)
        except InputError as error:
            known.wait = NEVER  # until the Secret changes
            if known.tell("", str(error)):
                log.warning("a kubeconfig cannot be used", cluster=name, error=str(error))
        except CapraError as error:
            message = str(error)[:LONGEST_MESSAGE]
            if known.tell("", message):
                log.warning("a workload cluster cannot be read", cluster=name, error=message)
        else:
            known.told.pop("", None)

    async def _settle(self, key: ObjectKey, known: _Cluster, machines: Sequence[Wanted], workload: Api) -> None:
        """Find the Nodes, and write to those that lack their provider ID."""
        owners, told = [one.owner for one in machines], await _nodes(workload)
        found = await asyncio.to_thread(match, owners, told)  # whoever answers decides how long it takes
        for one in machines:
            name = one.owner.machine
            full = f"{key.namespace}/{name}"
            if name in found.settled:
                known.settled.add(one.identity)
                known.told.pop(name, None)
            why = found.problems.get(name, "")[:LONGEST_MESSAGE]
            if why and known.tell(name, why):
                log.warning("no telling which Node is a Machine's", machine=full, why=why)
            node = found.found.get(name)
            if node is None:
                continue
            try:
                await workload.patch(NODES, "", node.name, provider_id_patch(one.owner, node))
            except (ConflictError, MissingError):
                known.wait = CONFLICT_WAIT  # the Node has changed since it was listed
            except (Fatal, DeniedError) as error:
                message = str(error)[:LONGEST_MESSAGE]
                if known.tell(name, message):
                    log.warning("a Node cannot be given its provider ID", machine=full, node=node.name, error=message)
            else:
                known.settled.add(one.identity)
                known.told.pop(name, None)
                log.info("provider ID set", machine=full, node=node.name, provider_id=one.owner.provider_id)


def _secret_name(key: ObjectKey) -> str:
    return f"{key.name}{KUBECONFIG_SUFFIX}"


async def _parsed(text: str, subject: str) -> Workload:
    """In a thread: whoever writes the Secret decides how long it takes to read."""
    return await asyncio.to_thread(lambda: parse_kubeconfig(base64.b64decode(text), subject))


async def _nodes(workload: Api) -> list[Node]:
    """All Nodes, of which only what counts is kept from one page to the next. Raises TooLongError for too many."""
    found: list[Node] = []
    read = 0
    async for page in workload.pages(NODES):
        found += nodes(page)
        read += 1
        if len(found) > MOST_NODES or read > MOST_NODES:
            raise TooLongError(f"there are more than {MOST_NODES} Nodes, or pages of them")
        del page  # not kept while the next one is read
    return found
