"""The mapping of a cloud-config document → ordered steps.

The order is that of cloud-init's modules in its shipped cloud.cfg: bootcmd and write_files in the init stage, the
deferred files and then scripts_user, which runs what runcmd wrote, in the final stage.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.modules import (
    ca_certs,
    commands,
    disks,
    hostname,
    locale,
    mounts,
    ntp,
    packages,
    ssh,
    users,
    write_files,
)
from capra.bootstrap.reading.location import Location
from capra.bootstrap.reading.values import asks_nothing, mapping, text, truth
from capra.bootstrap.steps import RunCommand, Step

Module = Callable[[Mapping[str, Any], Constructs, str], Sequence[Step]]

MODULES: tuple[tuple[tuple[str, ...], Module], ...] = (
    (disks.KEYS, disks.steps),
    (mounts.KEYS, mounts.steps),
    (hostname.KEYS, hostname.steps),
    (ca_certs.KEYS, ca_certs.steps),
    (users.KEYS, users.steps),
    (ssh.KEYS, ssh.steps),
    (packages.KEYS, packages.steps),
    (locale.KEYS, locale.steps),
    (ntp.KEYS, ntp.steps),
)
"""The keys and the function of each module between write_files and the deferred files, in cloud-init's order, but for
the packages: there `locale` and `ntp` install what they need by themselves, here it is what `packages` names."""

NOT_DONE: Mapping[str, str] = {
    "growpart": "is not done: the partitions of the host stay as they are",
    "resize_rootfs": "is not done: the file system of the host stays as it is",
    "final_message": "is not shown: it would reach a console that nobody reads",
}
"""Keys that are accepted and told: key → what is told of it."""

KEYS = (*write_files.KEYS, *commands.KEYS, *(key for keys, _ in MODULES for key in keys), *NOT_DONE)
ASKS_NOTHING: Mapping[str, tuple[object, ...]] = {
    "package_reboot_if_required": (False,),
    "resize_rootfs": (False,),
    "growpart": ({"mode": "off"}, {"mode": False}),
    "disable_root": (False,),
    "ssh_deletekeys": (False,),
    "create_hostname_file": (True,),
}
"""Values of keys without a module here that have cloud-init's do nothing (its 'Module reference'). Providers write them
out."""


INSTEAD: Mapping[str, str] = {
    "ssh_authorized_keys": "Capra makes no default user: put the keys under ssh_authorized_keys of an entry of users",
    "user": "Capra makes no default user: name the user under users",
    "chpasswd": "give hashed_passwd in an entry of users",
    "password": "give hashed_passwd in an entry of users",
    "disable_root": "Capra may log in as root",
    "ssh_deletekeys": "the host's keys are pinned",
    "ssh_keys": "the host's keys are pinned",
    "package_reboot_if_required": "a reboot would cut the bootstrap off",
    "apt_update": "package_update is its name today",
    "apt_upgrade": "package_upgrade is its name today",
}
"""What to do instead of some keys that are not supported."""

NAMED_AT_MOST = 10
"""So many paths of what is not supported stand in one error."""


@dataclass(frozen=True)
class Stages:
    """The steps of a document. early: bootcmd. middle: all files and what stands between them. late: runcmd."""

    early: tuple[RunCommand, ...]
    middle: tuple[Step, ...]
    late: tuple[RunCommand, ...]


def stages(document: Mapping[str, Any], constructs: Constructs, subject: str) -> Stages:
    """The document's steps. Raises InputError naming the place of what is wrong or not supported."""
    # One that is supported may not be wanted on this host, as NTP where somebody else keeps the clock.
    top = Location(subject)
    document = {
        key: value for key, value in document.items() if key not in KEYS or not constructs.ignores(top.key(key))
    }
    _refuse_unsupported(document, constructs, subject)
    early = commands.commands(document, "bootcmd", subject)
    files, deferred = write_files.files(document, constructs, subject)
    between = [step for _, module in MODULES for step in module(document, constructs, subject)]
    _tell_not_done(document, constructs, subject)
    late = commands.commands(document, "runcmd", subject)
    return Stages(tuple(early), (*files, *between, *deferred), tuple(late))


def _refuse_unsupported(document: Mapping[str, Any], constructs: Constructs, subject: str) -> None:
    """Raises one InputError that names the keys which ask for something that is not done."""
    top = Location(subject)
    found = [
        name
        for name, value in document.items()
        if name not in KEYS
        and not asks_nothing(value)
        and not _is_off(name, value)
        and not constructs.ignores(top.key(name))
    ]
    found += write_files.unsupported(document, constructs, subject)
    if found:
        named, more = found[:NAMED_AT_MOST], len(found) - NAMED_AT_MOST
        near = [match for name in named for match in difflib.get_close_matches(name, KEYS, 1, 0.8)]
        hint = f"did you mean {', '.join(dict.fromkeys(near))}? " if near else ""
        what = f"these and {more} more are not supported" if more > 0 else "not supported"
        raise Location(subject, ", ".join(named)).error(
            f"{hint}{what}{_instead(named)}; docs/reference/bootstrap-data.md has what is, and the annotation"
            " ignored-constructs goes on without"
        )


def _tell_not_done(document: Mapping[str, Any], constructs: Constructs, subject: str) -> None:
    """Tells what is accepted, and not done. Raises InputError for a value that cloud-init would not take."""
    for name, what in NOT_DONE.items():
        value, place = document.get(name), Location(subject, name)
        if asks_nothing(value) or _is_off(name, value):
            continue
        if name == "growpart":
            mapping(value, place, "a mode")
        elif name == "final_message":
            text(value, place)
        elif value != "noblock":
            truth(value, place)
        constructs.tell(place, what)


def _instead(found: Sequence[str]) -> str:
    """What can be said of some of the keys besides."""
    said = dict.fromkeys(f"{name}: {INSTEAD[name]}" for name in found if name in INSTEAD)
    return f" ({'; '.join(said)})" if said else ""


def _is_off(name: str, value: object) -> bool:
    """Whether the value of a key has cloud-init's module do nothing."""
    # In Python, 0 is False and 1 is True.
    return any(type(value) is type(off) and value == off for off in ASKS_NOTHING.get(name, ()))
