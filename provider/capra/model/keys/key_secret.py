"""What the Secret of `sshKeyRef` may hold: private keys in their order, passphrases, certificates, a password. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from capra.errors import InputError
from capra.model.keys.certificate import check_certificate
from capra.model.keys.ssh_key import check_key
from capra.model.observation import SSHKey

VALUE = "value"
PASSPHRASE = "passphrase"  # noqa: S105  # a key's name
BECOME_PASSWORD = "becomePassword"  # noqa: S105  # a key's name
LOGIN_PASSWORD = "password"  # noqa: S105  # a key's name
CERTIFICATE = "-cert.pub"
MAX_KEYS = 5
"""Hosts end a login after six attempts (sshd's MaxAuthTries), and a key with a certificate takes two."""

MAX_PASSWORD = 1024
"""Bytes; what reads passwords on hosts takes less (PAM: 512)."""


def read_key_secret(
    values: Mapping[str, bytes],
    *,
    subject: str,
    passphrase: bytes = b"",
    certificate: bytes = b"",
    become_password: bool = True,
) -> SSHKey | None:
    """The keys `value`, `value-1`, `value-2` … with what belongs to them; None without `value` and without a password
    to log in with. source of each: the subject. passphrase, certificate: given besides, used where the Secret has none.
    become_password: whether that is wanted. Raises InputError, with the name of the Secret's key as its field."""
    login_password = _password(values, LOGIN_PASSWORD, subject)
    if VALUE not in values and not login_password:
        return None
    names = [VALUE, *_further(values, subject)] if VALUE in values else []
    keys = []
    for number, name in enumerate(names):
        locked_with = values.get(f"{PASSPHRASE}{name.removeprefix(VALUE)}") or values.get(PASSPHRASE, passphrase)
        key = check_key(
            values[name],
            subject=subject,
            field=name,
            source=subject if not number else f"{subject}: {name}",
            passphrase=locked_with.rstrip(b"\r\n"),
        )
        signed = values.get(f"{name}{CERTIFICATE}") or (b"" if number else certificate)
        if signed:
            found = check_certificate(signed, key.openssh, subject=subject, field=f"{name}{CERTIFICATE}")
            key = replace(key, certificate=found)
        keys.append(key)
    return replace(
        keys[0] if keys else SSHKey("", subject),
        further=tuple(keys[1:]),
        become_password=_password(values, BECOME_PASSWORD, subject) if become_password else "",
        login_password=login_password,
    )


def _password(values: Mapping[str, bytes], name: str, subject: str) -> str:
    return check_password(values[name], subject=subject, field=name) if values.get(name) else ""


def check_password(data: bytes, *, subject: str, field: str = "") -> str:
    """A password on one line; the line's end does not count. Raises InputError (InvalidPassword)."""
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
        raise InputError(problem, subject=subject, field=field, reason="InvalidPassword") from None
    if not text or len(data) > MAX_PASSWORD or any(ord(character) < 32 for character in text):
        problem = f"must hold the password and nothing else, on one line of at most {MAX_PASSWORD} bytes"
        raise InputError(problem, subject=subject, field=field, reason="InvalidPassword")
    return text


def _further(values: Mapping[str, bytes], subject: str) -> list[str]:
    """`value-1` and so on, by their numbers. Raises InputError where there are too many."""
    numbers = sorted(int(rest) for name in values if (rest := name.removeprefix(f"{VALUE}-")) != name and _counts(rest))
    if len(numbers) >= MAX_KEYS:
        problem = f"has {len(numbers) + 1} keys, and at most {MAX_KEYS} are tried: take old ones out"
        raise InputError(problem, subject=subject, reason="InvalidSSHKey")
    return [f"{VALUE}-{number}" for number in numbers]


def _counts(text: str) -> bool:
    return text.isascii() and text.isdigit() and not text.startswith("0") and len(text) < 4


def missing_key_message(name: str, namespace: str) -> str:
    """What is told where there is no such Secret, or no key in it."""
    return f"Secret {name} with key {VALUE!r} was not found in namespace {namespace}"
