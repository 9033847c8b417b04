"""cloud-init's module `disk_setup`: partition tables (`disk_setup`), file systems (`fs_setup`) and `device_aliases`.

Unlike cloud-init, nothing that is there is written over unless `overwrite` or `replace_fs` says so, whatever
`partition` is; and what cannot be done ends the bootstrap (`scripts/partition_disk.sh`, `scripts/file_system.sh`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.modules import devices, partition_types
from capra.bootstrap.reading.location import Location, shown, yaml_kind
from capra.bootstrap.reading.values import asks_nothing, flag, items, mapping, text, written
from capra.bootstrap.steps import RunCommand, Step

KEYS = ("disk_setup", "fs_setup", "device_aliases")

_TABLE_KEYS = ("table_type", "layout", "overwrite")
_FILE_SYSTEM_KEYS = ("label", "filesystem", "device", "partition", "overwrite", "replace_fs", "extra_opts")
_TABLES = {"mbr": "dos", "gpt": "gpt"}
_MAX_PARTITIONS = {"mbr": 4, "gpt": 100}
LABEL_BYTES = {"ext2": 16, "ext3": 16, "ext4": 16, "xfs": 12, "btrfs": 255, "vfat": 11, "swap": 15}
"""The file systems that can be made, and how long their labels may be, in bytes."""

_LABEL = re.compile(r"[A-Za-z0-9_.:+@/=-]([A-Za-z0-9_.:+@/= -]*[A-Za-z0-9_.:+@/=-])?")
_BEGUN = "CAPRA-BEGUN"  # `scripts/file_system.sh`
_MAX_OPTIONS = 100


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """A step for each disk and each file system, in order. Raises InputError naming the place of what is wrong."""
    known = devices.aliases(document, subject)
    return [*_tables(document, known, constructs, subject), *_file_systems(document, known, constructs, subject)]


def _tables(
    document: Mapping[str, Any], known: Mapping[str, str], constructs: Constructs, subject: str
) -> list[RunCommand]:
    top, given = Location(subject, "disk_setup"), document.get("disk_setup")
    if asks_nothing(given):
        return []
    disks = mapping(given, top, "devices and their layouts")
    devices.bound(disks, top)
    found: dict[str, RunCommand] = {}
    for name, item in disks.items():
        place = devices.place_of(top, name)
        disk = _device(name, known, place, constructs)
        if disk is None:
            continue
        if disk.partition and not disk.whole:
            raise place.error("names a partition: give the disk")
        variables = _table(mapping(item, place, ", ".join(_TABLE_KEYS)), place, constructs)
        if not variables:
            continue
        path = disk.whole or disk.path
        if path in found:
            raise place.error(f"{shown(path)} is given twice")
        variables = variables | {"DEVICE": path}
        title = f"partition {path}"
        found[path] = host_script(
            "storage/partition_disk", place.field, title, variables, variables, before=["storage/devices"]
        )
    return list(found.values())


def _table(item: Mapping[str, Any], place: Location, constructs: Constructs) -> dict[str, str]:
    """The variables of a table; none where no layout is asked for."""
    _refuse_unknown(item, _TABLE_KEYS, place, constructs)
    kind, at = item.get("table_type") or "mbr", place.key("table_type")
    if not isinstance(kind, str) or kind not in _TABLES:
        raise at.error(f"must be mbr or gpt, but is {shown(kind)}")
    overwrite = "yes" if flag(item, "overwrite", place) else "no"
    layout = _layout(item.get("layout"), kind, place.key("layout"), constructs)
    return {"TABLE": _TABLES[kind], "LAYOUT": layout, "OVERWRITE": overwrite} if layout else {}


def _layout(value: Any, kind: str, place: Location, constructs: Constructs) -> str:
    """`all` for one partition, or a line `PERCENT TYPE` for each, with `-` for no type; empty for none."""
    if value is False or asks_nothing(value):
        return ""
    if value is True:
        return "all"
    if isinstance(value, str) and value.lower() == "remove":
        constructs.refuse(place, "remove is not done, since it would not look whether there is data on the disk")
        return ""
    if not isinstance(value, list):
        raise place.error(f"must be true, false or a list of percentages, but is {yaml_kind(value)}")
    if len(value) > _MAX_PARTITIONS[kind]:
        raise place.error(f"has {len(value)} partitions; a table of type {kind} may have {_MAX_PARTITIONS[kind]}")
    lines, total = [], 0
    for index, item in enumerate(value):
        at = place.item(index)
        percent, type_ = item if isinstance(item, list) and len(item) == 2 else (item, None)
        share = _percent(percent, at)
        total += share
        lines.append(f"{share} {'-' if type_ is None else partition_types.code(written(type_, at.item(1)), kind, at)}")
    if total > 100:
        raise place.error(f"asks for {total} percent of the disk together")
    return "\n".join(lines)


def _percent(value: Any, place: Location) -> int:
    word = written(value, place) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[1-9][0-9]?|100", word):
        raise place.error("must be a whole percentage from 1 to 100, or a list of that and a partition type")
    return int(word)


def _file_systems(
    document: Mapping[str, Any], known: Mapping[str, str], constructs: Constructs, subject: str
) -> list[RunCommand]:
    entries = items(document, Location(subject, "fs_setup"))
    devices.bound(entries, Location(subject, "fs_setup"))
    found = []
    for place, item in entries:
        fields = mapping(item, place, ", ".join(_FILE_SYSTEM_KEYS))
        if not asks_nothing(fields.get("cmd")):
            problem = "is not run, since it would not look whether there is data on the disk: give filesystem, label"
            constructs.refuse(place.key("cmd"), f"{problem} and extra_opts, or run it as a command of runcmd")
        _refuse_unknown(fields, (*_FILE_SYSTEM_KEYS, "cmd"), place, constructs)
        if asks_nothing(fields.get("device")):
            raise place.key("device").error("is missing: give the device that the file system is to be on")
        disk = _device(fields["device"], known, place.key("device"), constructs)
        kind = disk and _kind(fields.get("filesystem"), place.key("filesystem"), constructs)
        if disk and kind:
            found.append(_file_system(fields, kind, disk, place))
    return found


def _file_system(item: Mapping[str, Any], kind: str, disk: devices.Device, place: Location) -> RunCommand:
    label = _label(item.get("label"), kind, place.key("label"))
    replaced = item.get("replace_fs")
    partition = _partition(item.get("partition"), place.key("partition"))
    variables = {
        "DEVICE": disk.path,
        "WHOLE": disk.whole,
        "WHOLE_PARTITION": partition,
        "PARTITION": disk.partition or partition,
        "FILE_SYSTEM": kind,
        "LABEL": label,
        "OVERWRITE": "yes" if flag(item, "overwrite", place) else "no",
        "REPLACED": "" if replaced in (None, False) else _word(replaced, place.key("replace_fs")),
        "OPTIONS": "\n".join(_options(item.get("extra_opts"), kind, place.key("extra_opts"))),
    }
    title = f"make a file system ({kind}) on {disk.whole or disk.path}"
    return host_script("storage/file_system", place.field, title, variables, variables, before=["storage/devices"])


def _device(name: object, known: Mapping[str, str], place: Location, constructs: Constructs) -> devices.Device | None:
    """None where the user goes on without it."""
    found = devices.device(text(name, place), known)
    if found is None:
        constructs.refuse(place, devices.problem(text(name, place)))
    return found


def _kind(value: Any, place: Location, constructs: Constructs) -> str:
    """The type of file system; empty where the user goes on without it."""
    if asks_nothing(value) or value == "":
        raise place.error(f"is missing: one of {', '.join(LABEL_BYTES)}")
    kind = text(value, place).lower()
    if kind in LABEL_BYTES:
        return kind
    constructs.refuse(place, f"{shown(value)} cannot be made; known are {', '.join(LABEL_BYTES)}")
    return ""


def _label(value: Any, kind: str, place: Location) -> str:
    """Empty for none: cloud-init's documentation has `None` for that."""
    if value in (None, "", "None"):
        return ""
    label = written(value, place)
    if not _LABEL.fullmatch(label):
        raise place.error(f"{shown(label)} must be letters, digits, blanks within and _.:+@/=- only")
    if len(label) > LABEL_BYTES[kind]:
        raise place.error(f"{shown(label)} has {len(label)} characters; {kind} takes {LABEL_BYTES[kind]}")
    if label == _BEGUN:
        raise place.error(f"{label} is what Capra gives to a file system that is not whole yet")
    return label


