"""The become plugin for doas: its command, and what its words mean."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.plugins.shell.sh import ShellModule

from ansible_collections.capra.machine.plugins.become import doas as plugin


@pytest.fixture
def doas(monkeypatch: pytest.MonkeyPatch) -> Any:
    defaults = {name: one["default"] for name, one in yaml.safe_load(plugin.DOCUMENTATION)["options"].items()}
    made = plugin.BecomeModule()
    monkeypatch.setattr(made, "get_option", defaults.get)
    return made


def test_the_command(doas: Any) -> None:
    shell = ShellModule()
    shell.executable = "/bin/sh"
    made = doas.build_become_command("id -u", shell)
    assert made == f"doas -n -u root /bin/sh -c 'echo {doas.success} ; id -u'"
    assert doas.build_become_command("", shell) == ""


def test_what_it_says(doas: Any) -> None:
    for said in (b"doas: Authentication required\n", b"doas: a tty is required\n"):
        assert doas.check_missing_password(said)
    assert doas.check_incorrect_password(b"doas: Operation not permitted\n")
    assert not doas.expect_prompt()
