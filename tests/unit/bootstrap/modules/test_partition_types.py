"""Types of partitions as sfdisk takes them."""

from __future__ import annotations

import pytest

from capra.bootstrap.modules.partition_types import GPT, code
from capra.bootstrap.reading.location import Location
from capra.errors import InputError

PLACE = Location("data", "disk_setup.disk.layout[0]")


@pytest.mark.parametrize(
    ("given", "table", "expected"),
    [
        *(("83", "mbr", "83"), ("07", "mbr", "7"), ("fd", "mbr", "FD")),
        *(("82", "gpt", GPT["8200"]), ("8300", "gpt", GPT["8300"]), ("ef00", "gpt", GPT["EF00"])),
        ("0fc63daf-8483-4772-8e79-3d69d8477de4", "gpt", GPT["8300"]),
    ],
)
def test_codes(given: str, table: str, expected: str) -> None:
    assert code(given, table, PLACE) == expected


@pytest.mark.parametrize(("given", "table"), [("00", "mbr"), ("8300", "mbr"), ("zz", "gpt"), ("1234", "gpt")])
def test_others_are_refused_by_their_place(given: str, table: str) -> None:
    with pytest.raises(InputError) as raised:
        code(given, table, PLACE)
    assert raised.value.field == PLACE.field
