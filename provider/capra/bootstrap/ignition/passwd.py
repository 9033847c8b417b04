"""`passwd`: groups, then users, each added, changed or removed (Ignition's specification, and its
internal/exec/util/passwd.go). The host's programs, and what a name, a hash and a key may be, are those of cloud-config.

Where Ignition writes the keys of a user into a file of its own, here those that are missing are added to
`~/.ssh/authorized_keys`, which every sshd reads, and which may hold the key that Capra itself comes with.
"""

from __future__ import annotations

import re

from capra.bootstrap.accounts import (
    account_name,
    group_step,
    keys_step,
    password_hash,
    public_key,
    removal_step,
    user_step,
)
from capra.bootstrap.ignition.fields import MAX_ID, JSONObject, refuse_repeated
from capra.bootstrap.reading.location import Location, shown
from capra.bootstrap.steps import Step

_CLOSED = "*"
"""In the place of a hash: no password fits."""

_LINE = re.compile(r"[^\x00-\x1f\x7f]+")

USER_KEYS = (
    "name",
    "passwordHash",
    "sshAuthorizedKeys",
    "uid",
    "gecos",
    "homeDir",
    "noCreateHome",
    "primaryGroup",
    "groups",
    "noUserGroup",
    "noLogInit",
    "shell",
    "shouldExist",
    "system",
)
GROUP_KEYS = ("name", "gid", "passwordHash", "shouldExist", "system")


def account_steps(passwd: JSONObject, *, unique: bool) -> list[Step]:
    """unique: a name may stand in a list once. Raises InputError."""
    passwd.only("users", "groups")
    groups = passwd.objects("groups")
    users = passwd.objects("users")
    if unique:
        refuse_repeated([(group.text("name") or "", group.place) for group in groups], "name")
        refuse_repeated([(user.text("name") or "", user.place) for user in users], "name")
    return [*map(_group, groups), *(step for user in users for step in _user(user))]


def _group(group: JSONObject) -> Step:
    group.only(*GROUP_KEYS)
    group.refuse("passwordHash", "is not supported: passwords of groups are out of use")
    name = _name(group)
    if not _flag(group, "shouldExist", default=True):
        return removal_step(group.place.field, "group", name)
    variables = {"group": name, "gid": _number(group, "gid"), "system": _flag(group, "system")}
    return group_step(group.place.field, f"set the group {name} up", variables)


def _user(user: JSONObject) -> list[Step]:
    user.only(*USER_KEYS)
    name, source, keys = _name(user), user.place.field, _keys(user)
    settings = {"user": name, **_settings(user)}
    if not _flag(user, "shouldExist", default=True):
        return [removal_step(source, "user", name)]
    made: list[Step] = [user_step(source, f"set the user {name} up", settings)]
    return [*made, keys_step(source, name, keys)] if keys else made


def _settings(user: JSONObject) -> dict[str, str]:
    """The variables of the program `user`. Without a hash a new user has a password that nothing fits, and one that
    is there keeps its own; an empty hash closes the account to passwords. Nothing is locked or unlocked."""
    given = user.text("passwordHash")
    found = None if given is None else password_hash(given, user.place.key("passwordHash")) or _CLOSED
    groups = (_group_name(group, user.place.key("groups")) for group in user.texts("groups"))
    return {
        "change": "1",
        "gecos": _line(user, "gecos", "without a colon", ":"),
        "homedir": _path(user, "homeDir"),
        "shell": _path(user, "shell"),
        "uid": _number(user, "uid"),
        "primary_group": _group_name(user.text("primaryGroup") or "", user.place.key("primaryGroup")),
        "groups": " ".join(group for group in groups if group),
        "passwd": _CLOSED if found is None else "",
        "hashed_passwd": found or "",
        "inactive": "",
        "expiredate": "",
        "lock_passwd": "keep",
        "create_groups": "",
        "system": _flag(user, "system"),
        "no_create_home": _flag(user, "noCreateHome"),
        "no_user_group": _flag(user, "noUserGroup"),
        "no_log_init": _flag(user, "noLogInit"),
    }


def _name(item: JSONObject) -> str:
    place, name = item.place.key("name"), item.text("name")
    if not name:
        raise place.error("is missing")
    return account_name(name, place)


def _group_name(name: str, place: Location) -> str:
    """A name, or the number of a group."""
    return name if not name or (name.isascii() and name.isdigit()) else account_name(name, place)


def _keys(user: JSONObject) -> list[str]:
    place = user.place.key("sshAuthorizedKeys")
    keys = enumerate(user.texts("sshAuthorizedKeys"))
    return [public_key(key, place.item(index)) for index, key in keys if key.strip()]


def _line(item: JSONObject, name: str, what: str, without: str) -> str:
    value = item.text(name) or ""
    if value and (not _LINE.fullmatch(value) or without in value):
        raise item.place.key(name).error(f"must be one line {what}")
    return value


def _path(item: JSONObject, name: str) -> str:
    value = _line(item, name, "without a colon", ":")
    if value and not value.startswith("/"):
        raise item.place.key(name).error(f"{shown(value)} is not an absolute path")
    return value


def _number(item: JSONObject, name: str) -> str:
    value = item.number(name, MAX_ID)
    return "" if value is None else str(value)


def _flag(item: JSONObject, name: str, *, default: bool = False) -> str:
    value = item.flag(name)
    return "1" if (default if value is None else value) else ""
