"""cloud-init's module `users_groups`: groups, then users, then the members of the groups.

cloud-init looks for the members before it makes the users, and passes over those that are not there. Here they may be
users of the same document, and one that is not there is an error on the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.bootstrap.accounts import group_step, keys_step, user_step
from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.modules.users.groups import Group, groups
from capra.bootstrap.modules.users.user import Account, users
from capra.bootstrap.reading.location import Location
from capra.bootstrap.steps import RunCommand, Step

KEYS = ("users", "groups")


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """The steps for `users` and `groups`. Raises InputError naming the place of what is wrong or not supported."""
    wanted = groups(document.get("groups"), Location(subject, "groups"))
    people = users(document.get("users"), Location(subject, "users"), constructs)
    made = [_group(group, "") for group in wanted]
    joined = [_group(group, " ".join(group.members)) for group in wanted if group.members]
    return [*made, *(step for user in people for step in _user(user)), *joined]


def _group(group: Group, members: str) -> RunCommand:
    title = f"add the members of the group {group.name}" if members else f"make the group {group.name}"
    return group_step(group.place.field, title, {"group": group.name, "members": members})


def _user(user: Account) -> list[RunCommand]:
    name, source = user.name, user.place.field
    made = [user_step(source, f"make the user {name}", user.settings)]
    if user.sudo:
        block = "\n".join([f"# User rules for {name}", *(f"{name} {rule}" for rule in user.sudo)])
        variables = {"user": name, "block": block, "asks_password": "1" if user.sudo_asks_password else ""}
        made.append(host_script("accounts/sudo", source, f"let the user {name} use sudo", variables, {"user"}))
    if user.keys:
        made.append(keys_step(source, name, user.keys))
    return made
