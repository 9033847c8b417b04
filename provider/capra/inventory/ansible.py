"""Hosts of an inventory of Ansible to machines, and pool entries to such an inventory. Pure.

The variables are those of Ansible's guide 'How to build your inventory' (behavioral inventory parameters), and of the
roles of capra.machine for what Ansible itself has no word for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from capra.inventory.imported import Imported, ImportedHost, Problems, as_object_name
from capra.model.machine import BECOME_PLUGINS, DEFAULT_WORKING_DIR, BecomeMethod, MachineSpec
from capra.model.manifest.machines import dump_bastion

SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh"})
"""Values of `ansible_connection` that stand for SSH."""

ALIASES = {
    "ansible_host": ("ansible_host", "ansible_ssh_host"),
    "ansible_port": ("ansible_port", "ansible_ssh_port"),
    "ansible_user": ("ansible_user", "ansible_ssh_user"),
    "ansible_ssh_private_key_file": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
}
"""Variables, each with its names in the order in which Ansible's ssh plugin takes them."""

ROLE_FIELDS = {
    "bootstrap_commands_as_script": "commandsAsScript",
    "bootstrap_working_dir": "workingDir",
    "custom_cleanup_commands": "cleanUpCommands",
    "capra_clean_up": "cleanUp",
    "capra_host_keys": "hostKeys",
    "capra_bastion": "bastion",
}
"""Variables that an export writes, and what they are of a machine."""

_TEMPLATE = re.compile(r"\{[{%#]|\A#jinja2:")
"""What Ansible takes for a template in a text that it trusts, as it trusts an inventory: Jinja's delimiters, or a first
line that sets others (`#jinja2:` in the notes of ansible.builtin.template)."""

HARMLESS = ("ansible_python_interpreter", "ansible_become_user", "ansible_become_method", "ansible_become_exe")
_READ = {*HARMLESS, "ansible_connection", "ansible_become", *(name for names in ALIASES.values() for name in names)}
_YES, _NO = frozenset({"yes", "on", "true", "1", "y", "t"}), frozenset({"no", "off", "false", "0", "n", "f", ""})


class Literal(str):
    """A text that is no template, whatever it looks like: Ansible's tag `!unsafe` ('Advanced playbook syntax')."""

    __slots__ = ()


def from_ansible(hosts: Mapping[str, Mapping[str, Any]], *, source: str, user: str = "", ssh_key: str = "") -> Imported:
    """hosts: their variables, by name; text that is marked as no template is Literal. source: what errors call the
    inventory. user, ssh_key: for the hosts that say none. Raises InputErrors with every problem of every host."""
    problems, notes = Problems(), _Notes()
    read = [_Reader(name, given, f"{source}: {name}", problems, notes) for name, given in hosts.items()]
    found = [one.host(user, ssh_key) for one in read]
    problems.raise_all()
    return Imported(tuple(found), tuple(notes.told()))


class _Notes:
    """What has no counterpart, each once with its hosts."""

    def __init__(self) -> None:
        self._hosts: dict[str, list[str]] = {}

    def add(self, sentence: str, host: str) -> None:
        self._hosts.setdefault(sentence, []).append(host)

    def told(self) -> Iterable[str]:
        for sentence, hosts in self._hosts.items():
            more = f" and {len(hosts) - 3} more" if len(hosts) > 3 else ""
            yield f"{sentence} ({', '.join(hosts[:3])}{more})"


