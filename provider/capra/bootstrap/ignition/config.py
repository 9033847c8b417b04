"""The whole config: its version, and what it replaces itself with or merges (`ignition` of the specification)."""

from __future__ import annotations

import re
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.ignition import document, version2
from capra.bootstrap.ignition.fields import JSONObject
from capra.bootstrap.ignition.merge import merged
from capra.bootstrap.ignition.resource import Budget, Remote, read_resource
from capra.bootstrap.reading import encoding
from capra.bootstrap.reading.location import Location, shown

_VERSION = re.compile(r"3\.[0-5]\.0")
_VERSION_2 = re.compile(r"2\.[0-4]\.0")

MAX_CONFIGS = 32
"""Configs that are merged or replace another, all together."""

_FETCHING = "is about what Ignition fetches, which here is done by the host's curl or wget"


class _Reader:
    def __init__(self, constructs: Constructs, budget: Budget) -> None:
        self._constructs = constructs
        self._budget = budget
        self._left = MAX_CONFIGS

    def config(self, text: str, place: Location) -> tuple[dict[str, Any], bool]:
        """A config with all that it refers to; whether it is of version 2."""
        found = document.load(text, place)
        header = JSONObject(place, found, self._constructs).object("ignition")
        version = header.text("version")
        if version is None:
            raise header.place.key("version").error("is missing: an Ignition config has its version, like 3.4.0")
        if _VERSION_2.fullmatch(version):
            return version2.translated(JSONObject(place, found, self._constructs)), True
        if not _VERSION.fullmatch(version):
            raise header.place.key("version").error(
                f"{shown(version)} is not supported; supported are 3.0.0 to 3.5.0, and 2.0.0 to 2.4.0 without what 3"
                " does not have: let a newer Butane write an older version, or make a 3.x config of it"
            )
        header.only("version", "config", "timeouts", "security", "proxy")
        header.refuse("security", f"{_FETCHING}: install the certificate authority on the host")
        header.refuse("proxy", f"{_FETCHING}: set the proxy on the host")
        if header.is_asked("timeouts"):
            self._constructs.tell(header.place.key("timeouts"), f"{_FETCHING}, for at most 15 minutes each")
        return self._with_others(found, header.object("config")), False

    def _with_others(self, found: dict[str, Any], others: JSONObject) -> dict[str, Any]:
        """Ignition renders `replace` first, and then each of `merge` into what is there so far."""
        others.only("merge", "replace")
        if others.is_asked("replace"):
            return self._other(others.object("replace"))
        if not others.is_asked("merge"):
            return found
        for other in others.objects("merge"):
            if not self._constructs.ignores(other.place):
                found = merged(found, self._other(other))
        return found

    def _other(self, item: JSONObject) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0:
            raise item.place.error(f"is one config too many: at most {MAX_CONFIGS} are accepted")
        content = read_resource(item, self._budget)
        if content is None:
            raise item.place.key("source").error("is missing: the config as a data URL")
        if isinstance(content, Remote):
            problem = "is not fetched from anywhere: give the config as a data URL, or put it into this one"
            raise item.place.key("source").error(problem)
        text = encoding.utf8(content)
        if text is None:
            raise item.place.key("source").error("is not UTF-8 text")
        found, is_old = self.config(text, item.place)
        if is_old:
            raise item.place.error("is a config of version 2, which cannot be put into one of version 3")
        return found


def read_config(text: str, place: Location, constructs: Constructs, budget: Budget) -> tuple[dict[str, Any], bool]:
    """The config in the form of version 3, with all that it merges; whether it was one of version 2, in which a name
    may stand in a list more than once. Raises InputError."""
    return _Reader(constructs, budget).config(text, place)
