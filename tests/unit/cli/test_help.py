"""`--help` is quick, and says of each command what the command says of itself."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import fields

import pytest

from capra import cli
from capra.cli.app import COMMANDS, EXAMPLES, GROUPS
from capra.cli.loading import load_command
from capra.settings import ControllerSettings, Settings
from tests.unit.cli.conftest import Terminal

IMPORTED = """
import sys
from capra.cli.app import app
try:
    app(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
ALL = COMMANDS | {f"{group} {name}": told for group, (_, own) in GROUPS.items() for name, told in own.items()}
SLOW = {"rich", "pydantic", "cryptography", "jinja2", "yaml", "structlog", "asyncio", "ansible", "kopf", "kubernetes"}
"""What commands need to act, or draws boxes, and takes longest to import."""


@pytest.mark.parametrize("words", ["--help", "--version", *(f"{name} --help" for name in ALL)])
def test_help_imports_nothing_that_acts(words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words.split()], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    imported = set(ended.stderr.split())
    assert "typer" in imported
    # Typer itself takes pydantic for the options of a command, where it is installed.
    assert not imported & (SLOW if words.startswith("--") else SLOW - {"pydantic"})


@pytest.mark.parametrize("name", ALL)
def test_help_says_of_a_command_what_it_says_itself(name: str) -> None:
    own = (load_command(name).help or "").split("\n\n")[0]
    assert " ".join(own.split()) == ALL[name]


def test_an_interrupt_while_a_command_is_imported_is_told(capra: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("capra.cli.loading.load_command", interrupted)
    assert "interrupted; nothing was begun" in capra.said(capra("plan", code=130))


@pytest.mark.parametrize(
    ("arguments", "warm", "launched"),
    [
        ("bootstrap -f m.yaml", None, True),
        ("cleanup -f m.yaml", "true", True),
        ("bootstrap -f m.yaml", "false", False),
        ("bootstrap --help", None, False),
        ("plan -f m.yaml", None, False),
        ("", None, False),
    ],
)
def test_ansible_gets_warm_for_the_commands_that_run_it(
    arguments: str, warm: str | None, launched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(sys, "argv", ["capra", *arguments.split()])
    monkeypatch.delenv("CAPRA_WARM_RUNS", raising=False)
    if warm is not None:
        monkeypatch.setenv("CAPRA_WARM_RUNS", warm)
    monkeypatch.setattr(cli, "launch_ahead", lambda: seen.append("a parent"))
    monkeypatch.setattr("capra.cli.app.app", lambda prog_name: seen.append("the command"))
    cli.main()
    assert seen == ["a parent", "the command"][not launched :]


def _shown(capra: Terminal, name: str) -> str:
    return capra(*name.split(), "--help").stdout


@pytest.mark.parametrize("name", ALL)
def test_help_fits_80_columns(capra: Terminal, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, _shown(capra, name).splitlines())) <= 80
    assert max(map(len, capra("--help").stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", ALL)
def test_help_has_examples_that_can_be_given(capra: Terminal, name: str) -> None:
    command = load_command(name)
    assert command.examples
    for example in command.examples:
        assert f"\n  {example}\n" in _shown(capra, name)
        called = re.search(rf"\bcapra {name}\b[^|>)]*", example)
        assert called, example
        words = shlex.split(called[0])[1 + len(name.split()) :]
        command.make_context(name, words)  # every option is known, and none is missing


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_first_examples_can_be_given(capra: Terminal, example: str) -> None:
    assert f"\n  {example}\n" in capra("--help").stdout
    name, *words = example.split()[1:]
    if words != ["--help"]:
        load_command(name).make_context(name, words)


@pytest.mark.parametrize("name", ALL)
def test_help_names_the_variables_of_its_options(capra: Terminal, name: str) -> None:
    kind = ControllerSettings if name == "controller" else Settings
    settings = {one.name for one in fields(kind) if "parse" in one.metadata}
    shown = " ".join(_shown(capra, name).split())
    for param in load_command(name).params:
        option = {"state_directory_on_host": "host_state_directory"}.get(str(param.name), str(param.name))
        if option in settings:
            assert f"[CAPRA_{option.upper()}" in shown, option
        assert getattr(param, "help", ""), option


def test_help_groups_options(capra: Terminal) -> None:
    shown = _shown(capra, "bootstrap")
    places = [
        shown.index(text) for text in ("\nOptions:", "--file", "\nHosts without root:", "--sentinel", "\nExamples:")
    ]
    assert places == sorted(places)
