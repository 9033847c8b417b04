"""The mutations by hand fit the sources: `make mutants` is no part of CI, and would find out hours later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
LISTED = [
    one for path in sorted((ROOT / "tests" / "mutants").glob("*.yaml")) for one in yaml.safe_load(path.read_text())
]


@pytest.mark.parametrize("mutation", [pytest.param(one, id=one["name"].replace(" ", "-")) for one in LISTED])
def test_the_old_text_stands_there_once(mutation: dict[str, Any]) -> None:
    assert (ROOT / mutation["file"]).read_text().count(mutation["old"]) == 1
    assert [name for name in mutation["tests"] if name.startswith("tests/") and not (ROOT / name).exists()] == []
