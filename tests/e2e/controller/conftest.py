"""All tests of the controller in one process: they share a management cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

GROUP = "controller"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One group for the tests of this directory."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(GROUP))