class _Reader:
    """The variables of one host."""

    def __init__(self, name: str, given: Mapping[str, Any], subject: str, problems: Problems, notes: _Notes) -> None:
        self._name, self._given, self._subject = name, given, subject
        self._problems, self._notes = problems, notes

    def host(self, user: str, ssh_key: str) -> ImportedHost:
        """The host; what is wrong with it goes to the problems."""
        fields: dict[str, Any] = {"address": self._value("ansible_host") or self._name}
        port = self._value("ansible_port")
        if port is not None:
            fields["port"] = int(port) if str(port).isdecimal() else port
        fields["user"] = self._value("ansible_user") or user
        if not fields["user"]:
            self._problems.add("is not set; set it, or give --user", self._subject, "ansible_user")
        if method := self._becomes():
            fields |= {"useSudo": True} | ({"becomeMethod": method} if method != BecomeMethod.SUDO else {})
        for variable, field in ROLE_FIELDS.items():
            if (value := self._plain(variable)) not in (None, "", []):
                fields[field] = value
        key = self._value("ansible_ssh_private_key_file") or ssh_key
        if not key:
            self._problems.add("is not set; set it, or give --ssh-key", self._subject, "ansible_ssh_private_key_file")
        self._refuse_connection()
        self._note_others()
        return ImportedHost(self._subject, self._object_name(), fields, str(key))

    def _object_name(self) -> str:
        name = as_object_name(self._name)
        if name != self._name:
            self._notes.add(f"the object is named {name}: lower-case letters, digits, dashes and dots", self._name)
        return name

    def _value(self, variable: str) -> Any:
        return next((value for name in ALIASES[variable] if (value := self._plain(name)) not in (None, "")), None)

    def _plain(self, name: str) -> Any:
        """The value of a variable. One that Ansible computes, or keeps secret, is a problem."""
        value = self._given.get(name)
        for problem in dict.fromkeys(_not_plain(value)):
            self._problems.add(problem, self._subject, name)
            value = None
        return _without_marks(value)

    def _becomes(self) -> str:
        """How the user becomes root; empty where it does not."""
        value = self._plain("ansible_become")
        word = str(value).lower() if value is not None else ""
        if word not in _YES | _NO:
            self._problems.add("must be true or false", self._subject, "ansible_become")
        if word not in _YES:
            return ""
        method = str(self._plain("ansible_become_method") or "sudo").rpartition(".")[2]
        if method not in {*BecomeMethod}:
            problem = f"is {method}; a machine has {', '.join(BecomeMethod)}, and there is nothing else"
            self._problems.add(problem, self._subject, "ansible_become_method")
        if self._plain("ansible_become_user") not in (None, "", "root"):
            problem = "is not root; useSudo of a machine leads to root, and there is nothing else"
            self._problems.add(problem, self._subject, "ansible_become_user")
        return method

    def _refuse_connection(self) -> None:
        kind = str(self._plain("ansible_connection") or "ssh")
        if kind.rpartition(".")[2] not in SSH:
            problem = f"is {kind}; a machine is reached by SSH: leave the host out with --limit"
            self._problems.add(problem, self._subject, "ansible_connection")

    def _note_others(self) -> None:
        for name, value in self._given.items():
            behaves = name.startswith("ansible_") and (name.startswith("ansible_ssh_") or "become" in name)
            secret = name in ("ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_become_pass")
            if name in _READ or value in (None, "") or not (behaves or secret):
                continue
            why = "a machine has a key, and no password" if secret else "a machine has no such field"
            self._notes.add(f"{name} has no counterpart: {why}", self._name)


def _not_plain(value: Any) -> Iterable[str]:
    """Why a value, or one in it, cannot be taken as it stands."""
    if isinstance(value, str):
        if _TEMPLATE.search(value) and not isinstance(value, Literal):
            yield "is a template, which is not rendered here; write its value, or mark it as !unsafe if it is none"
    elif isinstance(value, Mapping):
        if "__ansible_vault" in value:
            yield "is encrypted by Ansible Vault; write its value"
        for one in value.values():
            yield from _not_plain(one)
    elif isinstance(value, list):
        for one in value:
            yield from _not_plain(one)


def _without_marks(value: Any) -> Any:
    """The same with plain text."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _without_marks(one) for name, one in value.items()}
    return [_without_marks(one) for one in value] if isinstance(value, list) else value


def to_ansible(entries: Sequence[tuple[str, MachineSpec]], keys: Mapping[str, str]) -> dict[str, Any]:
    """An inventory in YAML's terms: a group `pool_NAME` for each pool. entries: names and specs. keys: paths of key
    files, by the name of the Secret; others are left out. A text that
    looks like a template is Literal, which an inventory in YAML must tag as `!unsafe`: Ansible would carry it out."""
    pools: dict[str, dict[str, Any]] = {}
    for name, spec in entries:
        group = pools.setdefault(f"pool_{spec.pool}".replace("-", "_").replace(".", "_"), {"hosts": {}})
        group["hosts"][name] = _variables(spec, keys.get(spec.ssh_key_name, ""))
    return {"all": {"children": pools}}


_MORE: Mapping[str, Callable[[MachineSpec], Any]] = {
    "ansible_become": lambda spec: spec.use_sudo,
    "ansible_become_method": lambda spec: BECOME_PLUGINS.get(spec.become_method, "") if spec.use_sudo else "",
    "bootstrap_commands_as_script": lambda spec: spec.commands_as_script,
    "bootstrap_working_dir": lambda spec: spec.working_dir if spec.working_dir != DEFAULT_WORKING_DIR else "",
    "custom_cleanup_commands": lambda spec: list(spec.clean_up_commands),
    "capra_clean_up": lambda spec: spec.clean_up.value if spec.clean_up else "",
    "capra_host_keys": lambda spec: list(spec.host_keys),
    "capra_bastion": lambda spec: _said(dump_bastion(spec.bastion)),
}
"""Variables that are written where they say something."""


def _said(patch: Mapping[str, Any] | None) -> dict[str, Any]:
    """A merge patch without what it takes away."""
    return {
        name: _said(value) if isinstance(value, Mapping) else value
        for name, value in (patch or {}).items()
        if value is not None
    }


def _variables(spec: MachineSpec, key: str) -> dict[str, Any]:
    more = {name: value for name, of in _MORE.items() if (value := of(spec))}
    own = {"ansible_host": spec.address, "ansible_port": spec.port, "ansible_user": spec.user}
    made = own | ({"ansible_ssh_private_key_file": key} if key else {}) | more
    return {name: _marked(value) for name, value in made.items()}


def _marked(value: Any) -> Any:
    if isinstance(value, list):
        return [_marked(one) for one in value]
    return Literal(value) if isinstance(value, str) and _TEMPLATE.search(value) else value
