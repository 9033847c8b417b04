"""Every case of tests/cases/faults.yaml gives what its file says. The scenarios stand in the other modules here."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.faults.cases import fixtures_of, identifier, listed, load_scenarios, scenarios

load_scenarios()


@pytest.mark.parametrize("case", [pytest.param(case, id=identifier(case["name"])) for case in listed()])
def test_case(case: dict[str, Any], request: pytest.FixtureRequest) -> None:
    function = scenarios.get(case["name"])
    assert function is not None, "the list has a case that no scenario runs"
    names = fixtures_of(identifier(case["name"]))
    function(**{name: case if name == "case" else request.getfixturevalue(name) for name in sorted(names)})


def test_each_scenario_runs_a_case_of_the_list() -> None:
    assert scenarios.keys() <= {case["name"] for case in listed()}
