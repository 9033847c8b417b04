"""Whatever stands in the caller's own OpenSSH configuration: only the way to the host counts."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from capra.errors import InputError
from capra.model.run import Connection
from capra.runs.directory.layout import ssh_arguments
from capra.runs.ssh.config import KEPT, NO_FILES, read_way, way

CONNECTION = Connection("192.0.2.1", 22, "ops", False, ("ssh-ed25519 AAAA",))

HOSTILE = {
    "AddKeysToAgent": "yes",
    "BatchMode": "no",
    "CanonicalDomains": "example.com",
    "CanonicalizeFallbackLocal": "no",
    "CanonicalizeMaxDots": "3",
    "CanonicalizePermittedCNAMEs": "*:*",
    "CASignatureAlgorithms": "rsa-sha2-256",
    "CertificateFile": "/evil-cert.pub",
    "CheckHostIP": "yes",
    "ConnectionAttempts": "99",
    "ConnectTimeout": "3600",
    "ControlMaster": "yes",
    "ControlPath": "/tmp/evil",
    "ControlPersist": "yes",
    "DynamicForward": "1080",
    "EnableEscapeCommandline": "yes",
    "EnableSSHKeysign": "yes",
    "EscapeChar": "a",
    "ExitOnForwardFailure": "yes",
    "FingerprintHash": "md5",
    "ForkAfterAuthentication": "yes",
    "ForwardAgent": "yes",
    "ForwardX11": "yes",
    "ForwardX11Timeout": "99",
    "ForwardX11Trusted": "no",
    "GatewayPorts": "yes",
    "GlobalKnownHostsFile": "/evil",
    "GSSAPIAuthentication": "yes",
    "GSSAPIDelegateCredentials": "yes",
    "HashKnownHosts": "yes",
    "HostbasedAcceptedAlgorithms": "ssh-ed25519",
    "HostbasedAuthentication": "yes",
    "HostKeyAlias": "evil",
    "IdentitiesOnly": "no",
    "IdentityAgent": "/evil",
    "IdentityFile": "/evil",
    "KbdInteractiveAuthentication": "no",
    "KbdInteractiveDevices": "pam",
    "KnownHostsCommand": "/bin/evil",
    "LocalCommand": "touch /tmp/evil",
    "LocalForward": "8022 localhost:22",
    "LogLevel": "QUIET",
    "LogVerbose": "*:*",
    "NoHostAuthenticationForLocalhost": "yes",
    "NumberOfPasswordPrompts": "9",
    "PasswordAuthentication": "no",
    "PermitLocalCommand": "no",
    "PermitRemoteOpen": "none",
    "PKCS11Provider": "/evil.so",
    "PreferredAuthentications": "password",
    "PubkeyAuthentication": "no",
    "RemoteCommand": "touch /tmp/evil",
    "RemoteForward": "8022 localhost:22",
    "RequestTTY": "force",
    "RequiredRSASize": "16384",
    "RevokedHostKeys": "/evil",
    "SecurityKeyProvider": "/evil.so",
    "SendEnv": "EVIL",
    "ServerAliveCountMax": "99",
    "ServerAliveInterval": "999",
    "SessionType": "none",
    "SetEnv": "EVIL=1",
    "StdinNull": "yes",
    "StreamLocalBindMask": "0000",
    "StreamLocalBindUnlink": "yes",
    "StrictHostKeyChecking": "no",
    "SyslogFacility": "AUTH",
    "Tunnel": "yes",
    "TunnelDevice": "1:1",
    "UpdateHostKeys": "yes",
    "UserKnownHostsFile": "/evil",
    "VerifyHostKeyDNS": "yes",
    "VisualHostKey": "yes",
    "XAuthLocation": "/evil",
}
"""Everything but the way to the host."""

SAME_NAME = {"canonicalizehostname", "user", "port", "host", "proxyjump", "clearallforwardings"}
"""What the command line or the way decides, and what would make others here harmless."""

AS_DEFAULT = {
    *("BatchMode", "UpdateHostKeys", "IdentitiesOnly", "PermitLocalCommand"),
    *("KbdInteractiveDevices", "GSSAPIDelegateCredentials"),
}
"""Hostile since Capra wants the opposite, not since it differs from the default; or not told by `ssh -G`."""


def known(name: str, value: str, directory: Path) -> bool:
    """This OpenSSH takes it."""
    file = directory / "one"
    file.write_text(f"{name} {value}\n")
    return subprocess.run(["ssh", "-F", file, "-G", "x"], capture_output=True, check=False).returncode == 0


def effective(arguments: list[str], host: str = "192.0.2.1") -> dict[str, list[str]]:
    """What OpenSSH would do: values by the option's name in lower case."""
    command = ["ssh", *arguments, "-p", "22", "-l", "ops", "-G", "--", host]
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    values: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        values.setdefault(name, []).append(value)
    return values


