"""Real hosts for the end-to-end tests, and `capra` with state of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.fixtures import shared_control_plane
from tests.e2e.controller.fixtures import controller, kubelets, management, release, site, workload
from tests.e2e.support import Capra
from tests.hosts import Host
from tests.hosts.fixtures import bring_up, host, standin

__all__ = [
    "capra",
    "controller",
    "host",
    "kubelets",
    "management",
    "release",
    "shared_control_plane",
    "site",
    "standin",
    "ten_hosts",
    "two_hosts",
    "workload",
]


@pytest.fixture
def two_hosts() -> Iterator[list[Host]]:
    """Two new hosts with systemd."""
    with bring_up(2) as hosts:
        yield list(hosts)


@pytest.fixture
def ten_hosts() -> Iterator[list[Host]]:
    """Ten of them."""
    with bring_up(10) as hosts:
        yield list(hosts)


@pytest.fixture
def capra(tmp_path: Path) -> Capra:
    """`capra` in a new directory."""
    return Capra(tmp_path)
