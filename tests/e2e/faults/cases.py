"""The list of faults, and the registry of the scenarios that run them."""

from __future__ import annotations

from collections.abc import Callable
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
