"""Accounts in all formats of bootstrap data: what a name, a hash and a key may be, and the steps that make them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from capra.bootstrap.host_script import host_script
from capra.bootstrap.reading.location import Location, shown
from capra.bootstrap.reading.values import line, text
from capra.bootstrap.steps import RunCommand

SECRET = frozenset({"passwd", "hashed_passwd"})
"""Variables of the program `user` whose values nobody may read."""

# What useradd, groupadd and busybox's adduser take (their `NAME_REGEX`, and Debian's wider one), at most 32 characters.
_NAME = re.compile(r"(?!\d+$)(?!\.\.?$)[A-Za-z0-9_.][A-Za-z0-9_.@-]{0,30}[A-Za-z0-9_.@$-]?")

# sudoers(5) reads them as something else than a user: `ALL` is everybody.
_SUDOERS_WORDS = frozenset({"ALL", "Defaults", "User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias"})

# crypt(5): `$id$…`. `!` before it, or alone, is a locked password; `*` is one that nothing matches.
_HASH = re.compile(r"!{0,2}(\$[0-9a-z]{1,12}\$[!-9;-~]{1,500})|!{0,2}\*?")

# sshd(8), 'AUTHORIZED_KEYS FILE FORMAT': perhaps options, a type, the key in base64, perhaps a comment.
_KEY = re.compile(r"(\S.*\s)?[a-z0-9@.-]+\s+[A-Za-z0-9+/]{16,}={0,3}(\s.*)?")


def account_name(value: Any, place: Location) -> str:
    """The name of a user or a group. Raises InputError for one that the tools of a host would refuse, or misread."""
    name = line(value, place).strip()
    if not _NAME.fullmatch(name):
        raise place.error(
            f"{shown(name)} is not a name: at most 32 letters, digits, '_', '-', '.' and '@', not only digits"
        )
    if name in _SUDOERS_WORDS:
        raise place.error(f"{shown(name)} is no name for a user or a group: sudoers(5) reads it as something else")
    return name


def password_hash(value: Any, place: Location) -> str:
    """A hash for shadow(5), perhaps locked. Raises InputError."""
    found = text(value, place)
    if not _HASH.fullmatch(found):
        raise place.error("is not a hash as crypt(5) writes it ('$6$…', from mkpasswd or openssl passwd -6)")
    return found


def public_key(value: Any, place: Location) -> str:
    """A line for authorized_keys. Raises InputError."""
    key = text(value, place).strip()
    if not key.isprintable() or not _KEY.fullmatch(key):
        raise place.error("is not a public SSH key: one line like 'ssh-ed25519 AAAA… comment'")
    return key


def user_step(source: str, title: str, settings: Mapping[str, str]) -> RunCommand:
    """Makes a user, or changes one. settings: the variables of the program `user`."""
    return host_script(
        "accounts/user", source, title, settings, settings.keys() - SECRET, before=["path", "accounts/login"]
    )


def keys_step(source: str, user: str, keys: Sequence[str]) -> RunCommand:
    """Adds lines to the user's authorized_keys."""
    variables = {"user": user, "keys": "\n".join(keys)}
    title = f"authorize the SSH keys of the user {user}"
    return host_script("accounts/authorized_keys", source, title, variables, {"user"}, before=["path"])


def group_step(source: str, title: str, variables: Mapping[str, str]) -> RunCommand:
    """Makes a group, or adds members to it. variables: those of the program `group`; what is missing is empty."""
    variables = {"gid": "", "system": "", "members": "", **variables}
    return host_script("accounts/group", source, title, variables, variables)


def removal_step(source: str, kind: str, name: str) -> RunCommand:
    """Removes an account. kind: user or group."""
    variables = {"user": "", "group": "", kind: name}
    return host_script(
        "accounts/remove_account", source, f"remove the {kind} {name}", variables, variables, before=["accounts/login"]
    )
