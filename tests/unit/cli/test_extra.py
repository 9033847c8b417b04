"""A package that is missing is named with the command that installs it."""

from __future__ import annotations

import pytest

from capra.cli.extra import needing_extra
from capra.errors import Fatal


def test_a_package_of_the_extra() -> None:
    with (
        pytest.raises(Fatal, match=r"kopf is not installed: run pip install '\.\[controller\]'") as raised,
        needing_extra(),
    ):
        raise ModuleNotFoundError("no kopf", name="kopf")
    assert raised.value.reason == "MissingPackage"
    with pytest.raises(Fatal), needing_extra():
        raise ModuleNotFoundError("no kubernetes.aio", name="kubernetes.aio")


@pytest.mark.parametrize("name", ["capra.mistake", None])
def test_any_other_is_a_mistake_of_ours(name: str | None) -> None:
    with pytest.raises(ModuleNotFoundError), needing_extra():
        raise ModuleNotFoundError("no module", name=name)
