"""Every value reaches Ansible as it is: read back by Ansible's own inventory and its own extra variables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.context_objects import CLIArgs
from ansible.utils.vars import load_extra_vars
from ansible.vars.manager import VariableManager
from hypothesis import given, settings
from hypothesis import strategies as st

from capra.model.machine import MachineKey
from capra.model.run import Connection, Playbook, RunRequest, RunSecrets
from capra.runs.variables import dump_variables
from capra.runs.workdir import inventory_name, lay_out

HOSTILE = (
    "",
    "true",
    "yes",
    "no",
    "null",
    "~",
    "1.5",
    "1e3",
    "0o17",
    "0644",
    "1:30",
    "12345678",
    ".nan",
    "-.inf",
    "2020-01-01",
    "{{ 1 + 1 }}",
    "{% raw %}x",
    "{# comment",
    "!vault",
    "$ANSIBLE_VAULT;1.1;AES256",
    "!unsafe x",
    '{"__ansible_unsafe": "x"}',
    "[1, 2]",
    "two\nlines\n",
    "\ttab \u2028 \x85 \x7f \0 ü 💥",
    "# comment",
    "&anchor *alias",
    "---",
)


@contextlib.contextmanager
def _read_by_ansible(directory: Path, host: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The host's variables of the inventory, and the extra variables, as Ansible reads them for a play."""
    before = context.CLIARGS
    context.CLIARGS = CLIArgs({"extra_vars": (f"@{directory}/env/extravars",), "subset": None})
    vars(load_extra_vars).pop("extra_vars", None)  # it reads once in a process
    try:
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=[str(directory / "inventory")])
        manager = VariableManager(loader=loader, inventory=inventory)
        templar = Templar(loader=loader, variables={})
        found = manager.get_vars(host=inventory.get_host(host))
        yield (
            {name: templar.template(value) for name, value in found.items() if name.startswith("ansible_")},
            {name: templar.template(value) for name, value in manager.extra_vars.items()},
        )
    finally:
        context.CLIARGS = before
        vars(load_extra_vars).pop("extra_vars", None)


def _arrives(text: str) -> None:
    request = RunRequest(
        key=MachineKey("default", "true"),
        playbook=Playbook.CUSTOM_CLEANUP,
        connection=Connection(address=text, port=22, user=text, become=True),
        variables={"custom_cleanup_commands": [text, "x"], "custom_cleanup_uid": text, "number": 7, "flag": True},
        secrets=RunSecrets("key", become_password=text),
    )
    with TemporaryDirectory() as name:
        directory = Path(name)
        lay_out(directory, request)
        with _read_by_ansible(directory, inventory_name(request)) as (host, extra):
            wanted = {"ansible_host": text, "ansible_user": text, "ansible_port": 22}
            if text:
                wanted["ansible_become_password"] = text
            assert {key: host[key] for key in wanted} == wanted
            assert dict(extra) == dict(request.variables)
            texts = [host["ansible_user"], extra["custom_cleanup_uid"], extra["custom_cleanup_commands"][0]]
            assert all(isinstance(value, str) for value in texts)
            assert type(extra["number"]) is not bool
            assert extra["flag"] is True


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_looks_like_something_else_arrives_as_text(text: str) -> None:
    _arrives(text)


@settings(max_examples=40)
@given(st.text() | st.from_regex(r"[-+]?[0-9_.:e]{1,12}", fullmatch=True) | st.from_regex(r"\{[{%#].{0,9}[}%#]\}"))
def test_any_text_arrives_as_it_is(text: str) -> None:
    _arrives(text)


def test_a_path_of_steps_arrives(tmp_path: Path) -> None:
    secrets = RunSecrets("key", steps="[]")
    request = RunRequest(MachineKey("default", "1.5"), Playbook.BOOTSTRAP, Connection("192.0.2.1"), {}, secrets)
    directory = tmp_path / "{{ 1 }}"
    directory.mkdir()
    lay_out(directory, replace(request, variables={"bootstrap_state": "present"}))
    with _read_by_ansible(directory, "1.5") as (host, extra):
        assert extra["bootstrap_steps_file"] == str(directory / "steps.json")
        assert host["ansible_ssh_private_key_file"] == str(directory / "key")


def test_a_number_that_json_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_variables({"a": float("nan")})
