"""`passwd`: groups, then users, each added, changed or removed (Ignition's specification, and its
internal/exec/util/passwd.go).

Where Ignition writes the keys of a user into a file of its own, here those that are missing are added to
`~/.ssh/authorized_keys`, which every sshd reads, and which may hold the key that Capra itself comes with.
"""

from __future__ import annotations

import re

from capra.bootstrap.host_script import host_script
from capra.bootstrap.ignition.fields import MAX_ID, JSONObject, refuse_repeated
from capra.bootstrap.location import shown
from capra.bootstrap.steps import Step

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?")
_HASH = re.compile(r"[!-9;-~]{1,512}")
_NAMES = "letters, digits, dots, dashes and underscores"
_LINE = re.compile(r"[^\x00-\x1f\x7f]+")

_GUARDED = {"PASSWORD_HASH", "AUTHORIZED_KEYS", "GECOS"}

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
    return [*map(_group, groups), *map(_user, users)]


def _group(group: JSONObject) -> Step:
    group.only(*GROUP_KEYS)
    group.refuse("passwordHash", "is not supported: passwords of groups are out of use")
    name = _name(group)
    variables = {
        "GROUP_NAME": name,
        "GROUP_ID": _number(group, "gid"),
        "SYSTEM": _flag(group, "system"),
        "SHOULD_EXIST": _flag(group, "shouldExist", default=True),
    }
    title = f"set the group {name} up" if variables["SHOULD_EXIST"] else f"remove the group {name}"
    return host_script("ignition_group", group.place.field, title, variables, variables)


def _user(user: JSONObject) -> Step:
    user.only(*USER_KEYS)
    name = _name(user)
    variables = {
        "USER_NAME": name,
        "PASSWORD_HASH": _password(user),
        "AUTHORIZED_KEYS": "".join(f"{key}\n" for key in _keys(user)),
        "USER_ID": _number(user, "uid"),
        "GECOS": _line(user, "gecos", "without a colon", ":"),
        "HOME_DIRECTORY": _path(user, "homeDir"),
        "CREATE_HOME": "" if user.flag("noCreateHome") else "yes",
        "PRIMARY_GROUP": _group_name(user, "primaryGroup", user.text("primaryGroup")),
        "GROUPS_OF_USER": ",".join(_group_name(user, "groups", group) for group in user.texts("groups")),
        "USER_GROUP": "" if user.flag("noUserGroup") else "yes",
        "LOG_INIT": "" if user.flag("noLogInit") else "yes",
        "LOGIN_SHELL": _path(user, "shell"),
        "SYSTEM": _flag(user, "system"),
        "SHOULD_EXIST": _flag(user, "shouldExist", default=True),
    }
    title = f"set the user {name} up" if variables["SHOULD_EXIST"] else f"remove the user {name}"
    return host_script("ignition_user", user.place.field, title, variables, variables.keys() - _GUARDED)


def _name(item: JSONObject) -> str:
    place, name = item.place.key("name"), item.text("name")
    if not name:
        raise place.error("is missing")
    if not _NAME.fullmatch(name):
        raise place.error(f"{shown(name)} is no name of a user or group: {_NAMES}")
    return name


def _group_name(item: JSONObject, key: str, name: str | None) -> str:
    if name and not _NAME.fullmatch(name) and not (name.isascii() and name.isdigit()):
        raise item.place.key(key).error(f"{shown(name)} is no name of a group: {_NAMES}")
    return name or ""


def _password(user: JSONObject) -> str:
    """An empty hash closes the account to passwords, as `*` does; without one nothing is changed."""
    given = user.text("passwordHash")
    if given is None:
        return ""
    if given and not _HASH.fullmatch(given):
        raise user.place.key("passwordHash").error("is no hash of a password, as crypt(5) has them")
    return given or "*"


def _keys(user: JSONObject) -> list[str]:
    keys = [key.strip() for key in user.texts("sshAuthorizedKeys")]
    for index, key in enumerate(keys):
        if key and not _LINE.fullmatch(key):
            raise user.place.key("sshAuthorizedKeys").item(index).error("must be one line of authorized_keys")
    return [key for key in keys if key]


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
    return "yes" if (default if value is None else value) else ""
