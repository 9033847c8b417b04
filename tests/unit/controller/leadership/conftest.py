"""Elections take place in virtual time."""

from __future__ import annotations

import pytest

from tests.unit.controller.leadership.lease_world import in_virtual_time


@pytest.fixture(autouse=True)
def _virtual(monkeypatch: pytest.MonkeyPatch) -> None:
    in_virtual_time(monkeypatch)
