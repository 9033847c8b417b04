"""What `capra doctor` learns of a cluster, and what it does without."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest

from capra.kube.client.errors import DeniedError, MissingError
from capra.kube.client.resources import CORE_GROUP, Resource
from capra.kube.objects.doctor import KINDS, RIGHTS, ClusterFacts
from capra.kube.stores import doctor
from capra.model.machine import GROUP


class Server:
    """An API server. denied, missing: kinds of which it says so. ahead: seconds of its clock."""

    def __init__(self, denied: tuple[str, ...] = (), missing: tuple[str, ...] = (), ahead: float = 0.0) -> None:
        self.denied, self.missing, self.ahead = denied, missing, ahead
        self.reviews: list[dict[str, Any]] = []

    def _answer(self, kind: str) -> None:
        if kind in self.denied:
            raise DeniedError("no")
        if kind in self.missing:
            raise MissingError("gone", reason="NotFound")

    async def version(self) -> tuple[dict[str, Any], str]:
        return {"gitVersion": "v1.34.4"}, formatdate(time.time() + self.ahead, usegmt=True)

    async def served_versions(self, group: str) -> tuple[str, ...]:
        self._answer(group)
        return ("v1beta2", "v1beta1")

    async def list(self, resource: Resource, namespace: str, *, metadata_only: bool = False) -> dict[str, Any]:
        self._answer(f"list of {resource.kind}")
        self._answer(resource.kind)
        labels = {doctor.PROVIDER_LABEL: doctor.PROVIDER} if resource is doctor.DEPLOYMENTS else {}
        others = [{"metadata": {"namespace": "n", "name": "other"}}] if labels else []
        place = {"namespace": namespace or "n", "name": resource.plural}
        return {"items": [{"metadata": {**place, "labels": labels}}, *others]}

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        self._answer(resource.kind)
        pod = {"serviceAccountName": f"account-of-{name}"}
        return {"metadata": {"namespace": namespace, "name": name}, "spec": {"template": {"spec": pod}}}

    async def create(self, resource: Resource, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self._answer(resource.kind)
        self.reviews.append(body["spec"])
        verb = body["spec"]["resourceAttributes"]["verb"]
        return {"status": {"allowed": verb != "patch"}} if verb != "watch" else {}


def learn(server: Any, namespace: str = "") -> ClusterFacts:
    return asyncio.run(doctor.learn(server, namespace))


def test_everything_that_may_be_read_is_known() -> None:
    server = Server()
    facts = learn(server, "machines")
    assert (facts.version, facts.skew) == ("v1.34.4", 0.0)
    assert set(facts.versions) == {GROUP, CORE_GROUP}
    assert set(facts.crds) == {f"{kind.plural}.{GROUP}" for kind in KINDS}
    assert facts.secrets == frozenset({("machines", "secrets")})
    assert facts.controllers is not None
    assert [one["metadata"] for one in facts.controllers] == [{"namespace": "n", "name": "deployments"}]
    assert facts.allowed is not None
    assert facts.allowed == {right: right.verb not in {"patch", "watch"} for right in RIGHTS}


def test_the_controllers_own_account_is_asked_for() -> None:
    server = Server()
    learn(server, "machines")
    assert {one["user"] for one in server.reviews} == {"system:serviceaccount:n:account-of-deployments"}
    assert {one["resourceAttributes"]["namespace"] for one in server.reviews} == {"machines"}
    assert not any("/" in one["resourceAttributes"]["resource"] for one in server.reviews)


def test_without_a_list_it_is_looked_for_where_the_manifests_put_it() -> None:
    server = Server(denied=("list of Deployment",))
    facts = learn(server)
    assert facts.controllers is not None
    assert [one["metadata"] for one in facts.controllers] == [{"namespace": "capra-system", "name": doctor.MANAGER}]
    nothing = Server(missing=("Deployment",))
    assert learn(nothing).controllers == []
    assert {one["user"] for one in nothing.reviews} == {"system:serviceaccount:capra-system:capra-manager"}


def test_what_may_not_be_read_is_not_known_and_no_error() -> None:
    kinds = ("Secret", "RemoteMachine", "Deployment", "SubjectAccessReview", "CustomResourceDefinition")
    facts = learn(Server(denied=kinds))
    assert (facts.secrets, facts.machines, facts.controllers, facts.allowed) == (None, None, None, None)
    assert set(facts.crds.values()) == {None}
    assert facts.entries is not None


def test_what_is_not_there_is_known_not_to_be() -> None:
    facts = learn(Server(missing=(GROUP, "RemoteMachine", "Deployment", "CustomResourceDefinition")))
    assert facts.versions[GROUP] == ()
    assert (facts.machines, facts.controllers) == ([], [])
    assert all(crd == {} for crd in facts.crds.values())


@pytest.mark.parametrize("ahead", [600.0, -600.0])
def test_a_clock_that_is_wrong_is_told(ahead: float) -> None:
    skew = learn(Server(ahead=ahead)).skew
    assert skew is not None
    assert abs(skew - ahead) < 5


def test_a_server_that_tells_no_time_has_no_skew() -> None:
    assert doctor._skew("no date", 0.0, 1.0) is None
