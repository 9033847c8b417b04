"""A pool and those who wait for it: the controller over an API server that is a dictionary, in virtual time. Machines
take entries and get no further, for nobody gives their SSH key away."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from capra.controller.controller import Controller
from capra.controller.serving.metrics import Metrics
from capra.kube.client.errors import MissingError, UnavailableError
from capra.kube.client.resources import (
    CORE_GROUP,
    HOLDER,
    POOLED_REMOTE_MACHINES,
    REMOTE_MACHINES,
    SECRETS,
    UNREACHABLE,
    Raw,
    Resource,
    name_of,
)
from capra.kube.objects import silent
from capra.model.machine import GROUP
from capra.settings import ControllerSettings
from capra.testing import FakeRunner
from tests.support.merge_patch import patched
from tests.unit.kube.pool_examples import KEY, entry, machine
from tests.unit.kube.store_world import NOW, Server

RESOURCES = {
    **{one.kind: one for one in (REMOTE_MACHINES, POOLED_REMOTE_MACHINES, SECRETS)},
    **{kind: Resource(CORE_GROUP, "v1beta2", f"{kind.lower()}s", kind) for kind in ("Machine", "Cluster")},
}
MACHINES, ENTRIES = REMOTE_MACHINES.kind, POOLED_REMOTE_MACHINES.kind
ANSWER_SECONDS = 0.01
DATA = {"data": {"value": base64.b64encode(b"#cloud-config\n").decode()}}


class SlowServer(Server):
    """Answers take a moment. broken: names of objects that cannot be written. world: told of every change."""

    def __init__(self, world: LineWorld) -> None:
        super().__init__()
        self.broken: set[str] = set()
        self._world = world

    def put(self, raw: Raw) -> Raw:
        made = super().put(raw)
        self._world.happens(made)
        return made

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        await asyncio.sleep(ANSWER_SECONDS)
        if resource == SECRETS and name == name_of(KEY):
            raise MissingError("gone", reason="NotFound")
        return await super().get(resource, namespace, name)

    async def patch_metadata(self, resource: Resource, namespace: str, name: str, metadata: Raw) -> Raw:
        """Of a Secret, whose content nobody can read here."""
        await asyncio.sleep(ANSWER_SECONDS)
        return self.put(patched(self.objects[resource.kind, name], {"metadata": metadata}))

    async def patch(self, resource: Resource, namespace: str, name: str, body: Raw, subresource: str = "") -> Raw:
        await asyncio.sleep(ANSWER_SECONDS)
        if name in self.broken:
            raise UnavailableError("500")
        return await super().patch(resource, namespace, name, body, subresource)


class LineWorld:
    """What people and others do."""

    def __init__(self) -> None:
        self.server = SlowServer(self)
        settings, api, runner = ControllerSettings(), self.server, FakeRunner()
        given: Any = api
        self.controller = Controller(settings, given, runner, Metrics(), self.now)
        self._made = 0
        self.server.put({"kind": "Secret", **KEY})
        self.server.put({"kind": "Secret", "metadata": _metadata("data"), **DATA})
        ready = {"status": {"infrastructureReady": True}}
        self.server.put({"kind": "Cluster", "metadata": _metadata("c"), **ready})

    def now(self) -> float:
        return NOW + asyncio.get_running_loop().time()

    def happens(self, raw: Raw, *, deleted: bool = False) -> None:
        """The watch tells, a little later."""
        loop = asyncio.get_running_loop()
        loop.call_later(ANSWER_SECONDS / 2, lambda: self.controller.seen(RESOURCES[raw["kind"]], raw, deleted=deleted))

    def add_machine(self, name: str) -> None:
        self._made += 1
        reference = {"apiGroup": GROUP, "kind": MACHINES, "name": name}
        spec = {"clusterName": "c", "bootstrap": {"dataSecretName": "data"}, "infrastructureRef": reference}
        self.server.put({"kind": "Machine", "metadata": _metadata(name), "spec": spec})
        made = machine(name, f"uid-{name}-{self._made}")
        made["metadata"]["creationTimestamp"] = f"2026-01-01T00:00:{self._made:02d}Z"
        made["metadata"]["ownerReferences"] = [
            {"apiVersion": f"{CORE_GROUP}/v1beta2", "kind": "Machine", "name": name, "uid": f"uid-{name}"}
        ]
        self.server.put(made)

    def add_entry(self, name: str) -> None:
        self.server.put(entry(name))

    def change(self, kind: str, name: str, body: Mapping[str, Any]) -> None:
        if (kind, name) in self.server.objects:
            self.server.put(patched(self.server.objects[kind, name], body))

    def annotate(self, kind: str, name: str, annotations: Mapping[str, str | None]) -> None:
        self.change(kind, name, {"metadata": {"annotations": annotations}})

    def free(self, name: str) -> None:
        self.annotate(ENTRIES, name, {HOLDER: "", UNREACHABLE: None})

    def falls_silent(self, name: str) -> None:
        if (ENTRIES, name) in self.server.objects:
            mark = silent.dump_silence(self.server.objects[ENTRIES, name], self.now(), "timed out")
            self.annotate(ENTRIES, name, {HOLDER: "", UNREACHABLE: mark})

    def delete(self, kind: str, name: str) -> None:
        raw = self.server.objects.pop((kind, name), None)
        if raw is not None:
            self.happens(raw, deleted=True)

    def machines(self) -> list[Raw]:
        return [raw for (kind, _), raw in self.server.objects.items() if kind == MACHINES]

    def holder(self, name: str) -> str:
        """The name of the machine that holds an entry."""
        annotations = self.server.objects[ENTRIES, name]["metadata"]["annotations"]
        return str(annotations.get(HOLDER, "")).partition("/")[0]

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        working = asyncio.create_task(self.controller.queue.run())
        yield
        assert not working.done()
        working.cancel()
        await asyncio.wait([working])


def _metadata(name: str) -> dict[str, str]:
    return {"name": name, "namespace": "default", "uid": f"uid-{name}"}