def _partition(value: Any, place: Location) -> str:
    """auto, any, none or a number, without zeros before it."""
    if value is None:
        return "any"
    word = written(value, place).lower()
    if word in ("auto", "any", "none"):
        return word
    if not re.fullmatch(r"[0-9]{1,3}", word):
        raise place.error(f"{shown(word)} must be auto, any, none or the number of a partition")
    return str(int(word)) if int(word) else "none"


def _word(value: Any, place: Location) -> str:
    word = text(value, place)
    if not re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", word):
        raise place.error("must be the type of a file system")
    return word


def _options(value: Any, kind: str, place: Location) -> list[str]:
    """The words for mkfs. They may name no other device, which nobody looks at, and no label, which is given last."""
    if asks_nothing(value):
        return []
    given = [(place, word) for word in text(value, place).split()] if isinstance(value, str) else None
    if given is None:
        given = [(at, written(word, at)) for at, word in items({place.field: value}, place)]
    if len(given) > _MAX_OPTIONS:
        raise place.error(f"has {len(given)} options; at most {_MAX_OPTIONS} are accepted")
    force = r"-F+" if kind.startswith("ext") else r"-f"
    for at, word in given:
        if len(word) > 256 or not word.isprintable() or "/dev/" in word:
            raise at.error("must be an option without control characters, and name no device: that is `device`")
        if word.startswith("-n" if kind == "vfat" else "-L"):
            raise at.error("gives a label: that is `label`")
    # It is given in any case; twice, mke2fs would take it for leave to write to what is mounted.
    return [word for _, word in given if not re.fullmatch(force, word)]


def _refuse_unknown(item: Mapping[str, Any], known: tuple[str, ...], place: Location, constructs: Constructs) -> None:
    for name, value in item.items():
        if name not in known and not asks_nothing(value):
            constructs.refuse(place.key(name), f"is not supported; supported are {', '.join(known)}")
