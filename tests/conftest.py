"""How tests are shared out among processes: a control plane takes seconds and memory, so its tests stay together."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.e2e.faults.cases import fixtures_of

# How long an example takes says how loaded the machine is.
settings.register_profile("capra", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("capra")

PLANE = "control plane"
MANIFESTS = "control plane of manifests"
MANAGEMENT = "management cluster"
BY_DIRECTORY = {
    "tests/component/bootstrap": "kubeadm providers",
    "tests/component/controller": PLANE,
    "tests/component/crds": MANIFESTS,
    "tests/component/deploy": MANIFESTS,
    "tests/e2e/controller": MANAGEMENT,
    # A release is built once.
    "tests/e2e/release": MANAGEMENT,
}
BY_FILE = {"tests/e2e/test_like_cloud_init.py": "a pair of hosts"}
BY_FIXTURE = {"shared_control_plane": PLANE, "site": MANAGEMENT, "management": MANAGEMENT}


def group_of(nodeid: str) -> str | None:
    """The control plane, or the hosts, that this test shares with others; None for none."""
    path, _, name = nodeid.partition("::")
    if path.startswith("tests/e2e/faults/") and (case := re.fullmatch(r"test_case\[(.*)\]", name)):
        return next((BY_FIXTURE[fixture] for fixture in sorted(fixtures_of(case[1])) if fixture in BY_FIXTURE), None)
    return BY_FILE.get(path) or BY_DIRECTORY.get(str(PurePosixPath(path).parent))


class ByControlPlane(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Each test by itself, but those of a group in one process. The mark `xdist_group` has no effect with pytest 9.2
    (https://github.com/pytest-dev/pytest-xdist/issues/1386)."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid) or nodeid


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked for the night runs where it is asked for by the mark; it is counted among the deselected."""
    if "nightly" in config.getoption("markexpr"):
        return
    later = [item for item in items if item.get_closest_marker("nightly")]
    if later:
        config.hook.pytest_deselected(items=later)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByControlPlane | None:
    """With `--dist=loadgroup` only."""
    return ByControlPlane(config, log) if config.getoption("dist") == "loadgroup" else None
