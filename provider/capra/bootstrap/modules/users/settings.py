"""What a user of cloud-config has besides name, sudo and keys → the variables of the program `user`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any

from capra.bootstrap.accounts import account_name, password_hash
from capra.bootstrap.constructs import Constructs
from capra.bootstrap.modules.users.groups import account_names
from capra.bootstrap.reading.location import Location, shown
from capra.bootstrap.reading.values import line, switched, text

_REFUSED = {
    "plain_text_passwd": "is not supported: the password would stand in the bootstrap data; give hashed_passwd",
    "doas": "is not supported; sudo is",
    "snapuser": "is not supported; a user has a name",
    "ssh_import_id": "is not supported: it asks a third party for keys; put them under ssh_authorized_keys",
    "ssh_redirect_user": "is not supported: no keys come from a cloud",
    "selinux_user": "is not supported",
}

_MAX_NUMBER = 2**31 - 1


def is_on(item: Mapping[str, Any], name: str, place: Location) -> bool:
    """Whether a switch of the user is on."""
    return switched(item, name, name in _ON_BY_DEFAULT, place)


def refusal(name: str) -> str:
    """Why a key of a user is refused."""
    return _REFUSED.get(name, f"is not known; known are name, {', '.join(FIELDS)}, sudo, ssh_authorized_keys")


def variables(item: Mapping[str, Any], place: Location, constructs: Constructs) -> dict[str, str]:
    """One of each field: its text, or empty; of a switch `1` or empty. Raises InputError."""
    found = {name: read(item.get(name), place.key(name)) for name, read in _VALUES.items()}
    found |= {name: "1" if is_on(item, name, place) else "" for name in _SWITCHES}
    if isinstance(item.get("inactive"), bool):
        found["inactive"] = ""
        constructs.tell(place.key("inactive"), "does nothing, as in cloud-init: it is a number of days")
    if not found["lock_passwd"] and not (found["passwd"] or found["hashed_passwd"]):
        if "" in (item.get("passwd"), item.get("hashed_passwd")):
            raise place.key("lock_passwd").error("is false, and the password empty: anybody could log in; give a hash")
        constructs.tell(place.key("lock_passwd"), "unlocks only a password that the user has already: none is given")
    return found


def _optional(read: Callable[[Any, Location], str]) -> Callable[[Any, Location], str]:
    return lambda value, place: "" if value is None or value == "" else read(value, place)


def _plain(value: Any, place: Location) -> str:
    """Text for a field of passwd(5)."""
    found = line(value, place)
    if ":" in found:
        raise place.error("must not have a colon: it ends a field in /etc/passwd")
    return found


def _path(value: Any, place: Location) -> str:
    path = _plain(value, place)
    if not path.startswith("/") or not path.strip("/") or "/../" in f"{path}/":
        raise place.error(f"{shown(path)} is not an absolute path")
    return path.rstrip("/")


def _number(value: Any, place: Location) -> str:
    """A whole number, or its digits as text."""
    digits = str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value, place).strip()
    if not re.fullmatch(r"[0-9]{1,10}", digits) or int(digits) > _MAX_NUMBER:
        raise place.error(f"must be a whole number from 0 to {_MAX_NUMBER}")
    return str(int(digits))


def _days(value: Any, place: Location) -> str:
    return "" if isinstance(value, bool) else _number(value, place)


def _date(value: Any, place: Location) -> str:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    try:
        return datetime.date.fromisoformat(text(value, place).strip()).isoformat()
    except ValueError:
        raise place.error("must be a date like 2030-12-31") from None


_VALUES: Mapping[str, Callable[[Any, Location], str]] = {
    "gecos": _optional(_plain),
    "homedir": _optional(_path),
    "shell": _optional(_path),
    "uid": _optional(_number),
    "primary_group": _optional(account_name),
    "groups": lambda value, place: " ".join(account_names(list(value) if isinstance(value, dict) else value, place)),
    "passwd": _optional(password_hash),
    "hashed_passwd": _optional(password_hash),
    "inactive": _optional(_days),
    "expiredate": _optional(_date),
}
_ON_BY_DEFAULT = ("lock_passwd", "create_groups")
_SWITCHES = (*_ON_BY_DEFAULT, "system", "no_create_home", "no_user_group", "no_log_init")

FIELDS = (*_VALUES, *_SWITCHES)
"""The keys of a user that are settings."""
