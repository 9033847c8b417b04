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
from capra.bootstrap.location import Location
from capra.bootstrap.modules import commands, write_files
from capra.bootstrap.steps import RunCommand, Step
from capra.bootstrap.values import asks_nothing

Module = Callable[[Mapping[str, Any], Constructs, str], Sequence[Step]]

MODULES: tuple[tuple[tuple[str, ...], Module], ...] = ()
"""The keys and the function of each module between write_files and the deferred files, in cloud-init's order."""

KEYS = (*write_files.KEYS, *commands.KEYS, *(key for keys, _ in MODULES for key in keys))
ASKS_NOTHING: Mapping[str, tuple[object, ...]] = {
    "package_update": (False,),
    "package_upgrade": (False,),
    "package_reboot_if_required": (False,),
    "manage_etc_hosts": (False,),
    "preserve_hostname": (True,),
    "resize_rootfs": (False,),
    "ntp": ({"enabled": False},),
    "growpart": ({"mode": "off"}, {"mode": False}),
}
"""Values that have cloud-init's modules do nothing (its 'Module reference'). Providers write them out."""

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
    _refuse_unsupported(document, constructs, subject)
    early = commands.commands(document, "bootcmd", subject)
    files, deferred = write_files.files(document, subject)
    between = [step for _, module in MODULES for step in module(document, constructs, subject)]
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
        what = f"these and {more} more are not supported yet" if more > 0 else "not supported yet"
        raise Location(subject, ", ".join(named)).error(
            f"{hint}{what}; supported are {', '.join(KEYS)}; in write_files {', '.join(write_files.FILE_KEYS)}"
        )


def _is_off(name: str, value: object) -> bool:
    """Neither does it. What is said when all is done (`final_message`) would reach a console that nobody reads."""
    if name == "final_message":
        return isinstance(value, str)
    # In Python, 0 is False and 1 is True.
    return any(type(value) is type(off) and value == off for off in ASKS_NOTHING.get(name, ()))
