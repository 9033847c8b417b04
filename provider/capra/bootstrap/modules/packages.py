"""cloud-init's module `package_update_upgrade_install`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.reading.location import Location, shown, yaml_kind
from capra.bootstrap.reading.values import line, listed, switched
from capra.bootstrap.steps import RunCommand, Step

KEYS = ("packages", "package_update", "package_upgrade")
MAX_PACKAGES = 1000

# What a package manager takes as one argument: names, versions, releases, groups, files; never an option.
_WORD = re.compile(r"[A-Za-z0-9@/.+_][!-~]{0,254}")


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """The steps: lists, upgrade, packages. Raises InputError."""
    top = Location(subject)
    update = switched(document, "package_update", False, top)
    upgrade = switched(document, "package_upgrade", False, top)
    wanted = _packages(document.get("packages"), top.key("packages"), constructs)
    found: list[Step] = []
    if update or upgrade:
        source = "package_update" if update else "package_upgrade"
        found.append(_step("update", source, "update the lists of packages"))
    if upgrade:
        found.append(_step("upgrade", "package_upgrade", "upgrade the packages"))
    if wanted:
        found.append(_step("install", "packages", "install the packages", wanted))
    return found


def _step(action: str, source: str, title: str, wanted: list[str] | None = None) -> RunCommand:
    variables = {"action": action, "wanted": "\n".join(wanted or ())}
    return host_script("system/packages", source, title, variables, variables)


def _packages(value: Any, place: Location, constructs: Constructs) -> list[str]:
    """Lines: a name, and perhaps a version behind a space."""
    found = []
    for at, item in [(place, value)] if isinstance(value, str) else listed(value, place):
        if isinstance(item, dict):
            for manager in item:
                constructs.refuse(at.key(manager), "is not supported: name packages without their manager")
        elif isinstance(item, list):
            found.append(_with_version(item, at))
        elif item is not None:
            found.append(_word(item, at))
    if len(found) > MAX_PACKAGES:
        raise place.error(f"has {len(found)} entries; at most {MAX_PACKAGES} are accepted")
    return list(dict.fromkeys(found))


def _with_version(item: list[Any], place: Location) -> str:
    if not 1 <= len(item) <= 2:
        raise place.error("must be a name and a version, like [containerd, 1.7.0]")
    return " ".join(_word(part, place.item(index)) for index, part in enumerate(item) if part is not None)


def _word(value: Any, place: Location) -> str:
    if not isinstance(value, str):
        raise place.error(f"must be text, or a list of two texts, but is {yaml_kind(value)}; put it in quotes")
    word = line(value, place).strip()
    if not _WORD.fullmatch(word):
        raise place.error(f"{shown(word)} is not a package's name or version")
    return word
