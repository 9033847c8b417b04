"""Types of partitions, as cloud-init's disk_setup takes them: codes of fdisk, codes of gdisk, and GUIDs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from capra.bootstrap.reading.location import Location, shown

GPT: Mapping[str, str] = {
    "0700": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
    "0C00": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
    "8200": "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
    "8300": "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    "8500": "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6",
    "8E00": "E6D6D379-F507-44C2-A23C-238F2A3DF928",
    "EF00": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "FD00": "A19D880F-05FC-4D3B-A006-743F0F84911E",
}
"""gdisk's code → the GUID in a GPT (cloud-init, cc_disk_setup; gdisk, parttypes.cc): those that Cluster API's kubeadm
provider writes, and the EFI system partition. Any other one is given as its GUID."""

_GUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")


def code(given: str, table: str, place: Location) -> str:
    """What sfdisk takes and shows: for mbr the code of fdisk without zeros before it, for gpt the GUID, in capitals.

    given: one or two hexadecimal digits (fdisk), four (gdisk), or a GUID. Raises InputError for anything else.
    """
    word = given.upper()
    if table == "mbr":
        if not re.fullmatch(r"[0-9A-F]{1,2}", word) or int(word, 16) == 0:
            raise place.error(f"{shown(given)} is not a partition type of a table of type mbr, like 83 or fd")
        return f"{int(word, 16):X}"
    if _GUID.fullmatch(word):
        return word
    guid = GPT.get(f"{word:0>2}00" if len(word) < 3 else word)
    if guid is None:
        known = ", ".join(name.lower() for name in GPT)
        raise place.error(f"{shown(given)} is not known: give the GUID of the partition type, or one of {known}")
    return guid
