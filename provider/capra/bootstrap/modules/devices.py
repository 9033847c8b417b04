"""Names of block devices, as cloud-init's disk_setup, fs_setup and mounts have them: paths, short names, aliases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from capra.bootstrap.reading.location import Location, shown
from capra.bootstrap.reading.values import asks_nothing, mapping, text

MAX_ENTRIES = 100
"""Of each key: as many as Cluster API's kubeadm provider lets one give."""

# cloud-init, cc_mounts: DEVICE_NAME_FILTER.
_SHORT = re.compile(r"x?[shv]d[a-z][0-9]*|sr[0-9]+")
_PATH = re.compile(r"(?!.*/\.\.?(/|$))/dev(/[A-Za-z0-9._:+@=,#~-]+){1,8}")
_DOTTED = re.compile(r"(?P<device>.+)\.(?P<partition>[0-9]{1,3})")
# cloud-init, cc_mounts: is_meta_device_name. Only a cloud's data source knows what they stand for.
_OF_A_CLOUD = re.compile(r"ami|root|swap|(ephemeral|ebs)[^:]*")


@dataclass(frozen=True)
class Device:
    """path: below /dev. partition: the number behind a dot (`/dev/sdb.1`), or empty. whole: the name with the dot where
    that may be a path of its own (`/dev/disk/by-path/pci-0000:00:05.0`); the host tells which it is."""

    path: str
    partition: str = ""
    whole: str = ""


def aliases(document: Mapping[str, Any], subject: str) -> Mapping[str, str]:
    """The paths of `device_aliases` by name. Raises InputError with the place of what is no device."""
    place = Location(subject, "device_aliases")
    given = document.get(place.field)
    if asks_nothing(given):
        return {}
    found = {}
    for name, value in mapping(given, place, "names and paths of devices").items():
        at = place.key(name)
        path = _path(text(value, at)) if isinstance(name, str) else None
        if path is None:
            raise at.error("must be the path of a device below /dev, or a short name like sdb")
        found[name] = path
    bound(found, place)
    return found


def device(name: str, known: Mapping[str, str]) -> Device | None:
    """The device that a name stands for; None where it is no name of a device. known: the aliases."""
    if path := known.get(name) or _path(name):
        dotted = _DOTTED.fullmatch(path) if name not in known else None
        return Device(path) if dotted is None else Device(dotted["device"], _number(dotted), whole=path)
    dotted = _DOTTED.fullmatch(name)
    if dotted and (path := known.get(dotted["device"]) or _path(dotted["device"])):
        return Device(path, _number(dotted))
    return None


def problem(name: str) -> str:
    """What is wrong with a name that is none of a device."""
    if is_of_a_cloud(name):
        return (
            f"{shown(name)} is known to the data source of a cloud only, and a machine that exists already has none:"
            " give the path of the device, or name it in device_aliases"
        )
    return f"{shown(name)} is no device: give a path below /dev, a short name like sdb1, or a name of device_aliases"


def is_of_a_cloud(name: str) -> bool:
    """Whether it is a name like `ephemeral0`, which a cloud's data source stands for."""
    dotted = _DOTTED.fullmatch(name)
    return _OF_A_CLOUD.fullmatch(dotted["device"] if dotted else name) is not None


def place_of(place: Location, name: object) -> Location:
    """The value under a key that is the name of a device, which is no secret where it looks like one."""
    if isinstance(name, str) and _PATH.fullmatch(name):
        return Location(place.subject, f"{place.field}[{name}]")
    return place.key(name)


def bound(entries: Mapping[str, Any] | list[Any], place: Location) -> None:
    """Raises InputError for more entries than anybody means."""
    if len(entries) > MAX_ENTRIES:
        raise place.error(f"has {len(entries)} entries; at most {MAX_ENTRIES} are accepted")


def _path(name: str) -> str | None:
    if _SHORT.fullmatch(name):
        return f"/dev/{name}"
    return name if len(name) <= 256 and _PATH.fullmatch(name) else None


def _number(dotted: re.Match[str]) -> str:
    """cloud-init's documentation: `.0` is the device itself."""
    return "none" if int(dotted["partition"]) == 0 else str(int(dotted["partition"]))
