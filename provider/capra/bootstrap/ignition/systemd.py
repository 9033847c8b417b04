"""`systemd.units` → unit files, their state, and a first boot's start of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from capra.bootstrap.host_script import host_script
from capra.bootstrap.ignition.fields import JSONObject, refuse_repeated
from capra.bootstrap.ignition.nodes import FileNode
from capra.bootstrap.ignition.storage import clear_way
from capra.bootstrap.reading.location import Location, shown
from capra.bootstrap.steps import Step, WriteFile

_DIRECTORY = "/etc/systemd/system"
_PRESET = "/etc/systemd/system-preset/20-capra.preset"
"""What is enabled and disabled. Ignition's own, 20-ignition.preset (internal/exec/util/unit.go), is the image's where
that has begun with Ignition, and stays; of presets the first one in the order of the names counts."""

_UNIT = re.compile(
    r"[A-Za-z0-9:_.\\@-]{1,200}\.(service|socket|device|mount|automount|swap|target|path|timer|snapshot|slice|scope)"
)
_DROPIN = re.compile(r"[A-Za-z0-9:_.\\@-]{1,200}\.conf")
_INSTALL = re.compile(r"^[ \t]*\[Install\]", re.MULTILINE)
_SOURCE = "systemd.units"


@dataclass(frozen=True)
class Unit:
    """enabled, mask: None where nothing is said. files: what is written for it, by path."""

    name: str
    enabled: bool | None
    mask: bool | None
    files: tuple[WriteFile, ...]
    source: str

    @property
    def line(self) -> str:
        """Name, mask and enabled, as the host's program reads them."""
        words = {None: "-", True: "yes", False: "no"}
        return f"{self.name} {words[self.mask]} {words[self.enabled]}\n"


def units(systemd: JSONObject, *, unique: bool) -> list[Unit]:
    """unique: a name may stand there once. Raises InputError."""
    systemd.only("units")
    items = systemd.objects("units")
    if unique:
        refuse_repeated([(item.text("name") or "", item.place) for item in items], "name")
    return [_unit(item) for item in items]


def _unit(item: JSONObject) -> Unit:
    item.only("name", "enabled", "mask", "contents", "dropins")
    name = _name(item, _UNIT, "a unit like 'thing.service'")
    contents, enabled, mask = item.text("contents"), item.flag("enabled"), item.flag("mask")
    files = [_dropin(dropin, name) for dropin in item.objects("dropins") if dropin.text("contents") is not None]
    if contents:
        at = item.place.key("contents")
        if mask:
            item.constructs.tell(at, "is not written: the unit is masked")
        else:
            files.append(WriteFile(f"{_DIRECTORY}/{name}", contents.encode(), source=item.place.field))
        if enabled and not _INSTALL.search(contents):
            item.constructs.tell(item.place.key("enabled"), "has no effect: the unit has no [Install] section")
    return Unit(name, enabled, mask, tuple(files), item.place.field)


def _dropin(item: JSONObject, unit: str) -> WriteFile:
    item.only("name", "contents")
    name = _name(item, _DROPIN, "a drop-in like '10-thing.conf'")
    contents = item.text("contents") or ""
    return WriteFile(f"{_DIRECTORY}/{unit}.d/{name}", contents.encode(), source=item.place.field)


def _name(item: JSONObject, known: re.Pattern[str], what: str) -> str:
    name, place = item.text("name"), item.place.key("name")
    if not name:
        raise place.error("is missing")
    if not known.fullmatch(name):
        raise place.error(f"{shown(name)} is not the name of {what}")
    return name


def refuse_files_of_units(nodes: Iterable[FileNode], found: Iterable[Unit], place: Location) -> None:
    """A path of `storage` may not be that of a unit's file."""
    paths = {file.path: unit for unit in found for file in unit.files}
    for node in nodes:
        if node.path in paths:
            raise node.place.key("path").error(f"is a file of {paths[node.path].source} too")


def look_for_systemd(found: list[Unit]) -> list[Step]:
    """Fails on a host without systemd, before anything is changed."""
    return [host_script("ignition/systemd", _SOURCE, "look for systemd", {})] if found else []


def unit_steps(found: list[Unit]) -> list[Step]:
    """Files, then masks and presets of all units, then the start of each in the order of the document: as the first
    boot after Ignition finds them."""
    if not found:
        return []
    files = [file for unit in found for file in unit.files]
    made: list[Step] = [clear_way((file.path for file in files), _SOURCE), *files] if files else []
    presets = "".join(f"{'enable' if unit.enabled else 'disable'} {unit.name}\n" for unit in _with_preset(found))
    if presets:
        made.append(WriteFile(_PRESET, presets.encode(), source=_SOURCE))
    lines = {"UNITS": "".join(unit.line for unit in found)}
    made.append(host_script("ignition/units", _SOURCE, "mask, enable and disable units", lines, public=lines))
    return [*made, *(_start(unit) for unit in _of_one_name(found) if not unit.mask and (unit.enabled or unit.files))]


def _of_one_name(found: list[Unit]) -> list[Unit]:
    """Each unit once. In a config of version 2 one may stand in several items, of which the last counts most."""
    units: dict[str, Unit] = {}
    for unit in found:
        if (first := units.get(unit.name)) is not None:
            unit = Unit(  # noqa: PLW2901
                unit.name,
                first.enabled if unit.enabled is None else unit.enabled,
                first.mask if unit.mask is None else unit.mask,
                (*first.files, *unit.files),
                first.source,
            )
        units[unit.name] = unit
    return list(units.values())


def _with_preset(found: list[Unit]) -> list[Unit]:
    return [unit for unit in found if unit.enabled is not None]


def _start(unit: Unit) -> Step:
    """One that is not enabled here is left alone, but for one that runs with what its files were before."""
    variables = {
        "UNIT": unit.name,
        "START": "yes" if unit.enabled else "",
        "FILES": "".join(f"{file.path}\n" for file in unit.files),
    }
    title = f"start {unit.name}" if unit.enabled else f"restart {unit.name} where it runs"
    return host_script("ignition/start", unit.source, title, variables, public=variables)
