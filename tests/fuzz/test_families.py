"""Hostile data is read, or refused in a few words, in time that grows with its size, and within bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.families import FAMILIES

ROOT = Path(__file__).parents[2]
SIZES = (3 * 2**17, 2**20)
"""The first is about as long as small values are let through: see `strict_yaml.LIMITS`."""

TIMES_THE_FLOOR = 4.5
"""A family may take so many times as long as ordinary data of its size."""

LONGEST_MESSAGE = 2000


@pytest.fixture(scope="module")
def measurements() -> list[dict[str, Any]]:
    """All families and sizes, in one process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.measure", *map(str, SIZES)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'provider'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_bounded(measurements: list[dict[str, Any]], family: str) -> None:
    of_it = [one for one in measurements if one["family"] == family]
    assert len(of_it) == len(SIZES)
    assert [one["wrong"] for one in of_it if one["wrong"]] == []
    assert [one["message"][:100] for one in of_it if len(one["message"]) > LONGEST_MESSAGE] == []
    slow = {one["size"]: one["seconds"] for one in of_it if one["seconds"] > one["floor"] * TIMES_THE_FLOOR}
    assert slow == {}, f"ordinary data takes {[one['floor'] for one in of_it]}"
