"""The caller's own configuration of OpenSSH and Ansible on real hosts: what it may decide, and what it may not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine
from tests.hosts import Host

HOSTILE = """
RequestTTY force
RemoteCommand echo evil
SessionType none
StdinNull yes
ForkAfterAuthentication yes
LogLevel QUIET
SendEnv EVIL
SetEnv EVIL=1
IdentityFile {key}
IdentitiesOnly no
ControlMaster auto
ControlPath {directory}/mux-%C
ControlPersist yes
LocalForward 127.0.0.1:58022 localhost:22
BatchMode no
StrictHostKeyChecking no
UserKnownHostsFile {directory}/known
KnownHostsCommand /bin/false
EscapeChar a
AddKeysToAgent yes
"""


def test_nothing_of_a_hostile_configuration_counts(host: Host, capra: Capra) -> None:
    capra.ssh_configuration = HOSTILE.format(key=host.key_file, directory=capra.directory)
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("once", 'test -z "$EVIL" && test ! -t 0')]))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert (report["outcome"], count(host, "once")) == ("Finished", 1)

    # A wrong key is not made good by another one, and the reason is there although the caller's ssh is quiet.
    other = capra.directory / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    for command in ("preflight", "cleanup"):
        [report] = capra.json(command, "-f", manifest, "--ssh-key", other, code=1)
        assert report["outcome"] == "WrongCredentials"
        assert "Permission denied" in report["message"]
    assert not list(capra.directory.glob("mux-*"))
    assert not (capra.directory / "known").exists()


def test_names_and_bastions_of_the_configuration_are_kept(two_hosts: list[Host], capra: Capra) -> None:
    bastion, host = two_hosts
    known = "".join(one.known_hosts_line for one in two_hosts)
    (capra.directory / "known").write_text(known)
    capra.ssh_configuration = f"""
Host bastion
  HostName {bastion.address}
  User root
  IdentityFile {bastion.key_file}
  UserKnownHostsFile {capra.directory}/known
  StrictHostKeyChecking yes
  LogLevel QUIET
  StdinNull yes
Host node
  HostName 127.0.0.1
  ProxyJump bastion
Match originalhost node
  ForwardAgent yes
"""
    # Only a way through the bastion leads to 127.0.0.1 of the bastion itself.
    document = machine(bastion, address="node")
    manifest = capra.manifests(document, key_secret(bastion))
    data = capra.data(cloud_config(commands=[counted("once")]))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert (report["outcome"], count(bastion, "once"), count(host, "once")) == ("Finished", 1, 0)
    pinned = (capra.state / "known_hosts").read_text()
    assert pinned == f"node {' '.join(bastion.host_key.split()[:2])}\n"

    # What the bastion refuses is not the host's refusal.
    kept = capra.ssh_configuration
    capra.ssh_configuration = kept.replace(f"IdentityFile {bastion.key_file}", "IdentityFile /dev/null")
    [report] = capra.json("cleanup", "-f", manifest, code=3)
    assert (report["outcome"], "Permission denied" in report["message"]) == ("Unreachable", True), report["message"]
    capra.ssh_configuration = kept

    # The key that was pinned under this name is the one that is looked for.
    bastion.ssh(
        "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key;"
        " systemctl restart ssh",
        check=True,
    )
    new = " ".join(Path(bastion.path("/etc/ssh/ssh_host_ed25519_key.pub")).read_text().split()[:2])
    (capra.directory / "known").write_text(f"{bastion.address} {new}\n")
    [report] = capra.json("cleanup", "-f", manifest, code=1)
    assert report["outcome"] == "HostKeyChanged"
    shown = subprocess.run(["ssh-keygen", "-lf", "-"], input=new, capture_output=True, text=True, check=True)
    capra.run("trust", "node", shown.stdout.split()[1])
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"


def test_a_configuration_that_openssh_refuses_is_told(host: Host, capra: Capra) -> None:
    capra.ssh_configuration = "Bogus yes\n"
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config())
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    assert report["outcome"] == "InvalidInput"
    assert "Bad configuration option: bogus" in report["message"]


@pytest.mark.parametrize("warm", ["0", "1"])
def test_nothing_of_the_callers_ansible_counts(host: Host, capra: Capra, warm: str) -> None:
    home = capra.directory / "home"
    plugin = home / ".ansible" / "plugins" / "callback" / "evil.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"open({str(capra.directory / 'evil')!r}, 'w').close()\n")
    hostile = "[defaults]\ncallbacks_enabled = evil\ntimeout = 0\n[ssh_connection]\nssh_executable = /bin/false\n"
    for place in (home / ".ansible.cfg", capra.directory / "ansible.cfg", capra.directory / "named.cfg"):
        place.write_text(hostile)
    capra.environment |= {
        "CAPRA_WARM_RUNS": warm,
        "ANSIBLE_CONFIG": str(capra.directory / "named.cfg"),
        "ANSIBLE_SSH_EXECUTABLE": "/bin/false",
        "ANSIBLE_CALLBACK_PLUGINS": str(plugin.parent),
        "ANSIBLE_HOME": str(home / ".ansible"),
    }
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("once")]))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert (report["outcome"], count(host, "once")) == ("Finished", 1)
    assert not (capra.directory / "evil").exists()
