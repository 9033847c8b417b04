"""cloud-init's module `ntp`. It installs a client where there is none; here that is what `packages` is for."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.modules.hostname import host_name
from capra.bootstrap.reading.location import Location, key_name, shown
from capra.bootstrap.reading.values import asks_nothing, line, listed, mapping, switched
from capra.bootstrap.steps import Step

KEYS = ("ntp",)
CLIENTS = ("auto", "chrony", "systemd-timesyncd")
MAX_SERVERS = 64

_KEYS = ("enabled", "servers", "pools", "ntp_client")


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """The step for `ntp`, unless it is empty or not enabled. Without servers and pools those that the client has stay.
    Raises InputError."""
    place = Location(subject, "ntp")
    if asks_nothing(document.get("ntp")):
        return []
    given = mapping(document["ntp"], place, "servers or pools")
    if not switched(given, "enabled", True, place):
        return []
    for key, value in given.items():
        if key not in _KEYS and not asks_nothing(value):
            constructs.refuse(place.key(key), f"{key_name(key)} is not supported; supported are {', '.join(_KEYS)}")
    sources = [f"{kind} {name}" for kind in ("server", "pool") for name in _servers(given, f"{kind}s", place)]
    client = _client(given.get("ntp_client"), place.key("ntp_client"), constructs)
    variables = {"client": client, "sources": "\n".join(sources)}
    return [host_script("system/ntp", place.field, "keep the clock with NTP", variables, variables)]


def _servers(given: Mapping[str, Any], key: str, place: Location) -> list[str]:
    found = listed(given.get(key), place.key(key))
    if len(found) > MAX_SERVERS:
        raise place.key(key).error(f"has {len(found)} entries; at most {MAX_SERVERS} are accepted")
    return list(dict.fromkeys(_server(value, at) for at, value in found))


def _server(value: Any, place: Location) -> str:
    """A host name or an address."""
    name = line(value, place).strip()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not name:
        raise place.error("is empty: give the name or the address of a server")
    return host_name(name, place)


def _client(value: Any, place: Location, constructs: Constructs) -> str:
    client = "auto" if value is None else line(value, place)
    if client not in CLIENTS:
        constructs.refuse(place, f"{shown(client)} is not supported; supported are {', '.join(CLIENTS)}")
        return "auto"
    return client
