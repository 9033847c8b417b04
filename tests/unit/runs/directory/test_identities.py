"""Keys as files, and OpenSSH's options for them; and how root is come by."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

from capra.engine.plan import plan_bootstrap
from capra.engine.requests import PlanOptions
from capra.model.run import Connection, RunSecrets
from capra.runs.directory.identities import identity_options, lay_out_keys, login_environment
from capra.runs.directory.layout import ansible_environment, lay_out
from tests.unit.engine.examples import READY

HOST = Connection("192.0.2.7", 2222, "ops")


def test_one_key_is_named_by_ansible_alone(tmp_path: Path) -> None:
    secrets = RunSecrets(openssh_key="one")
    lay_out_keys(tmp_path, HOST, secrets)
    assert identity_options(tmp_path, secrets) == []
    assert login_environment(tmp_path, secrets) == {}
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("key", "one")]


def test_several_keys_in_their_order_and_a_certificate(tmp_path: Path) -> None:
    directory = tmp_path / "a 100%"
    directory.mkdir()
    secrets = RunSecrets(openssh_key="one", further_keys=("two", "three"), certificates=("", "cert", ""))
    lay_out_keys(directory, HOST, secrets)
    place = str(directory).replace("%", "%%")
    assert identity_options(directory, secrets) == [
        f'IdentityFile="{place}/key"',
        f'IdentityFile="{place}/key-1"',
        f'IdentityFile="{place}/key-2"',
        f'CertificateFile="{place}/key-1-cert.pub"',
    ]
    assert (directory / "key-1-cert.pub").read_text() == "cert\n"
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}


def test_ansible_is_told(tmp_path: Path) -> None:
    request = plan_bootstrap(READY, PlanOptions())
    for method, plugin in (("sudo", None), ("su", "ansible.builtin.su"), ("doas", "capra.machine.doas")):
        directory = tmp_path / method
        directory.mkdir()
        connection = replace(request.connection, become=True, become_method=method)
        secrets = replace(request.secrets, further_keys=("two",))
        changed = replace(request, connection=connection, secrets=secrets)
        lay_out(directory, changed)
        [variables] = json.loads((directory / "inventory" / "hosts.json").read_text())["all"]["hosts"].values()
        found = variables.get("ansible_become_method")
        assert (found["__ansible_unsafe"] if found else None) == plugin
        assert f'IdentityFile="{directory}/key-1"' in ansible_environment(directory, changed)["ANSIBLE_SSH_ARGS"]


def asked(environment: dict[str, str], question: str) -> tuple[int, str]:
    """What OpenSSH would hear."""
    command = [environment["SSH_ASKPASS"], question]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_password_answers_one_question_alone(tmp_path: Path) -> None:
    secrets = RunSecrets(openssh_key="one", login_password="open $(sesame)")
    lay_out_keys(tmp_path, HOST, secrets)
    environment = login_environment(tmp_path, secrets)
    assert not any("sesame" in value for value in environment.values())
    assert asked(environment, "ops@[192.0.2.7]:2222's password: ") == (0, "open $(sesame)\n")
    for other in (
        "ops@bastion's password: ",
        "ops@[192.0.2.7]:2222's password",
        "Are you sure you want to continue connecting (yes/no)? ",
        "",
    ):
        assert asked(environment, other) == (1, "")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "askpass").iterdir()} == {0o600}
    options = identity_options(tmp_path, secrets)
    assert options[0] == "BatchMode=no"
    assert options[-1] == "PreferredAuthentications=publickey,password"


def test_a_password_alone(tmp_path: Path) -> None:
    request = plan_bootstrap(READY, PlanOptions())
    changed = replace(request, secrets=RunSecrets(login_password="word"))
    lay_out(tmp_path, changed)
    assert not (tmp_path / "key").exists()
    [variables] = json.loads((tmp_path / "inventory" / "hosts.json").read_text())["all"]["hosts"].values()
    assert "ansible_ssh_private_key_file" not in variables
    arguments = ansible_environment(tmp_path, changed)["ANSIBLE_SSH_ARGS"]
    assert arguments.index("PreferredAuthentications=password") < arguments.index("PreferredAuthentications=publickey")
    assert arguments.index("BatchMode=no") < arguments.index("BatchMode=yes")


def test_the_question_for_a_password_has_the_name_that_the_options_give_the_host(tmp_path: Path) -> None:
    """A certificate of an authority names hosts without a port."""
    for number, (keys, name) in enumerate(
        [((), "[192.0.2.7]:2222"), (("@cert-authority ssh-ed25519 A",), "192.0.2.7")]
    ):
        directory = tmp_path / str(number)
        directory.mkdir()
        lay_out_keys(directory, replace(HOST, host_keys=keys), RunSecrets(login_password="word"))
        assert (directory / "askpass" / "prompt").read_text() == f"ops@{name}'s password: "
