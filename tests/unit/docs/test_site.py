"""The pages of the site that are made of code hold all that they are made of, and every page is in its navigation."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from capra.cli.app import COMMANDS
from capra.cli.errors import ExitCode
from tests.support.script_modules import load_script

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def site() -> ModuleType:
    return load_script("docs_site")


def _pages(navigation: Any) -> list[str]:
    if isinstance(navigation, str):
        return [navigation]
    values = navigation.values() if isinstance(navigation, dict) else navigation
    return [page for one in values for page in _pages(one)]


def test_every_page_is_in_the_navigation(site: ModuleType) -> None:
    given = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    docs = ROOT / "docs"
    written = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    assert sorted(_pages(given)) == sorted(
        {one for one in written if not one.startswith("decisions/")} | set(site.PAGES)
    )


def test_the_commands_are_all_there_and_fit(site: ModuleType) -> None:
    text = site.commands()
    assert re.findall(r"^## capra (.+)$", text, re.MULTILINE) == site.command_names()
    assert {*COMMANDS, "pool import", "pool export"} == {*site.command_names()}
    assert "Usage: capra bootstrap [OPTIONS]" in text
    assert "--take-over MACHINE" in text
    assert max(map(len, text.splitlines())) <= site.WIDTH
    for code in ExitCode:
        assert f"| {int(code)} |" in text


def test_the_settings_have_a_meaning(site: ModuleType) -> None:
    rows = [line.split(" | ") for line in site.settings().splitlines() if line.startswith("| `--")]
    assert len(rows) > 30
    assert [row for row in rows if len(row) != 4 or len(row[3]) < 10] == []


def test_every_field_of_a_kind_is_there(site: ModuleType) -> None:
    text = site.api_fields()
    for field in ("spec.address", "spec.hostKeys", "status.progress.step", "spec.ansible.beforeBootstrap[].name"):
        assert f"| `{field}` |" in text, field
    for line in text.splitlines():
        if line.startswith("| `"):
            assert not line.endswith("|  |"), f"has no description: {line}"


def test_roles_and_metrics(site: ModuleType) -> None:
    roles = {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}
    assert set(re.findall(r"^## (\S+)$", site.roles(), re.MULTILINE)) == roles
    assert "| `capra_runs_total` | counter |" in site.metrics()
