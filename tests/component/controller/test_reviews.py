"""Who may read the metrics, as a real API server says it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
from kubernetes.aio.client import ApiClient

from capra.controller.serving.access import Access
from capra.errors import Retry
from capra.kube.client.connection import configure, connect
from capra.kube.client.reviews import Verdict, review
from tests.controlplane import ControlPlane
from tests.support.waiting import Wait, wait_until_async


@pytest.fixture
async def connection(shared_control_plane: ControlPlane) -> AsyncIterator[ApiClient]:
    async with connect(await configure(str(shared_control_plane.kubeconfig))) as made:
        yield made


def token(plane: ControlPlane, namespace: str, account: str, *, reader: bool) -> str:
    """Of a new ServiceAccount. reader: it may read /metrics, as Prometheus may."""
    plane.kubectl("create", "serviceaccount", account, "--namespace", namespace)
    if reader:
        role = f"{namespace}-{account}"
        plane.kubectl("create", "clusterrole", role, "--verb=get", "--non-resource-url=/metrics")
        plane.kubectl(
            "create", "clusterrolebinding", role, f"--clusterrole={role}", f"--serviceaccount={namespace}:{account}"
        )
    return plane.kubectl("create", "token", account, "--namespace", namespace).strip()


async def test_what_the_bearer_of_a_token_may_do(
    shared_control_plane: ControlPlane, namespace: str, connection: ApiClient
) -> None:
    reader = token(shared_control_plane, namespace, "reader", reader=True)
    other = token(shared_control_plane, namespace, "other", reader=False)

    # The authorizer of the API server learns of the new role by a watch.
    async def allowed() -> bool:
        return await review(connection, reader, "/metrics") is Verdict.ALLOWED

    await wait_until_async(allowed, Wait("the API server knows the role", 10))
    assert await review(connection, reader, "/secrets") is Verdict.FORBIDDEN
    assert await review(connection, other, "/metrics") is Verdict.FORBIDDEN
    for wrong in ("nonsense", f"{reader[:-4]}aaaa"):
        assert await review(connection, wrong, "/metrics") is Verdict.UNKNOWN
    access = Access(partial(review, connection))
    assert await access.refusal(f"Bearer {reader}", "/metrics") == 0
    assert await access.refusal(f"Bearer {other}", "/metrics") == 403
    assert await access.refusal("Bearer nonsense", "/metrics") == 401


async def test_nobody_can_tell_without_an_api_server(shared_control_plane: ControlPlane) -> None:
    configuration = await configure(str(shared_control_plane.kubeconfig))
    configuration.host = "https://127.0.0.1:9"
    async with connect(configuration) as gone:
        with pytest.raises(Retry, match="the API server cannot be asked"):
            await review(gone, "token", "/metrics")
        assert await Access(partial(review, gone)).refusal("Bearer token", "/metrics") == 503


async def test_a_controller_that_may_not_ask_says_so(shared_control_plane: ControlPlane, namespace: str) -> None:
    shared_control_plane.kubectl("create", "serviceaccount", "powerless", "--namespace", namespace)
    kubeconfig = shared_control_plane.kubeconfig_for(namespace, "powerless")
    async with connect(await configure(str(kubeconfig))) as powerless:
        with pytest.raises(Retry, match="the API server refuses the review: 403 Forbidden"):
            await review(powerless, "token", "/metrics")
