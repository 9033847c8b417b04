"""One host for each shell that targets have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.component.programs.host import SHELLS, Host, hosts


@pytest.fixture(params=sorted(SHELLS))
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """This machine, with one of the shells."""
    yield from hosts(request, tmp_path)


@pytest.fixture(params=["dash"])
def one_host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """The same, where the shell makes no difference."""
    yield from hosts(request, tmp_path)
