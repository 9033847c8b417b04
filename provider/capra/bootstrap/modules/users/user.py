"""`users` of cloud-config: a list, a mapping, or text with commas → users with their settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from capra.bootstrap.accounts import account_name, public_key
from capra.bootstrap.constructs import Constructs
from capra.bootstrap.modules.users import settings
from capra.bootstrap.modules.users.groups import bounded
from capra.bootstrap.reading.location import Location, key_name, yaml_kind
from capra.bootstrap.reading.values import asks_nothing, line, listed, names, truth

DEFAULT = "default"
"""cloud-init's word for the user that its shipped cloud.cfg describes."""

KEYS = ("name", *settings.FIELDS, "sudo", "ssh_authorized_keys")
_NEEDS_HOME = ("no_create_home", "system")


@dataclass(frozen=True)
class Account:
    """settings: the variables of the program `user`. sudo: rules of sudoers(5) without the user. keys: lines of
    authorized_keys."""

    place: Location
    name: str
    settings: Mapping[str, str]
    sudo: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def sudo_asks_password(self) -> bool:
        """Whether some rule has sudo ask for a password."""
        return any("NOPASSWD:" not in rule or re.search(r"(?<!NO)PASSWD:", rule) for rule in self.sudo)


def users(value: Any, place: Location, constructs: Constructs) -> list[Account]:
    """The users in order. `default` is told, and not done. Raises InputError."""
    found: dict[str, Account] = {}
    for at, named_at, item in bounded(list(_entries(value, place)), place):
        if item == {"name": DEFAULT}:
            constructs.tell(at, "is not done: images have a default user, a host has its own")
            continue
        user = _user(item, at, named_at, constructs)
        if user.name in found:
            raise named_at.error(f"{user.name!r} is there twice; put all about it into one entry")
        found[user.name] = user
    return list(found.values())


def _entries(value: Any, place: Location) -> Iterator[tuple[Location, Location, dict[str, Any]]]:
    """The users, each with its place and that of its name, as mappings."""
    if asks_nothing(value):
        return
    if isinstance(value, str):
        yield from ((at, at, {"name": name}) for at, name in names(value, place))
    elif isinstance(value, dict):
        for name, given in value.items():
            at = place.key(name)
            if isinstance(given, dict):
                yield at, at, {**given, "name": name}
            elif truth(given, at):
                yield at, at, {"name": name}
    else:
        for at, item in listed(value, place):
            if isinstance(item, dict):
                yield at, at.key("name"), item
            elif isinstance(item, str | list):
                yield from ((there, there, {"name": name}) for there, name in names(item, at))
            else:
                raise at.error(f"must be a name, or a mapping with it, but is {yaml_kind(item)}")


def _user(given: Mapping[str, Any], place: Location, named_at: Location, constructs: Constructs) -> Account:
    item: dict[str, Any] = {}
    for key, value in given.items():
        # cloud-init takes `lock-passwd` for `lock_passwd`.
        name = key.replace("-", "_") if isinstance(key, str) else key
        if name not in KEYS:
            if not asks_nothing(value) and value is not False:
                constructs.refuse(place.key(key), settings.refusal(key_name(name)))
        elif name in item:
            raise place.key(key).error("is given twice, with '-' and with '_'")
        else:
            item[name] = value
    if item.get("name") in (None, DEFAULT):
        raise named_at.error("is missing: Capra does not know the distribution's default user; give a name")
    name = account_name(item["name"], named_at)
    return Account(
        place,
        name,
        {"user": name, **settings.variables(item, place, constructs)},
        tuple(_sudo(item.get("sudo"), place.key("sudo"))),
        tuple(_keys(item, place)),
    )


def _sudo(value: Any, place: Location) -> list[str]:
    """The rules: text, a list of them, or nothing where it is null or false."""
    if value is None or value is False:
        return []
    rules = [(place, value)] if isinstance(value, str) else bounded(listed(value, place), place)
    found = [(at, line(rule, at).strip()) for at, rule in rules if rule is not None]
    for at, rule in found:
        # A last backslash would join the next rule, and `#` begin a comment, or an include.
        if rule.endswith("\\") or rule.startswith(("#", "@")):
            raise at.error("is not a rule like 'ALL=(ALL) NOPASSWD:ALL' (sudoers(5), without the user)")
    return [rule for _, rule in found if rule]


def _keys(item: Mapping[str, Any], place: Location) -> list[str]:
    """The lines for authorized_keys. cloud-init takes text for a single key, and the values of a mapping."""
    value, at = item.get("ssh_authorized_keys"), place.key("ssh_authorized_keys")
    if isinstance(value, dict):
        value = list(value.values())
    keys = [(at, value)] if isinstance(value, str) else bounded(listed(value, at), at)
    for name in _NEEDS_HOME if keys else ():
        if settings.is_on(item, name, place):
            raise at.error(f"needs a home directory, and {name} makes none (cloud-init refuses this, too)")
    return [public_key(key, there) for there, key in keys]
