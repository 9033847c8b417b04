"""The locked versions can be installed wherever Capra says it can."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.specifiers import SpecifierSet

LOCKED = Path(__file__).parents[2] / "constraints.txt"
OLDEST = "3.11.0"
"""Of the Python that pyproject.toml demands. Debian 12 has 3.11.2."""


def test_each_locked_version_runs_with_the_oldest_python() -> None:
    demanded = {}
    for line in LOCKED.read_text().splitlines():
        name, _, version = line.partition("#")[0].strip().partition("==")
        if not name:
            continue
        try:
            found = metadata(name)
        except PackageNotFoundError:  # of an extra that is installed by itself: mutants, release
            continue
        assert found["Version"] == version, f"{name}: {version} is locked; run make venv"
        demanded[name] = found["Requires-Python"] or ""
    assert len(demanded) > 100
    assert {name: says for name, says in demanded.items() if OLDEST not in SpecifierSet(says)} == {}
