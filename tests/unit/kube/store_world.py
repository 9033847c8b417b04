"""The store over an API server that is a dictionary. It keeps to versions and UIDs as the real one does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.kube.cache.cache import Cache
from capra.kube.cache.writer import Writer
from capra.kube.client.errors import ConflictError, MissingError
from capra.kube.client.resources import Raw, Resource, annotations_of
from capra.kube.stores.held_secrets import HeldSecrets
from capra.kube.stores.hooks import HookStore
from capra.kube.stores.machines import KubeStore
from capra.kube.stores.pool_entries import EntryStore
from capra.kube.stores.reporter import Reporter
from capra.model.machine import MachineSpec
from capra.model.observation import BootstrapData, Problem, SSHKey
from tests.support.merge_patch import patched

NOW = 1000.0


class Server:
    """The part of `Api` that the store needs. patches: how many were carried out."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Raw] = {}
        self.version = 0
        self.patches = 0

    def put(self, raw: Raw) -> Raw:
        """An object as it is now, with the next version."""
        self.version += 1
        metadata = raw["metadata"] | {"resourceVersion": str(self.version)}
        made = {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", **raw, "metadata": metadata}
        self.objects[raw["kind"], metadata["name"]] = made
        return made

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        if (resource.kind, name) not in self.objects:
            raise MissingError("gone", reason="NotFound")
        return self.objects[resource.kind, name]

    async def patch(self, resource: Resource, namespace: str, name: str, body: Raw, subresource: str = "") -> Raw:
        now = (await self.get(resource, namespace, name))["metadata"]
        if (now["uid"], now["resourceVersion"]) != (body["metadata"]["uid"], body["metadata"]["resourceVersion"]):
            raise ConflictError("another one, or changed meanwhile")
        self.patches += 1
        return self.put(patched(self.objects[resource.kind, name], body))

    async def patch_metadata(self, resource: Resource, namespace: str, name: str, metadata: Raw) -> Raw:
        return await self.patch(resource, namespace, name, {"metadata": metadata})

    async def create(self, resource: Resource, namespace: str, body: Raw) -> Raw:
        return body


class Secrets:
    """Every Secret that is asked for."""

    async def login(self, namespace: str, spec: MachineSpec, place: str) -> tuple[SSHKey | None, Problem | None, str]:
        return SSHKey("key"), None, ""

    async def bootstrap(self, namespace: str, name: str) -> BootstrapData | None:
        return BootstrapData(b"#cloud-config\nruncmd: [join]\n")


class StoreWorld:
    """A store, and what it knows and writes to."""

    def __init__(self, *raws: Raw, cache: Cache | None = None, allow_hooks: bool = False) -> None:
        self.server, self.cache = Server(), cache if cache is not None else Cache()
        self.put({"kind": "Secret", "metadata": {"name": "key", "namespace": "default", "uid": "uid-key"}})
        server: Any = self.server
        secrets: Any = Secrets()
        writer = Writer(server, self.cache)
        hooks = HookStore(server, allowed=allow_hooks)
        self.entries = EntryStore(writer, secrets, hooks, lambda: NOW)
        self.store = KubeStore(
            writer, self.cache, secrets, hooks, self.entries, HeldSecrets(server, self.cache), lambda: NOW
        )
        self.reporter = Reporter(writer, self.cache, lambda: NOW)
        for raw in raws:
            self.put(raw)

    def put(self, raw: Raw) -> None:
        """An object is made or changed, and the watch tells."""
        self.cache.put(raw["kind"], self.server.put(raw))

    def remake(self, raw: Raw) -> None:
        """The object of this kind and name goes, finalizer or not, and this one takes its name."""
        self.cache.remove(raw["kind"], self.get(raw["kind"], raw["metadata"]["name"]))
        self.put(raw)

    def get(self, kind: str, name: str) -> Raw:
        return self.server.objects[kind, name]

    def annotations(self, kind: str, name: str) -> Mapping[str, str]:
        return annotations_of(self.get(kind, name))
