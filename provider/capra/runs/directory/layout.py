"""Lays out what ansible-runner needs in a run's private directory: inventory, variables, key, known hosts, settings."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from capra.model.machine import BECOME_PLUGINS
from capra.model.run import Connection, Playbook, RunRequest
from capra.runs import evidence
from capra.runs.directory.identities import KEY, identity_options, lay_out_keys, login_environment
from capra.runs.directory.private import write_private
from capra.runs.directory.variables import dump_variables
from capra.runs.hooks.surroundings import lay_out_hook
from capra.runs.jobs.session import lay_out_relay, relay_environment
from capra.runs.paths import ANSIBLE_HOME, BOUNDED_SSH, collections_path
from capra.runs.ssh import config
from capra.runs.ssh.bastions import lay_out_bastions
from capra.runs.ssh.options import CONNECT_TIMEOUT, session_options, write_known

BECOME_TIMEOUT = 30
"""Seconds. A host that cannot resolve its own name makes sudo take 20 s; Ansible would call that unreachable."""

ANSWER = "answer"
"""The file of the private directory for what the host was asked for."""


def ssh_arguments(connection: Connection, directory: Path, first: Sequence[str] = ()) -> list[str]:
    """OpenSSH's options. directory: the run's private one. first: options that come before these, over which they take
    precedence."""
    options = {
        **session_options(directory, connection.address, connection.port, connection.host_keys),
        **evidence.ssh_options(directory),
        # Behind bastions it waits for all of them.
        "ConnectTimeout": str(CONNECT_TIMEOUT * (len(connection.bastions) + 1)),
    }
    given = [*first, *(f"{name}={value}" for name, value in options.items())]
    words = [word for option in given for word in ("-o", option)]
    return ["-F", str(config.file_in(directory)), *words]


def lay_out(directory: Path, request: RunRequest, way: str = "") -> None:
    """Write everything. directory: new and private. way: see ssh_config; bastions of the machine's own come instead.
    All files get mode 0600."""
    for name in ("env", "inventory", "project", "tmp"):
        (directory / name).mkdir(mode=0o700)
    evidence.lay_out_evidence(directory)
    connection, secrets = request.connection, request.secrets
    lay_out_keys(directory, connection, secrets)
    way = lay_out_bastions(directory, connection, secrets.bastion_keys, secrets.bastion_certificates) or way
    write_private(config.file_in(directory), way.encode())
    write_known(directory, connection.address, connection.port, connection.host_keys)
    write_private(directory / "inventory" / "hosts.json", dump_variables(_inventory(directory, request)))
    if request.hook:
        lay_out_hook(directory, request)
    if connection.job is not None:
        lay_out_relay(directory, connection.job)
    variables = {**request.variables, **secrets.hook_variables}
    if secrets.steps:
        write_private(directory / "steps", secrets.steps)
        variables["bootstrap_steps_file"] = str(directory / "steps")
    if request.playbook is Playbook.K0S_CLUSTER:
        variables |= _answer_files(directory, secrets.join_token)
    write_private(directory / "env" / "extravars", dump_variables(variables))


def _answer_files(directory: Path, token: str) -> dict[str, str]:
    """Where the host's answer goes, and the token for it: the variables of Ansible have paths only."""
    files = {"k0s_cluster_answer_file": str(directory / ANSWER)}
    if token:
        write_private(directory / "token", token.encode())
        files["k0s_cluster_token_file"] = str(directory / "token")
    return files


def read_answer(directory: Path) -> str:
    """What the action has written there; empty where the host was asked nothing, or has not answered."""
    file = directory / ANSWER
    return file.read_text("utf-8", "replace") if file.exists() else ""


def _inventory(directory: Path, request: RunRequest) -> dict[str, Any]:
    connection = request.connection
    variables: dict[str, Any] = {
        "ansible_host": connection.address,
        "ansible_port": connection.port,
        "ansible_user": connection.user,
        "ansible_connection": "ansible.builtin.ssh",
        "ansible_pipelining": True,
    }
    if request.secrets.openssh_key or not request.secrets.login_password:
        variables["ansible_ssh_private_key_file"] = str(directory / KEY)
    if request.hook and connection.become:
        # Capra's own playbooks say it by themselves.
        variables["ansible_become"] = True
    if connection.become and connection.become_method in BECOME_PLUGINS:
        variables["ansible_become_method"] = BECOME_PLUGINS[connection.become_method]
    if request.secrets.become_password:
        variables["ansible_become_password"] = request.secrets.become_password
    return {"all": {"hosts": {inventory_name(request): variables}}}


def inventory_name(request: RunRequest) -> str:
    """The machine's name, as far as Ansible can make file names of it; the run has one host only."""
    return request.key.name[:100]


def ansible_environment(directory: Path, request: RunRequest) -> dict[str, str]:
    """Ansible's settings for the run; nothing of the caller's own Ansible configuration counts."""
    arguments = ssh_arguments(request.connection, directory, identity_options(directory, request.secrets))
    return {
        **evidence.evidence_environment(directory),
        **login_environment(directory, request.secrets),
        "ANSIBLE_CONFIG": str(ANSIBLE_HOME / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
        "ANSIBLE_HOME": str(ANSIBLE_HOME),
        "ANSIBLE_LOCAL_TEMP": str(directory / "tmp"),
        "ANSIBLE_SSH_ARGS": shlex.join(arguments),
        "ANSIBLE_SSH_EXECUTABLE": str(BOUNDED_SSH),
        "CAPRA_PYTHON": sys.executable,
        "ANSIBLE_SSH_RETRIES": "0",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_TIMEOUT": str(BECOME_TIMEOUT + CONNECT_TIMEOUT * len(request.connection.bastions)),
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        **(relay_environment(directory) if request.connection.job is not None else {}),
    }
