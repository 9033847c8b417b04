"""`capra --help` is quick, and says of each command what the command says of itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from capra.cli.app import COMMANDS, load

IMPORTED = """
import sys
from capra.cli.app import app
try:
    app(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
SLOW = {"pydantic", "cryptography", "jinja2", "yaml", "structlog", "asyncio", "ansible", "kopf", "kubernetes"}
"""What most commands need, and takes longest to import."""


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_no_command(argument: str) -> None:
    ended = subprocess.run([sys.executable, "-c", IMPORTED, argument], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    imported = set(ended.stderr.split())
    assert "typer" in imported
    assert not imported & SLOW


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_a_command_what_it_says_itself(name: str) -> None:
    own = (load(name).help or "").split("\n\n")[0]
    assert " ".join(own.split()) == COMMANDS[name]
