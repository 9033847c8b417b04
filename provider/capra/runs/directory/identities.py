"""The keys of a run as files of its private directory, and what tells OpenSSH of them."""

from __future__ import annotations

from pathlib import Path

from capra.model.run import Connection, RunSecrets
from capra.runs.directory.private import write_private
from capra.runs.paths import ASKPASS
from capra.runs.ssh.options import host_alias, one_file

KEY = "key"
"""The first key; the others are `key-1`, `key-2` …, and a certificate is beside its key, with `-cert.pub`."""

PASSWORD = "askpass"  # noqa: S105  # a directory's name
"""The directory for a login password, and for the question that it answers."""


def lay_out_keys(directory: Path, connection: Connection, secrets: RunSecrets) -> None:
    """Write them. directory: the run's private one."""
    for name, key in zip(_names(secrets), _keys(secrets), strict=True):
        write_private(directory / name, key.encode())
    for name, text in _certificates(secrets):
        write_private(directory / name, f"{text}\n".encode())
    if secrets.login_password:
        place = directory / PASSWORD
        place.mkdir(mode=0o700)
        write_private(place / "password", f"{secrets.login_password}\n".encode())
        # OpenSSH's words, with the name that its option HostKeyAlias gives the host.
        name = host_alias(connection.address, connection.port, connection.host_keys)
        write_private(place / "prompt", f"{connection.user[:30]}@{name[:128]}'s password: ".encode())


def identity_options(directory: Path, secrets: RunSecrets) -> list[str]:
    """OpenSSH's options, one a `-o`, for the order in which keys are tried, and then a password; empty for one key
    without a certificate, which Ansible itself names. They come before any other: the first value of an option
    counts."""
    certificates = _certificates(secrets)
    options = []
    if certificates or secrets.further_keys:
        options = [f"IdentityFile={one_file(directory / name)}" for name in _names(secrets)]
        options += [f"CertificateFile={one_file(directory / name)}" for name, _ in certificates]
    if secrets.login_password:
        ways = "publickey,password" if secrets.openssh_key else "password"
        options += ["BatchMode=no", "PasswordAuthentication=yes", "NumberOfPasswordPrompts=1"]
        options += [f"PreferredAuthentications={ways}"]
    return options


def login_environment(directory: Path, secrets: RunSecrets) -> dict[str, str]:
    """What lets OpenSSH (8.4 or newer) ask Capra's own program for a password; where the password is, and not what."""
    if not secrets.login_password:
        return {}
    return {"SSH_ASKPASS": str(ASKPASS), "SSH_ASKPASS_REQUIRE": "force", "CAPRA_ASKPASS": str(directory / PASSWORD)}


def _keys(secrets: RunSecrets) -> tuple[str, ...]:
    """None at all where there is a password alone."""
    first = (secrets.openssh_key,) if secrets.openssh_key or not secrets.login_password else ()
    return (*first, *secrets.further_keys)


def _names(secrets: RunSecrets) -> list[str]:
    return [f"{KEY}-{number}" if number else KEY for number in range(len(_keys(secrets)))]


def _certificates(secrets: RunSecrets) -> list[tuple[str, str]]:
    """The names of files, and what is to stand there."""
    named = zip(_names(secrets), secrets.certificates, strict=False)
    return [(f"{name}-cert.pub", text) for name, text in named if text]
