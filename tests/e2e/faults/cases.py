"""The list of faults, and the registry of the scenarios that run them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

LIST = Path(__file__).parents[2] / "cases" / "faults.yaml"

Scenario = Callable[..., None]
Registered = TypeVar("Registered", bound=Scenario)

scenarios: dict[str, Scenario] = {}
"""By the name of the case. A scenario's parameters are names of fixtures; `case` is the entry of the list."""


def scenario(name: str) -> Callable[[Registered], Registered]:
    """Registers the scenario of the case with this name."""

    def register(function: Registered) -> Registered:
        assert name not in scenarios, f"two scenarios for {name!r}"
        scenarios[name] = function
        return function

    return register


def listed() -> list[dict[str, Any]]:
    """The cases, as the file has them."""
    found: list[dict[str, Any]] = yaml.safe_load(LIST.read_text())
    return found


def identifier(name: str) -> str:
    """The case's name as pytest shows it."""
    return name.replace(" ", "-")


@cache
def load_scenarios() -> None:
    """Import the modules beside this one that hold the scenarios."""
    for module in sorted(Path(__file__).parent.glob("kind_*.py")):
        importlib.import_module(f"tests.e2e.faults.{module.stem}")


@cache
def fixtures_of(case: str) -> frozenset[str]:
    """What the scenario of the case with this identifier takes; nothing where there is none."""
    load_scenarios()
    found = next((function for name, function in scenarios.items() if identifier(name) == case), None)
    return frozenset(inspect.signature(found).parameters) if found else frozenset()
