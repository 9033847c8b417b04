"""Hosts for pytest. In a conftest.py: `from tests.hosts.fixtures import host, hosts`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.missing import missing

from .errors import Unavailable
from .group import Hosts
from .host import Host

HostsFactory = Callable[..., Hosts]


def bring_up(
    count: int = 1, init: str = "systemd", backend: str = "nspawn", state_dir: Path | None = None, extra: str = ""
) -> Hosts:
    """`Hosts.up`; where this machine cannot, the test is skipped with the reason, or fails with `CI=true`."""
    try:
        return Hosts.up(count=count, init=init, backend=backend, state_dir=state_dir, extra=extra)
    except Unavailable as error:
        missing(f"test hosts: {error}")


@pytest.fixture(scope="session")
def hosts() -> Iterator[HostsFactory]:
    """`hosts(count=3, init="openrc")`: hosts that stay until the session ends; ask once and share them."""
    groups: list[Hosts] = []

    def up(count: int = 1, init: str = "systemd", backend: str = "nspawn") -> Hosts:
        groups.append(bring_up(count, init, backend))
        return groups[-1]

    yield up
    for group in groups:
        group.down()


@pytest.fixture
def standin() -> None:
    """For tests that need the stand-in for k0s: its knobs, its record of calls, or what it alone does."""
    if os.environ.get("K0S_BINARY"):
        pytest.skip("NOT RUN with K0S_BINARY: it needs the stand-in's knobs or its record of calls")


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """One fresh host with systemd; another init by indirect parametrization with its name."""
    with bring_up(init=getattr(request, "param", "systemd")) as group:
        yield group[0]
