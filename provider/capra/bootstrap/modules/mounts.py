"""cloud-init's module `mounts`: lines of /etc/fstab (`mounts`, `mount_default_fields`) and `swap`.

The lines are marked `comment=cloudconfig`, and take the place of all that are marked so. A cloud's own mounts
(`ephemeral0`, `swap`) are never added: a machine that exists already has no data source that knows them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.modules import devices
from capra.bootstrap.reading.location import Location, shown, yaml_kind
from capra.bootstrap.reading.values import asks_nothing, items, mapping, written
from capra.bootstrap.steps import Step

KEYS = ("mounts", "mount_default_fields", "swap")

Line = tuple[str, str, str, str, str, str]
"""fs_spec, fs_file, fs_vfstype, fs_mntops, fs_freq and fs_passno, as fstab(5) has them."""

DEFAULT_OPTIONS = "-"
"""The host's own (`scripts/fstab.sh`): they depend on whether it runs systemd."""

DEFAULTS: Line = ("", "", "auto", DEFAULT_OPTIONS, "0", "2")
_FIELDS = 6
_OPTIONS = 3
"""The place of fs_mntops among them."""
_TAG = re.compile(r"(LABEL|UUID|PARTLABEL|PARTUUID|ID)=.+")
_NETWORK = re.compile(r"[^/]+:.*")  # cloud-init, cc_mounts: NETWORK_NAME_FILTER
_TYPE = re.compile(r"[A-Za-z0-9_.,-]{1,64}")
_ON_A_DEVICE = ("auto", "ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "swap")
_SWAP_KEYS = ("filename", "size", "maxsize")
_OFF = ("0", "off", "none", "false")


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """Swap off, and then the mounts, where they are asked for. Raises InputError naming the place of what is wrong."""
    found: list[Step] = []
    off = _swap_is_off(document, constructs, subject)
    if off:
        off_only = {"SWAP": "off", "MOUNTS": "no", "LINES": "", "OPTIONS": ""}
        found.append(_step("swap", "switch swap off", off_only, off_only))
    defaults = _defaults(document, subject)
    if asks_nothing(document.get("mounts")):
        return found
    lines = _lines(document, defaults, constructs, subject)
    if off and any(line[2] == "swap" for line in lines):
        raise Location(subject, "swap").error("is off, but mounts has swap; keep one")
    return [*found, _mounts(lines)]


def _mounts(lines: Sequence[Line]) -> Step:
    """Options are by themselves, since those of CIFS may hold a password; nothing but the host's own may be read."""
    variables = {
        "SWAP": "",
        "MOUNTS": "yes",
        "LINES": "\n".join("\t".join((*line[:_OPTIONS], *line[_OPTIONS + 1 :])) for line in lines),
        "OPTIONS": "\n".join(line[_OPTIONS] for line in lines),
    }
    secret = set() if all(line[_OPTIONS] == DEFAULT_OPTIONS for line in lines) else {"OPTIONS"}
    return _step("mounts", "write /etc/fstab and mount", variables, variables.keys() - secret)


def _step(source: str, title: str, variables: Mapping[str, str], public: Collection[str]) -> Step:
    return host_script("storage/fstab", source, title, variables, public, before=["storage/devices"])


def _swap_is_off(document: Mapping[str, Any], constructs: Constructs, subject: str) -> bool:
    place, given = Location(subject, "swap"), document.get("swap")
    if asks_nothing(given):
        return False
    swap = mapping(given, place, ", ".join(_SWAP_KEYS))
    for name in swap:
        if name not in _SWAP_KEYS:
            constructs.refuse(place.key(name), f"is not supported; supported are {', '.join(_SWAP_KEYS)}")
    size = swap.get("size")
    if asks_nothing(size) or size == "":
        return False
    word = str(size).lower() if isinstance(size, bool) else written(size, place.key("size")).strip().lower()
    if word in _OFF:
        return True
    constructs.refuse(place.key("size"), "is not 0: no swap file is made, since a kubelet does not start beside one")
    return False


def _defaults(document: Mapping[str, Any], subject: str) -> Line:
    """The fields of `mount_default_fields`; null stands for cloud-init's own."""
    place = Location(subject, "mount_default_fields")
    given = items(document, place)
    if not given:
        return DEFAULTS
    if len(given) != _FIELDS:
        raise place.error(f"has {len(given)} values; {_FIELDS} are needed, null for those that stay as they are")
    for at, value in given[:2]:
        if value not in (None, "none"):
            raise at.error("must be null: a device and a mount point have no default")
    fields = ["" if value is None or index < 2 else _field(index, value, at) for index, (at, value) in enumerate(given)]
    return _line([value or default for value, default in zip(fields, DEFAULTS, strict=True)])


def _lines(document: Mapping[str, Any], defaults: Line, constructs: Constructs, subject: str) -> list[Line]:
    """What is to stand in fstab. An entry without a mount point takes the ones before it with its device away."""
    known = devices.aliases(document, subject)
    entries = items(document, Location(subject, "mounts"))
    devices.bound(entries, Location(subject, "mounts"))
    found: list[Line] = []
    for place, item in entries:
        fields = _entry(item, place)
        spec = _spec(fields[0], fields[2] or defaults[2], bool(fields[1]), known, place.item(0), constructs)
        if not fields[1]:
            found = [line for line in found if line[0] != _escaped(spec)]
        elif spec:
            rest = [value or default for value, default in zip(fields[2:], defaults[2:], strict=True)]
            found.append(_line([_escaped(spec), _escaped(fields[1]), *rest]))
    return found


def _line(fields: Sequence[str]) -> Line:
    spec, point, kind, options, frequency, pass_number = fields
    return spec, point, kind, options, frequency, pass_number


def _entry(item: Any, place: Location) -> list[str]:
    """The six fields of an entry; empty where they are missing."""
    if not isinstance(item, list) or not item:
        raise place.error(f"must be a list of a device, a mount point and up to four fields, but is {yaml_kind(item)}")
    if len(item) > _FIELDS:
        raise place.error(f"has {len(item)} fields; a line of fstab has {_FIELDS}")
    fields = ["" if value is None else _field(index, value, place.item(index)) for index, value in enumerate(item)]
    if not fields[0]:
        raise place.item(0).error("is empty: give the device")
    return fields + [""] * (_FIELDS - len(fields))


def _field(index: int, value: Any, place: Location) -> str:
    """One field, fit for fstab. Of options nothing is shown: they may hold a password."""
    field = written(value, place)
    if len(field) > 4096 or not field.isprintable() or "\\" in field:
        raise place.error("must be at most 4096 characters, without control characters and backslashes")
    if index == 0 and field.startswith("#"):
        raise place.error("must be a device: a line that begins with # is a comment")
    if index == 1 and not field.startswith("/") and field not in ("none", "swap", ""):
        raise place.error(f"{shown(field)} is no mount point: it must start with /, or be none")
    if index == 1 and ".." in field.split("/"):
        raise place.error("must be a path without ..")
    if index == 2 and not _TYPE.fullmatch(field):
        raise place.error("must be the type of a file system")
    if index == 3 and (" " in field or not field or field == DEFAULT_OPTIONS):
        raise place.error("must be options with commas between them, and without blanks")
    if index > 3 and not re.fullmatch(r"[0-9]", field):
        raise place.error("must be a digit")
    return field


def _spec(
    name: str, kind: str, mounted: bool, known: Mapping[str, str], place: Location, constructs: Constructs
) -> str:
    """fs_spec. The name of a device becomes its path; tags, servers, paths and the words of file systems that are on no
    device stay. Empty where there is nothing to mount, or the user goes on without it."""
    if _TAG.fullmatch(name) or (_NETWORK.fullmatch(name) and name not in known):
        return name
    if found := devices.device(name, known):
        return found.whole or f"{found.path}.{found.partition}".removesuffix(".none").removesuffix(".")
    if name.startswith("/") and not name.startswith("/dev/"):
        return name
    if not mounted:
        return "" if devices.is_of_a_cloud(name) else name
    if devices.is_of_a_cloud(name) or kind in _ON_A_DEVICE or name.startswith("/"):
        constructs.refuse(place, f"{devices.problem(name)}, LABEL=, UUID= or server:/path")
        return ""
    return name


def _escaped(field: str) -> str:
    """cloud-init escapes these two fields, and so do the files that the kernel shows (fstab(5))."""
    return field.replace(" ", "\\040")