def of_a_run(directory: Path, text: str) -> dict[str, list[str]]:
    """The same for a run of Capra whose caller has this configuration."""
    own = directory / "own"
    own.write_text(text)
    (directory / "ssh_config").write_text(read_way(CONNECTION, str(own)))
    return effective(ssh_arguments(CONNECTION, directory))


@pytest.fixture
def accepted(tmp_path: Path) -> Mapping[str, str]:
    """Those that this OpenSSH knows."""
    return {name: value for name, value in HOSTILE.items() if known(name, value, tmp_path)}


def test_nothing_hostile_reaches_a_run(accepted: Mapping[str, str], tmp_path: Path) -> None:
    text = "Host *\n" + "".join(f"  {name} {value}\n" for name, value in accepted.items())
    (tmp_path / "alone").write_text(text)
    alone, plain = effective(["-F", str(tmp_path / "alone")]), effective(["-F", "none"])
    # Each of them does something, or this test would show nothing.
    silent = {name for name in accepted if alone.get(name.lower()) == plain.get(name.lower())}
    assert silent <= AS_DEFAULT
    assert len(accepted) > 60
    assert of_a_run(tmp_path, text) == of_a_run(tmp_path, "")


def test_every_option_that_openssh_tells_is_looked_at() -> None:
    told = {name.lower() for name in effective(["-F", "none"]) if not name.startswith("gssapi")}
    covered = {name.lower() for name in HOSTILE} | set(KEPT) | SAME_NAME
    assert told <= covered, "decide about them: kept on purpose, or hostile"


def test_the_way_is_kept(tmp_path: Path) -> None:
    text = """
Host node
  HostName fe80::1%%eth0
  Ciphers aes128-ctr
  IPQoS none
  ProxyCommand nc -X connect '%h' %p # not a comment
Match host 192.0.2.* exec "true"
  HostName 192.0.2.9
  BindAddress 192.0.2.100
  ProxyJump first,ops@[2001:db8::1]:2222
"""
    own = tmp_path / "own"
    own.write_text(text)
    kept = read_way(Connection("node"), str(own)).splitlines()
    assert sorted(kept) == [
        "Ciphers aes128-ctr",
        "HostName fe80::1%%eth0",
        "IPQoS none none" if "IPQoS none none" in kept else "IPQoS none",
        "ProxyCommand nc -X connect '%h' %p # not a comment",
    ]
    found = of_a_run(tmp_path, text)
    assert (found["hostname"], found["bindaddress"]) == (["192.0.2.9"], ["192.0.2.100"])
    words = shlex.split(found["proxycommand"][0])
    assert words[0] == "ssh"
    assert words[words.index("-l") :] == [
        *("-l", "ops", "-p", "2222", "-J", "first", "-W", "[%h]:%p", "--", "2001:db8::1"),
    ]
    assert found["hostkeyalias"] == ["192.0.2.1"]


def test_the_controller_reads_no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("ssh was asked")

    monkeypatch.setattr(subprocess, "run", never)
    assert read_way(CONNECTION, NO_FILES) == ""


def test_a_configuration_that_openssh_refuses_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("Bogus yes\n")
    with pytest.raises(InputError, match=r"line 1: Bad configuration option: bogus"):
        read_way(CONNECTION, str(own))


def test_older_names_are_kept_too() -> None:
    assert way({"pubkeyacceptedkeytypes": "ssh-rsa"}, {}) == "PubkeyAcceptedKeyTypes ssh-rsa\n"
    assert way({"proxyjump": "none"}, {}) == ""
