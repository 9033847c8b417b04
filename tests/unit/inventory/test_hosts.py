"""A machine as a host of Ansible's inventory."""

from __future__ import annotations

import shlex
from dataclasses import replace

from capra.inventory.hosts import Files, InventoryHost, host_groups, host_variables, inventory_names, known_hosts
from capra.model.bastion import Bastion
from capra.model.machine import BecomeMethod, MachineKey, MachineSpec

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="
HOST = InventoryHost(
    MachineKey("default", "a"),
    MachineSpec(address="2001:db8::1", port=2222, user="ops", use_sudo=True, ssh_key_name="key"),
    uid="u",
    cluster="c-1",
    pool="",
    state="Provisioned",
    host_keys=(KEY,),
    facts={"os.id": "debian", "architecture": "x86_64"},
)
ENTRY = replace(HOST, key=MachineKey("default", "a", "PooledRemoteMachine"), cluster="", pool="p.q", state="Available")


def test_names_are_those_of_the_objects_as_long_as_they_are_unique() -> None:
    other = replace(HOST, key=MachineKey("team", "a"))
    assert inventory_names([HOST, ENTRY, other]) == ["a", "a.entry", "a.team"]
    assert inventory_names([ENTRY]) == ["a"]
    assert inventory_names([other], "team") == ["a"]


def test_groups_have_names_that_ansible_takes() -> None:
    assert host_groups(HOST) == ["machines", "cluster_c_1", "state_provisioned", "os_debian", "architecture_x86_64"]
    assert host_groups(replace(ENTRY, facts={}))[:2] == ["pool_entries", "pool_p_q"]


def test_known_host_keys_are_enforced_and_others_left_to_ansible() -> None:
    told = host_variables(HOST, Files("/run/a b/key", "/run/a %b/known_hosts"))
    assert (told["ansible_host"], told["ansible_port"], told["ansible_become"]) == ("2001:db8::1", 2222, True)
    assert told["ansible_ssh_private_key_file"] == "/run/a b/key"
    assert "ansible_become_method" not in told
    by_su = replace(HOST, spec=replace(HOST.spec, become_method=BecomeMethod.SU))
    assert host_variables(by_su, Files("", ""))["ansible_become_method"] == "ansible.builtin.su"
    assert shlex.split(told["ansible_ssh_common_args"]) == [
        *("-o", "IdentitiesOnly=yes", "-o", 'UserKnownHostsFile="/run/a %%b/known_hosts"'),
        *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "HostKeyAlias=capra.remotemachine.default.a"),
        *("-o", "StrictHostKeyChecking=yes"),
    ]
    assert known_hosts([HOST]) == f"capra.remotemachine.default.a {KEY}\n"
    unknown = host_variables(replace(HOST, host_keys=()), Files("", "/run/known_hosts"))
    assert "ansible_ssh_common_args" not in unknown
    assert "ansible_ssh_private_key_file" not in unknown


def test_what_another_namespace_says_of_an_address_is_not_believed() -> None:
    """Both are at one place, with another key each; so is the entry of the same name."""
    other = replace(HOST, key=MachineKey("team", "a"), host_keys=(f"{KEY[:-4]}BA==",))
    hosts = [HOST, other, ENTRY]
    lines = [line.split(" ", 1) for line in known_hosts(hosts).splitlines()]
    assert [key for _, key in lines] == [host.host_keys[0] for host in hosts]
    for host, (name, _) in zip(hosts, lines, strict=True):
        arguments = host_variables(host, Files("", "/run/known_hosts"))["ansible_ssh_common_args"]
        assert f"HostKeyAlias={name}" in shlex.split(arguments)
    assert len({name for name, _ in lines}) == 3


def test_bastions_are_jumped_over_from_outside() -> None:
    chain = Bastion("2001:db8::9", 22, "jump", bastion=Bastion("b.example.org", 2222))
    told = host_variables(replace(HOST, spec=replace(HOST.spec, bastion=chain)), Files())
    arguments = shlex.split(told["ansible_ssh_common_args"])
    assert arguments == ["-o", "ProxyJump=root@b.example.org:2222,jump@[2001:db8::9]:22"]
