"""cloud-init's modules `locale` and `timezone`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.reading.location import Location, shown
from capra.bootstrap.reading.values import line
from capra.bootstrap.steps import Step

KEYS = ("locale", "locale_configfile", "timezone")

_ZONE = re.compile(r"(?=.{1,64}$)[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_LOCALE = re.compile(r"(?=.{1,64}$)[A-Za-z]+(_[A-Za-z]+)?(\.[A-Za-z0-9-]+)?(@[A-Za-z0-9]+)?")


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """The steps for both. Null, empty text and, for the locale, false ask for nothing. Raises InputError."""
    top = Location(subject)
    found: list[Step] = []
    file = _file(document.get("locale_configfile"), top.key("locale_configfile"))
    if document.get("locale") not in (None, "", False):
        name = _name(document["locale"], _LOCALE, "a locale like 'en_US.UTF-8'", top.key("locale"))
        found.append(
            host_script("system/locale", "locale", "set the locale", {"locale": name, "file": file}, {"locale", "file"})
        )
    if document.get("timezone") not in (None, ""):
        zone = _name(document["timezone"], _ZONE, "a time zone like 'Europe/Berlin'", top.key("timezone"))
        found.append(host_script("system/timezone", "timezone", "set the time zone", {"zone": zone}, {"zone"}))
    return found


def _name(value: Any, pattern: re.Pattern[str], what: str, place: Location) -> str:
    name = line(value, place).strip()
    if not pattern.fullmatch(name):
        raise place.error(f"{shown(name)} is not {what}")
    return name


def _file(value: Any, place: Location) -> str:
    """An absolute path, or empty for the distribution's own file."""
    path = "" if value is None else line(value, place)
    if path and (not path.startswith("/") or path.endswith("/")):
        raise place.error(f"{shown(path)} is not an absolute path of a file")
    return path
