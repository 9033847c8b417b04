"""Every case of tests/cases/faults.yaml gives what its file says. The scenarios stand in the other modules here."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults.cases import listed, scenarios

for _module in sorted(Path(__file__).parent.glob("kind_*.py")):
    importlib.import_module(f"tests.e2e.faults.{_module.stem}")

SHARED = {"site": "controller", "management": "controller", "shared_control_plane": "faults"}
"""A fixture that is dear, and the group of tests that share it in one process."""


def _parameters() -> list[Any]:
    made = []
    for case in listed():
        function = scenarios.get(case["name"])
        wanted = inspect.signature(function).parameters if function else {}
        group = next((SHARED[name] for name in wanted if name in SHARED), "")
        marks = [pytest.mark.xdist_group(group)] if group else []
        made.append(pytest.param(case, id=case["name"].replace(" ", "-"), marks=marks))
    return made


@pytest.mark.parametrize("case", _parameters())
def test_case(case: dict[str, Any], request: pytest.FixtureRequest) -> None:
    function = scenarios.get(case["name"])
    assert function is not None, "the list has a case that no scenario runs"
    names = inspect.signature(function).parameters
    function(**{name: case if name == "case" else request.getfixturevalue(name) for name in names})


def test_each_scenario_runs_a_case_of_the_list() -> None:
    assert scenarios.keys() <= {case["name"] for case in listed()}
