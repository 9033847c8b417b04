"""One host for each shell that targets have."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.component.programs.host import OTHER, SHELLS, Host, hosts
from tests.missing import missing


@pytest.fixture(params=sorted(SHELLS))
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """This machine, with one of the shells."""
    yield from hosts(request)


@pytest.fixture(params=["dash"])
def one_host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """The same, where the shell makes no difference."""
    yield from hosts(request)


@pytest.fixture
def home(host: Host) -> Path:
    """A directory of another user, below one of root's."""
    directory = host.work / "home"
    directory.mkdir()
    os.chown(directory, OTHER, OTHER)
    return directory


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory in memory."""
    if "/dev/shm tmpfs" not in Path("/proc/self/mounts").read_text():
        missing("a tmpfs at /dev/shm")
    path = Path("/dev/shm") / f"capra-test.{os.getpid()}"
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)
