"""cloud-init's modules `set_hostname`, `update_hostname` and `update_etc_hosts`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.reading.location import Location, shown
from capra.bootstrap.reading.values import line, switched, truth
from capra.bootstrap.steps import Step

KEYS = ("hostname", "fqdn", "prefer_fqdn_over_hostname", "preserve_hostname", "manage_etc_hosts")

# RFC 1123, 2.1; a label has at most 63 characters, a name 253.
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """The steps for the name and for /etc/hosts. Raises InputError."""
    top = Location(subject)
    names = _names(document, top)
    preserved = switched(document, "preserve_hostname", False, top)
    prefer = _preference(document, top)
    found: list[Step] = []
    if names["hostname"] and not preserved:
        source = "hostname" if document.get("hostname") else "fqdn"
        found.append(
            host_script(
                "system/hostname", source, "set the host's name", {**names, "prefer": prefer}, {*names, "prefer"}
            )
        )
    if manner := _manner(document.get("manage_etc_hosts"), top.key("manage_etc_hosts")):
        title = "write /etc/hosts" if manner == "template" else "add the host's name to /etc/hosts"
        found.append(
            host_script("system/hosts", "manage_etc_hosts", title, {**names, "manner": manner}, {*names, "manner"})
        )
    return found


def host_name(value: Any, place: Location) -> str:
    """A name of a host, with or without its domain; empty where there is none."""
    name = "" if value is None else line(value, place).strip()
    if name and not _NAME.fullmatch(name):
        raise place.error(f"{shown(name)} is not a host name: letters, digits and '-', with dots between labels")
    return name


def _names(document: Mapping[str, Any], top: Location) -> dict[str, str]:
    """`hostname` and `fqdn` as cloud-init makes them of each other; both are empty where neither is given."""
    hostname = host_name(document.get("hostname"), top.key("hostname"))
    fqdn = host_name(document.get("fqdn"), top.key("fqdn"))
    if fqdn:
        return {"hostname": hostname or fqdn.split(".")[0], "fqdn": fqdn}
    return {"hostname": hostname.split(".")[0], "fqdn": hostname}


def _preference(document: Mapping[str, Any], top: Location) -> str:
    """Which of the names the host gets; `auto` leaves it to the distribution."""
    key = "prefer_fqdn_over_hostname"
    if document.get(key) is None:
        return "auto"
    return "fqdn" if truth(document[key], top.key(key)) else "hostname"


def _manner(value: Any, place: Location) -> str:
    """`template`, `localhost`, or empty where /etc/hosts is left as it is."""
    if value in ("template", "localhost"):
        return str(value)
    return "template" if truth(value, place) else ""
