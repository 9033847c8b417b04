"""Real hosts for the end-to-end tests, and `capra` with state of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.support import Capra


@pytest.fixture
def capra(tmp_path: Path) -> Capra:
    """`capra` in a new directory."""
    return Capra(tmp_path)
