"""A management cluster, shared by all end-to-end tests of the controller; each has its own namespace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.component.deploy.conftest import compose
from tests.controlplane import ControlPlane
from tests.controlplane.fixtures import bring_up, bring_up_cluster_api
from tests.e2e.controller.kubelets import Kubelets
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import ACCOUNT, Management, Site
from tests.support.rbac import Account, refused_rules


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Capra's release, composed now."""
    output = tmp_path_factory.mktemp("release")
    return Path(compose(output).stdout.strip())


@pytest.fixture(scope="session")
def workload() -> Iterator[ControlPlane]:
    """What stands behind `<cluster>-kubeconfig`: Nodes, and nothing else."""
    with bring_up() as plane:
        yield plane


def bring_up_management(release: Path, workload: ControlPlane) -> Iterator[Management]:
    """A management cluster; ends it."""
    with bring_up() as plane, bring_up_cluster_api(plane) as core:
        made = Management(plane, core, release, workload)
        made.install()
        yield made
        # Whatever the tests did, the controller never asked for what its role does not give.
        assert refused_rules(plane.audit(), Account(*ACCOUNT).user) == set()


@pytest.fixture(scope="session")
def management(release: Path, workload: ControlPlane) -> Iterator[Management]:
    """The shared one."""
    yield from bring_up_management(release, workload)


@pytest.fixture
def site(management: Management) -> Site:
    """A namespace of the test's own."""
    return Site(management)


@pytest.fixture
def controller(management: Management, site: Site, tmp_path: Path) -> Iterator[ControllerProcess]:
    """A controller at work on the test's namespace."""
    kubeconfig = management.plane.kubeconfig_for(*ACCOUNT)
    process = ControllerProcess(kubeconfig, tmp_path, (f"--namespace={site.namespace}",))
    try:
        process.start()
        yield process
    finally:
        process.end()
        # Shown when the test fails.
        print(process.tail(100))
        print(management.core.tail(60))


@pytest.fixture
def kubelets(site: Site, management: Management) -> Iterator[Kubelets]:
    """Hosts join the workload cluster."""
    with Kubelets(site, management.workload) as made:
        yield made
