"""Hosts of Ansible's inventories as machines, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from capra.cli.output.yaml_output import dump
from capra.errors import InputError, InputErrors
from capra.inventory.ansible import Literal, from_ansible, to_ansible
from capra.inventory.imported import as_object_name, documents, secret_names
from capra.model.bastion import Bastion
from capra.model.keys.ssh_key import check_key
from capra.model.machine import BecomeMethod, MachineSpec
from capra.model.manifest.machines import PooledRemoteMachineDocument
from capra.model.manifest.validation import to_document
from tests.support.ssh_keys import new_ssh_key

GOOD = {"ansible_host": "192.0.2.1", "ansible_user": "ops", "ansible_ssh_private_key_file": "/k"}


def _fields(**given: Any) -> dict[str, Any]:
    [host] = from_ansible({"a": GOOD | given}, source="i").hosts
    return dict(host.fields)


def test_what_a_machine_has_is_taken() -> None:
    assert _fields() == {"address": "192.0.2.1", "user": "ops"}
    assert _fields(ansible_port="2222", ansible_become="yes")["port"] == 2222
    assert _fields(ansible_become="yes")["useSudo"] is True
    assert "useSudo" not in _fields(ansible_become=False)
    doas = _fields(ansible_become=True, ansible_become_method="community.general.doas")
    assert (doas["useSudo"], doas["becomeMethod"]) == (True, "doas")
    assert "becomeMethod" not in _fields(ansible_become=True, ansible_become_method="ansible.builtin.sudo")
    assert _fields(custom_cleanup_commands=["wipe"])["cleanUpCommands"] == ["wipe"]


def test_old_names_of_variables_and_defaults_count() -> None:
    old = {"ansible_ssh_host": "192.0.2.9", "ansible_ssh_port": 23, "ansible_private_key_file": "/o"}
    found = from_ansible({"a": old, "192.0.2.3": {}}, source="i", user="ops", ssh_key="/d")
    assert [(host.fields, host.key_file) for host in found.hosts] == [
        ({"address": "192.0.2.9", "port": 23, "user": "ops"}, "/o"),
        ({"address": "192.0.2.3", "user": "ops"}, "/d"),
    ]


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"ansible_host": "{{ x }}"}, "i: a: ansible_host: is a template"),
    ({"ansible_user": "{# x #}"}, "i: a: ansible_user: is a template"),
    ({"custom_cleanup_commands": ["wipe", "rm {{ x }}"]}, "i: a: custom_cleanup_commands: is a template"),
    (
        {"custom_cleanup_commands": ["#jinja2: variable_start_string: '<'\n<x"]},
        "custom_cleanup_commands: is a template",
    ),
    ({"capra_host_keys": [{"__ansible_vault": "$"}]}, "i: a: capra_host_keys: is encrypted by Ansible Vault"),
    ({"ansible_user": None}, "i: a: ansible_user: is not set"),
    ({"ansible_ssh_private_key_file": None}, "i: a: ansible_ssh_private_key_file: is not set"),
    ({"ansible_ssh_private_key_file": {"__ansible_vault": "$"}}, "encrypted by Ansible Vault"),
    ({"ansible_become": "maybe"}, "ansible_become: must be true or false"),
    ({"ansible_become": True, "ansible_become_method": "runas"}, "is runas; a machine has sudo, doas, su, and"),
    ({"ansible_become": True, "ansible_become_user": "x"}, "ansible_become_user: is not root"),
    ({"ansible_connection": "local"}, "ansible_connection: is local"),
)


@pytest.mark.parametrize(("given", "expected"), BAD)
def test_what_has_no_meaning_for_a_machine_is_refused(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        from_ansible({"a": GOOD | given}, source="i")
    assert expected in str(caught.value)


def test_every_problem_of_every_host_is_told() -> None:
    with pytest.raises(InputErrors) as caught:
        from_ansible({"a": {}, "b": {}}, source="i")
    assert len(caught.value.errors) == 4


def test_what_has_no_counterpart_is_told_once_and_without_its_value() -> None:
    more = {"ansible_become_password": "hunter2", "ansible_ssh_common_args": "-J x", "ansible_python_interpreter": "p"}
    hosts = {f"Node_{number}": GOOD | more for number in range(5)}
    notes = from_ansible(hosts, source="i").notes
    assert len([note for note in notes if note.startswith("ansible_become_password has no counterpart")]) == 1
    assert [note for note in notes if "Node_0, Node_1, Node_2 and 2 more" in note]
    assert "hunter2" not in "".join(notes)
    assert "python" not in "".join(notes)


def test_two_hosts_are_two_machines_at_two_places() -> None:
    hosts = from_ansible({"a_b": GOOD, "a-b": GOOD | {"ansible_host": "::ffff:192.0.2.1"}}, source="i").hosts
    with pytest.raises(InputErrors) as caught:
        documents(hosts, {"/k": "key"}, pool="p")
    told = [str(error) for error in caught.value.errors]
    assert told[0].startswith("i: a-b: becomes 'a-b', as i: a_b does")
    assert "is at ::ffff:192.0.2.1:22, as i: a_b is" in told[1].replace("[", "").replace("]", "")


def test_bad_values_are_told_with_the_host_and_the_field() -> None:
    hosts = from_ansible({"a": GOOD | {"ansible_port": "x"}}, source="i").hosts
    with pytest.raises(InputError, match=r"i: a: spec\.machine\.port: must be a whole number"):
        documents(hosts, {"/k": "key"}, pool="p")


def test_names() -> None:
    assert as_object_name("Node_1.Example.com") == "node-1.example.com"
    assert as_object_name("2001:db8::1") == "2001-db8-1"


def test_a_secret_is_named_after_the_file_and_the_key() -> None:
    """Two inventories may each have a file `id_rsa`: the second one must not replace the Secret of the first one."""
    one, other = new_ssh_key(), new_ssh_key()
    again = check_key(one.encode(), subject="the same, written anew").openssh
    names = secret_names({"~/a/id_rsa": one, "~/b/id_rsa": other, "~/c/id_rsa": again, "/": one})
    assert [name.rpartition("-")[0] for name in names.values()] == ["id-rsa", "id-rsa", "id-rsa", "ssh-key"]
    assert names["~/a/id_rsa"] == names["~/c/id_rsa"] != names["~/b/id_rsa"]
    exported = names["~/a/id_rsa"]
    assert secret_names({f"/kept/{exported}": again}) == {f"/kept/{exported}": exported}


def test_hosts_with_the_same_key_share_a_secret() -> None:
    key = new_ssh_key()
    given = {
        name: GOOD | {"ansible_host": f"192.0.2.{number}", "ansible_ssh_private_key_file": f"/{name}/key"}
        for number, name in enumerate("ab")
    }
    hosts = from_ansible(given, source="i").hosts
    secret, *machines = documents(hosts, {"/a/key": key, "/b/key": key})
    assert [one["kind"] for one in (secret, *machines)] == ["Secret", "RemoteMachine", "RemoteMachine"]
    assert {one["spec"]["sshKeyRef"]["name"] for one in machines} == {secret["metadata"]["name"]}


def test_an_inventory_of_entries_has_a_group_for_each_pool() -> None:
    spec = MachineSpec("192.0.2.1", 2222, "ops", True, ssh_key_name="k", pool="rack-1", clean_up_commands=("wipe",))
    made = to_ansible([("a", spec), ("b", MachineSpec("192.0.2.2", pool="other"))], {"k": "/keys/k"})
    assert made["all"]["children"]["pool_rack_1"]["hosts"] == {
        "a": {
            "ansible_host": "192.0.2.1",
            "ansible_port": 2222,
            "ansible_user": "ops",
            "ansible_ssh_private_key_file": "/keys/k",
            "ansible_become": True,
            "custom_cleanup_commands": ["wipe"],
        }
    }
    doas = replace(spec, become_method=BecomeMethod.DOAS)
    [one] = to_ansible([("a", doas)], {})["all"]["children"]["pool_rack_1"]["hosts"].values()
    assert one["ansible_become_method"] == "capra.machine.doas"
    plain = {"ansible_host": "192.0.2.2", "ansible_port": 22, "ansible_user": "root"}
    assert made["all"]["children"]["pool_other"]["hosts"] == {"b": plain}


LOOKALIKES = (
    "docker rm {{.ID}}",
    "{% x %}",
    "echo ${#x}",
    "#jinja2: variable_start_string: '<'\n<lookup('pipe', 'id')>",
)


@pytest.mark.parametrize("command", LOOKALIKES)
def test_what_looks_like_a_template_is_marked_as_none(command: str) -> None:
    """Ansible carries out what an inventory in YAML says."""
    spec = MachineSpec("192.0.2.1", pool="p", clean_up_commands=("wipe", command))
    text = dump([to_ansible([("a", spec)], {})])
    node = yaml.compose(text)
    commands = _at(node, "all", "children", "pool_p", "hosts", "a", "custom_cleanup_commands")
    assert [(one.tag, one.value) for one in commands.value] == [
        ("tag:yaml.org,2002:str", "wipe"),
        ("!unsafe", command),
    ]


def _at(node: Any, *names: str) -> Any:
    for name in names:
        node = {key.value: value for key, value in node.value}[name]
    return node


@pytest.mark.parametrize("command", LOOKALIKES)
def test_what_is_marked_as_no_template_is_taken_as_it_stands(command: str) -> None:
    fields = _fields(custom_cleanup_commands=["wipe", Literal(command)])
    assert fields["cleanUpCommands"] == ["wipe", command]
    assert {type(one) for one in fields["cleanUpCommands"]} == {str}


def test_a_bastion_is_the_same_after_an_export() -> None:
    chain = Bastion("b", user="jump", bastion=Bastion("c", 2222, host_keys=("SHA256:" + "A" * 43,)))
    made = to_ansible([("a", MachineSpec("192.0.2.1", pool="p", bastion=chain))], {})
    [host] = from_ansible(made["all"]["children"]["pool_p"]["hosts"], source="i", ssh_key="/k").hosts
    [_, machine] = documents([host], {"/k": new_ssh_key()}, pool="p")
    document = to_document(machine, "i")
    assert isinstance(document, PooledRemoteMachineDocument)
    assert document.to_machine().spec.bastion == chain
