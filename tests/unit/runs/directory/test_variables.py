"""Every value reaches Ansible as it is: read back by Ansible's own inventory and its own extra variables."""

from __future__ import annotations

import base64
import contextlib
import json
import posixpath
import shlex
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

from capra.bootstrap.script import SCRIPT_NAME, quote
from capra.bootstrap.steps import load_tasks
from capra.engine.decisions import Cleanup
from capra.engine.plan import plan_bootstrap, plan_cleanup
from capra.engine.requests import PlanOptions
from capra.local.prepare import InputOptions, prepare
from capra.model.machine import TAKE_OVER_ANNOTATION, MachineKey
from capra.model.observation import Record
from capra.model.run import Connection, Playbook, RunRequest, RunSecrets
from capra.runs.directory.layout import inventory_name, lay_out
from capra.runs.directory.variables import dump_variables
from tests.unit.local.examples import machine, secret, write_text

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


SECRET = secret()


def _text(document: object) -> str:
    """JSON is YAML, and PyYAML's own writer quotes by other rules than ours."""
    return json.dumps(document, ensure_ascii=False)


def _planned(directory: Path, text: str) -> tuple[RunRequest, RunRequest, RunRequest]:
    """Bootstrap, k0s cleanup and custom cleanup, of a manifest with this text wherever it takes any."""
    metadata = {"name": "node-0", "annotations": {TAKE_OVER_ANNOTATION: text}}
    document = machine(cleanUpCommands=[text, "x"], workingDir=f"/{text}x", commandsAsScript=True, useSudo=True)
    data = {"write_files": [{"path": f"/{text}x", "content": text, "owner": "root"}], "runcmd": [text, [text, "x"]]}
    manifest = f"{_text(document | {'metadata': metadata})}\n---\n{_text(SECRET)}"
    files = InputOptions(
        (write_text(directory, manifest, "machine.yaml"),),
        bootstrap_data=write_text(directory, f"#cloud-config\n{_text(data)}", "data.yaml"),
    )
    [prepared] = prepare(files, need_bootstrap=True).machines.values()
    seen = prepared.observe(prepared.machine, Record(uid=text), 0.0)
    options = PlanOptions(sentinel=text, state_directory=text, k0s_data_dir=text, k0s_binary=text)
    cleanups = [plan_cleanup(seen, Cleanup(custom=custom, role="worker"), options) for custom in (False, True)]
    return plan_bootstrap(seen, options), cleanups[0], cleanups[1]


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable() and text.strip()])
def test_text_that_looks_like_something_else_arrives_from_the_manifest(text: str) -> None:
    _arrives_from_the_manifest(text)


@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"]), min_size=1).filter(str.strip))
def test_any_text_arrives_from_the_manifest(text: str) -> None:
    _arrives_from_the_manifest(text)


def _arrives_from_the_manifest(text: str) -> None:
    for number in range(3):
        with TemporaryDirectory() as name:
            request = _planned(Path(name), text)[number]
            directory = Path(name) / "run"
            directory.mkdir()
            lay_out(directory, request)
            with _read_by_ansible(directory, inventory_name(request)) as (_, extra):
                found = dict(extra)
                if number == 0:
                    steps = load_tasks(Path(found.pop("bootstrap_steps_file")).read_bytes())
            playbook = str(request.playbook)
            named = ["uid", "take_over", "sentinel", "state_directory"]
            named += {1: ["data_dir", "binary"]}.get(number, [])
            assert {one: found[f"{playbook}_{one}"] for one in named} == dict.fromkeys(named, text)
            assert found == dict(request.variables)
            if number == 0:
                written, script, run, sentinel = steps
                assert base64.b64decode(written["content"]).decode() == text
                assert (written["path"], sentinel["path"]) == (f"/{text}x", text)
                lines = base64.b64decode(script["content"]).decode()
                assert text in lines
                assert quote(text) in lines
                assert shlex.split(run["command"]) == [posixpath.join(f"/{text}x", SCRIPT_NAME)]
            elif number == 2:
                assert found["custom_cleanup_commands"] == [text, "x"]


def test_a_path_of_steps_arrives(tmp_path: Path) -> None:
    secrets = RunSecrets("key", steps=b"steps")
    request = RunRequest(MachineKey("default", "1.5"), Playbook.BOOTSTRAP, Connection("192.0.2.1"), {}, secrets)
    directory = tmp_path / "{{ 1 }}"
    directory.mkdir()
    lay_out(directory, replace(request, variables={"bootstrap_state": "present"}))
    with _read_by_ansible(directory, "1.5") as (host, extra):
        assert extra["bootstrap_steps_file"] == str(directory / "steps")
        assert host["ansible_ssh_private_key_file"] == str(directory / "key")


def test_a_number_that_json_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_variables({"a": float("nan")})
