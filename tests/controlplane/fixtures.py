"""Control planes for pytest, to be imported in a conftest.py: `from tests.controlplane.fixtures import …`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.missing import missing

from .crds import install_capra, install_cluster_api
from .errors import Unavailable
from .managers.cluster_api import ClusterApi
from .managers.kubeadm import Kubeadm
from .plane import ControlPlane


def bring_up() -> ControlPlane:
    """`ControlPlane.up`; where this machine cannot, the test is skipped with the reason, or fails with `CI=true`."""
    try:
        return ControlPlane.up()
    except Unavailable as error:
        missing(f"test control plane: {error}")


@pytest.fixture(scope="session")
def shared_control_plane() -> Iterator[ControlPlane]:
    """One for all tests of a process, with the CRDs of Cluster API and Capra; none of their controllers runs."""
    with bring_up() as plane:
        try:
            install_cluster_api(plane)
        except Unavailable as error:
            missing(f"test control plane: {error}")
        install_capra(plane)
        yield plane


@pytest.fixture
def own_control_plane() -> Iterator[ControlPlane]:
    """An empty one for one test."""
    with bring_up() as plane:
        yield plane


@pytest.fixture
def namespace(shared_control_plane: ControlPlane) -> str:
    """A new namespace of the shared one."""
    return shared_control_plane.namespace()


def bring_up_cluster_api(plane: ControlPlane) -> ClusterApi:
    """`ClusterApi.up`; skips or fails as `bring_up`."""
    try:
        return ClusterApi.up(plane)
    except Unavailable as error:
        missing(f"Cluster API: {error}")


def bring_up_kubeadm(plane: ControlPlane) -> Kubeadm:
    """`Kubeadm.up`; skips or fails as `bring_up`."""
    try:
        return Kubeadm.up(plane)
    except Unavailable as error:
        missing(f"Cluster API's kubeadm providers: {error}")
