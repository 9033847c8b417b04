"""Flags before environment before defaults."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from capra.errors import InputError
from capra.settings import Output, Settings, read_settings, state_home

HOME = {"HOME": "/home/ops"}


def test_defaults() -> None:
    settings = read_settings(Settings, HOME, {})

    assert settings.state_directory == Path("/home/ops/.local/state/capra")
    assert (settings.concurrency, settings.timeout, settings.output) == (50, 0, Output.TABLE)


def test_flags_count_before_the_environment() -> None:
    environment = HOME | {"CAPRA_CONCURRENCY": "3", "CAPRA_OUTPUT": "json", "CAPRA_SSH_KEY": "/key"}

    settings = read_settings(Settings, environment, {"concurrency": 7, "ssh_key": None, "file": ["other"]})

    assert (settings.concurrency, settings.output, settings.ssh_key) == (7, Output.JSON, "/key")


@pytest.mark.parametrize(
    ("name", "text"),
    [("CONCURRENCY", "0"), ("CONCURRENCY", "many"), ("TIMEOUT", "-1"), ("VERBOSE", "²"), ("OUTPUT", "xml")],
)
def test_what_is_wrong_is_named(name: str, text: str) -> None:
    with pytest.raises(InputError, match=f"CAPRA_{name}: must be"):
        read_settings(Settings, HOME | {f"CAPRA_{name}": text}, {})


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"XDG_STATE_HOME": "/state"}, "/state"),
        ({"XDG_STATE_HOME": "relative"}, "/home/ops/.local/state"),
        ({"XDG_STATE_HOME": ""}, "/home/ops/.local/state"),
    ],
)
def test_state_home(environment: dict[str, str], path: str) -> None:
    assert state_home(HOME | environment) == Path(path)


def test_every_setting_is_in_the_reference() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "cli.md").read_text()

    for one in fields(Settings):
        variable = "XDG_STATE_HOME" if one.name == "state_directory" else f"CAPRA_{one.name.upper()}"
        assert variable in text
