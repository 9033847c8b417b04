"""A management cluster for one test: a namespace of a real API server, the controller in this process, hosts that exist
only in memory. Cluster API's own controllers do not run: what they would write, the test writes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from capra.controller.controller import Controller
from capra.controller.operator import operate
from capra.controller.serving.metrics import Metrics
from capra.engine.ports import Clock
from capra.errors import Retry
from capra.kube.client.api import Api
from capra.kube.client.connection import ClientConfig, client_config, configure, connect
from capra.kube.client.errors import ConflictError, MissingError
from capra.kube.client.resources import (
    CORE_GROUP,
    EVENTS,
    POOLED_REMOTE_MACHINES,
    REMOTE_CLUSTERS,
    REMOTE_MACHINES,
    SECRETS,
    Raw,
    Resource,
)
from capra.model.machine import GROUP
from capra.settings import ControllerSettings
from capra.testing import FakeHosts
from tests.support.ssh_keys import new_ssh_key
from tests.support.waiting import Wait, holds_soon, wait_until_async

MACHINES = Resource(CORE_GROUP, "v1beta2", "machines", "Machine")
CLUSTERS = Resource(CORE_GROUP, "v1beta2", "clusters", "Cluster")
RESOURCES = {one.kind: one for one in (REMOTE_MACHINES, POOLED_REMOTE_MACHINES, REMOTE_CLUSTERS, MACHINES, CLUSTERS)}
PATIENCE = 60.0
"""Seconds for what takes milliseconds on an idle machine."""

RESTART_SECONDS = 0.5
"""Until a process that has ended is started anew; a kubelet waits for longer each time."""

SSH_KEY = new_ssh_key()
DATA = "#cloud-config\nruncmd:\n  - k0s install worker\n"


class Client(Api):
    """What a test does beyond what the controller may do."""

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        await self._request("DELETE", resource.path(namespace, name))


class Process:
    """Stands for the controller's process, which is started anew when it ends by itself. controller: the one at work.
    endings: how those before it have ended."""

    def __init__(
        self, make: Callable[[], Controller], access: Callable[[], Awaitable[ClientConfig]], namespace: str
    ) -> None:
        self._make = make
        self._access = access
        self._namespace = namespace
        self.controller = make()
        self.endings: list[Retry] = []

    async def run(self) -> None:
        while True:
            try:
                await operate(self.controller, self._access, self._namespace)
            except Retry as ending:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                self.endings.append(ending)
                await asyncio.sleep(RESTART_SECONDS)
                self.controller = self._make()
            else:
                raise AssertionError("the controller has ended without an error")


@dataclass
class World:
    """One namespace."""

    api: Client
    kubeconfig: str
    namespace: str
    hosts: FakeHosts = field(default_factory=FakeHosts)

    async def create(self, resource: Resource, name: str, spec: Any = None, **metadata: Any) -> Raw:
        """A new object. metadata: labels, annotations, …"""
        body: dict[str, Any] = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": self.namespace, **metadata},
        }
        if spec is not None:
            body["spec"] = spec
        return await self.api.create(resource, self.namespace, body)

    async def get(self, resource: Resource, name: str) -> Raw:
        return await self.api.get(resource, self.namespace, name)

    async def all(self, resource: Resource) -> list[Raw]:
        return list((await self.api.list(resource, self.namespace))["items"])

    async def patch(self, resource: Resource, name: str, body: Mapping[str, Any], subresource: str = "") -> Raw:
        """A merge patch that does not care what is there."""
        while True:
            try:
                return await self.api.patch(resource, self.namespace, name, body, subresource)
            except ConflictError:
                continue

    async def annotate(self, resource: Resource, name: str, annotations: Mapping[str, str | None]) -> Raw:
        return await self.patch(resource, name, {"metadata": {"annotations": annotations}})

    async def delete(self, resource: Resource, name: str) -> None:
        await self.api.delete(resource, self.namespace, name)

    async def secret(self, name: str, value: str, **more: str) -> Raw:
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.namespace},
            "stringData": {"value": value, **more},
        }
        return await self.api.create(SECRETS, self.namespace, body)

    async def cluster(self, name: str = "c", *, ready: bool = True, **spec: Any) -> Raw:
        """A Cluster, and the Secrets `key` and `data` that all machines share."""
        reference = {"apiGroup": GROUP, "kind": "RemoteCluster", "name": name}
        endpoint = {"host": "198.51.100.1", "port": 6443}
        made = await self.create(
            CLUSTERS, name, {"infrastructureRef": reference, "controlPlaneEndpoint": endpoint, **spec}
        )
        if ready:
            await self.infrastructure_ready(name)
        return made

    async def infrastructure_ready(self, name: str = "c") -> None:
        await self.patch(CLUSTERS, name, {"status": {"initialization": {"infrastructureProvisioned": True}}}, "status")

    async def secrets(self) -> None:
        await self.secret("key", SSH_KEY)
        await self.secret("data", DATA)

    async def machine(
        self,
        name: str,
        spec: Mapping[str, Any],
        *,
        data: str | None = "data",
        kind: str = "",
        domain: str = "",
        **metadata: Any,
    ) -> Raw:
        """A Machine and the RemoteMachine that it owns, as Cluster API's controllers would have left them. domain: the
        failure domain of the first."""
        bootstrap: dict[str, Any] = {"dataSecretName": data} if data else {}
        if kind or not data:
            bootstrap["configRef"] = {
                "apiGroup": "bootstrap.cluster.x-k8s.io",
                "kind": kind or "K0sWorkerConfig",
                "name": name,
            }
        labels = {f"{CORE_GROUP}/cluster-name": "c"}
        reference = {"apiGroup": GROUP, "kind": "RemoteMachine", "name": name}
        owner = await self.create(
            MACHINES,
            name,
            {"clusterName": "c", "bootstrap": bootstrap, "infrastructureRef": reference}
            | ({"failureDomain": domain} if domain else {}),
            labels=labels,
        )
        metadata["labels"] = labels | metadata.get("labels", {})
        return await self.create(REMOTE_MACHINES, name, spec, ownerReferences=[owner_reference(owner)], **metadata)

    async def entry(
        self, name: str, address: str, pool: str = "p", *, key: str = "key", domain: str = "", **machine: Any
    ) -> Raw:
        labels, annotations = machine.pop("labels", {}), machine.pop("annotations", {})
        spec: dict[str, Any] = {"pool": pool, "machine": {"address": address, "sshKeyRef": {"name": key}, **machine}}
        spec |= {"failureDomain": domain} if domain else {}
        return await self.create(POOLED_REMOTE_MACHINES, name, spec, labels=labels, annotations=annotations)

    async def until(
        self, resource: Resource, name: str, holds: Callable[[Raw], bool], patience: float = PATIENCE
    ) -> Raw:
        """Wait until it holds; AssertionError with the object otherwise."""
        raw: Raw = {}

        async def look() -> bool:
            nonlocal raw
            raw = await self.get(resource, name)
            return holds(raw)

        await wait_until_async(look, Wait(f"{resource.kind} {name} is as wanted", patience, tell=lambda: str(raw)))
        return raw

    async def until_gone(self, resource: Resource, name: str, patience: float = PATIENCE) -> None:
        raw: Raw = {}

        async def look() -> bool:
            nonlocal raw
            try:
                raw = await self.get(resource, name)
            except MissingError:
                return True
            return False

        await wait_until_async(look, Wait(f"{resource.kind} {name} is gone", patience, tell=lambda: str(raw)))

    async def provisioned(self, name: str, patience: float = PATIENCE) -> Raw:
        return await self.until(REMOTE_MACHINES, name, is_provisioned, patience)

    async def waits(self, name: str, reason: str, message: str = "") -> Raw:
        """Until the RemoteMachine is not Ready for this reason."""

        def holds(raw: Raw) -> bool:
            ready = condition(raw, "Ready")
            return ready.get("reason") == reason and message in ready.get("message", "")

        return await self.until(REMOTE_MACHINES, name, holds)

    async def bootstrapping(self, name: str) -> None:
        """Until its bootstrap is at work on the host: it is told first."""
        await self.waits(name, "Bootstrapping")
        asked = self.hosts.requests
        await holds_soon(lambda: any(one.key.name == name for one in asked), f"the bootstrap of {name} has begun")

    async def entry_state(self, name: str, state: str, patience: float = PATIENCE) -> Raw:
        return await self.until(
            POOLED_REMOTE_MACHINES, name, lambda raw: (raw.get("status") or {}).get("state") == state, patience
        )

    async def events(self, name: str, *wanted: str) -> list[str]:
        """The reasons of the events about an object, in the order of the alphabet, when those wanted are there: the
        controller does not wait for its events."""
        reasons: list[str] = []

        async def look() -> bool:
            found = [raw["reason"] for raw in await self.all(EVENTS) if raw["involvedObject"]["name"] == name]
            reasons[:] = sorted(found)
            return set(wanted) <= set(found)

        await wait_until_async(look, Wait(f"{name} has the events {wanted}", PATIENCE, tell=lambda: str(reasons)))
        return reasons

    @contextlib.asynccontextmanager
    async def controller(
        self,
        hosts: FakeHosts | None = None,
        kubeconfig: str = "",
        clock: Clock = time.time,
        *,
        may_end: bool = False,
        **settings: Any,
    ) -> AsyncIterator[Process]:
        """A controller at work on this namespace, ended as SIGTERM would end it. may_end: it may end by itself, and is
        started anew."""
        values = ControllerSettings(**{"namespace": self.namespace, "probe_interval": 0.0, **settings})
        configuration = await configure(kubeconfig or self.kubeconfig)
        async with connect(configuration) as connection:

            def make() -> Controller:
                return Controller(values, Api(connection), hosts if hosts is not None else self.hosts, Metrics(), clock)

            process = Process(make, partial(client_config, configuration), values.namespace)
            working = asyncio.ensure_future(process.run())
            try:
                await holds_soon(lambda: process.controller.ready or working.done(), "the controller is ready")
                assert not working.done(), working.exception()
                yield process
                assert not working.done(), working.exception()
                assert may_end or not process.endings, process.endings
            finally:
                working.cancel()
                await asyncio.wait([working])
            assert working.cancelled(), working.exception()
        # aiohttp's connections close in the turns of the loop that follow.
        await asyncio.sleep(0.1)


def owner_reference(raw: Raw) -> dict[str, Any]:
    return {
        "apiVersion": raw["apiVersion"],
        "kind": raw["kind"],
        "name": raw["metadata"]["name"],
        "uid": raw["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(raw: Raw, kind: str) -> Mapping[str, Any]:
    """One condition; empty when it is not there."""
    conditions = (raw.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


def is_provisioned(raw: Raw) -> bool:
    status = raw.get("status") or {}
    return bool(status.get("ready")) and bool((status.get("initialization") or {}).get("provisioned"))


@contextlib.asynccontextmanager
async def connected(kubeconfig: str, namespace: str) -> AsyncIterator[World]:
    """A world over a namespace that exists."""
    async with connect(await configure(kubeconfig)) as connection:
        yield World(Client(connection, field_manager="test"), kubeconfig, namespace)
