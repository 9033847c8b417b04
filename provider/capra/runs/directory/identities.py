"""The keys of a run as files of its private directory, and what tells OpenSSH of them."""

from __future__ import annotations

from pathlib import Path

from capra.model.run import RunSecrets
from capra.runs.directory.private import write_private

KEY = "key"
"""The first key; the others are `key-1`, `key-2` …, and a certificate is beside its key, with `-cert.pub`."""


def lay_out_keys(directory: Path, secrets: RunSecrets) -> None:
    """Write them. directory: the run's private one."""
    for name, key in zip(_names(secrets), _keys(secrets), strict=True):
        write_private(directory / name, key.encode())
    for name, text in _certificates(secrets):
        write_private(directory / name, f"{text}\n".encode())


def identity_options(directory: Path, secrets: RunSecrets) -> list[str]:
    """OpenSSH's options, one a `-o`, for the order in which keys are tried; empty for one key without a certificate,
    which Ansible itself names."""
    certificates = _certificates(secrets)
    if not certificates and not secrets.further_keys:
        return []
    options = [f"IdentityFile={one_file(directory / name)}" for name in _names(secrets)]
    return [*options, *(f"CertificateFile={one_file(directory / name)}" for name, _ in certificates)]


def one_file(path: Path) -> str:
    """A path as the value of an option that takes several: OpenSSH splits it at blanks, and expands percent signs."""
    return '"{}"'.format(str(path).replace("%", "%%"))


def _keys(secrets: RunSecrets) -> tuple[str, ...]:
    return (secrets.openssh_key, *secrets.further_keys)


def _names(secrets: RunSecrets) -> list[str]:
    return [f"{KEY}-{number}" if number else KEY for number in range(len(_keys(secrets)))]


def _certificates(secrets: RunSecrets) -> list[tuple[str, str]]:
    """The names of files, and what is to stand there."""
    named = zip(_names(secrets), secrets.certificates, strict=False)
    return [(f"{name}-cert.pub", text) for name, text in named if text]
