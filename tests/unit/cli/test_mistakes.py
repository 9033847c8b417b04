"""The rows of tests/cases/mistakes/terminal.yaml: each message names object, field, value and remedy in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.testing import FakeRunner
from tests.support.ssh_keys import locked_key
from tests.unit.cli.conftest import Terminal
from tests.unit.local.examples import USER_DATA, machine, private_key, public_key, secret

ROWS = yaml.safe_load((Path(__file__).parents[2] / "cases" / "mistakes" / "terminal.yaml").read_text())
NAMED = ("object", "field", "value", "remedy")


def _text(value: str) -> str:
    """What a word of the table stands for."""
    made = {"PRIVATE": private_key(), "PUBLIC": public_key(), "LOCKED": locked_key("x")}
    return made.get(value, value)


def _manifest(row: dict[str, Any], directory: Path) -> None:
    if "manifest" in row:
        text = row["manifest"]
    else:
        document = machine(**row.get("spec", {}))
        document["metadata"] = row.get("metadata", document["metadata"])
        values = row.get("secret") or {"value": _text(row.get("key", "PRIVATE"))}
        text = yaml.safe_dump_all([document, secret(**values)])
    (directory / "machine.yaml").write_text(text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_mistake_is_told(row: dict[str, Any], capra: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    _manifest(row, capra.directory)
    for name, (mode, text) in row.get("files", {}).items():
        (capra.directory / name).write_text(_text(text))
        (capra.directory / name).chmod(int(mode, 8))
    for name, value in row.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    arguments = ["bootstrap", "-f", "machine.yaml"]
    if (data := row.get("data", USER_DATA)) is not None:
        (capra.directory / "user-data.yaml").write_text(data)
        arguments += ["--bootstrap-data", "user-data.yaml"]

    result = capra(*arguments, *row.get("options", ()), code=row.get("code", 2))

    wanted = [str(row[name]) for name in NAMED if name in row]
    assert any(all(part in line for part in wanted) for line in result.stderr.splitlines()), (wanted, result.stderr)
    assert isinstance(capra.runner, FakeRunner)
    assert not capra.runner.requests
    assert "PRIVATE KEY" not in result.stderr.replace("-----BEGIN … PRIVATE KEY-----", "")


def test_each_row_names_an_object_and_a_remedy() -> None:
    assert [row["name"] for row in ROWS if not ("object" in row and "remedy" in row)] == []
