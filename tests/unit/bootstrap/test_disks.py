"""`disk_setup`, `fs_setup` and `device_aliases`: what the host's programs are given, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capra.bootstrap.modules import devices
from capra.errors import InputError
from tests.unit.bootstrap.host_scripts import planned, programs

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
SWAP = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
DATA = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
RAID = "A19D880F-05FC-4D3B-A006-743F0F84911E"
EFI = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"


def table(definition: str, device: str = "/dev/sdb") -> dict[str, str]:
    [(source, title, found)] = programs(f"disk_setup:\n  {device}: {definition}")
    assert (source, title) == (f"disk_setup[{device}]", f"partition {device}")
    return found


def file_system(definition: str) -> dict[str, str]:
    [(source, _, found)] = programs(f"fs_setup: [{definition}]")
    assert source == "fs_setup[0]"
    return found


@pytest.mark.parametrize(
    ("definition", "kind", "layout", "overwrite"),
    [
        ("{layout: true}", "dos", "all", "no"),
        ("{table_type: mbr, layout: true, overwrite: false}", "dos", "all", "no"),
        ("{table_type: gpt, layout: true, overwrite: true}", "gpt", "all", "yes"),
        ("{table_type: gpt, layout: [33, [33, 82], [34, fd]]}", "gpt", f"33 -\n33 {SWAP}\n34 {RAID}", "no"),
        ("{table_type: gpt, layout: [[30, 83], 20, [50, 0700]]}", "gpt", f"30 {LINUX}\n20 -\n50 {DATA}", "no"),
        (f"{{table_type: gpt, layout: [[100, {EFI.lower()}]]}}", "gpt", f"100 {EFI}", "no"),
        ("{layout: [[33, 82], [33, fd], [1, 07], [1, 0c]]}", "dos", "33 82\n33 FD\n1 7\n1 C", "no"),
        ('{layout: ["50", [50, "8e"]]}', "dos", "50 -\n50 8E", "no"),
    ],
)  # fmt: skip
def test_a_table(definition: str, kind: str, layout: str, overwrite: str) -> None:
    found = table(definition)
    assert found == {"DEVICE": "/dev/sdb", "TABLE": kind, "LAYOUT": layout, "OVERWRITE": overwrite}


@pytest.mark.parametrize("definition", ["{layout: false}", "{layout: []}", "{table_type: gpt}", "{}"])
def test_without_a_layout_there_is_nothing_to_do(definition: str) -> None:
    assert programs(f"disk_setup: {{/dev/sdb: {definition}}}") == []


@pytest.mark.parametrize(
    ("definition", "field", "said"),
    [
        ("{layout: remove}", ".layout", "remove is not done"),
        ("{layout: yes please}", ".layout", "true, false or a list"),
        ("{layout: true, table_type: bsd}", ".table_type", "mbr or gpt"),
        ("{layout: true, overwrite: maybe}", ".overwrite", "true or false"),
        ("{layout: true, wipe: true}", ".wipe", "table_type, layout, overwrite"),
        ("{layout: [0]}", ".layout[0]", "1 to 100"),
        ("{layout: [33.3]}", ".layout[0]", "1 to 100"),
        ("{layout: [true]}", ".layout[0]", "1 to 100"),
        ("{layout: [[50, 82, 1]]}", ".layout[0]", "1 to 100"),
        ("{layout: [60, 41]}", ".layout", "101 percent"),
        ("{layout: [1, 1, 1, 1, 1]}", ".layout", "5 partitions"),
        (f"{{layout: [[50, {EFI}]]}}", ".layout[0]", "not a partition type"),
        ("{layout: [[50, 00]]}", ".layout[0]", "not a partition type"),
        ("{table_type: gpt, layout: [[50, ab12]]}", ".layout[0]", "give the GUID"),
        ("{table_type: gpt, layout: [[50, true]]}", ".layout[0][1]", "must be text"),
        ("[1]", "", "must be a mapping"),
    ],
)
def test_a_table_that_is_refused(definition: str, field: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("[", r"\[")) as raised:
        planned(f"disk_setup: {{/dev/sdb: {definition}}}")
    assert raised.value.field == f"disk_setup[/dev/sdb]{field}"


def test_two_names_of_one_disk_are_refused() -> None:
    text = "device_aliases: {data: /dev/sdb}\ndisk_setup: {data: {layout: true}, /dev/sdb: {layout: true}}"
    with pytest.raises(InputError, match="'/dev/sdb' is given twice"):
        planned(text)


def test_a_partition_is_no_disk() -> None:
    with pytest.raises(InputError, match="give the disk") as raised:
        planned("device_aliases: {data: /dev/sdb}\ndisk_setup: {data.1: {layout: true}}")
    assert raised.value.field == "disk_setup.data.1"


DEFAULTS = {
    "DEVICE": "/dev/sdb",
    "WHOLE": "",
    "WHOLE_PARTITION": "any",
    "PARTITION": "any",
    "FILE_SYSTEM": "ext4",
    "LABEL": "",
    "OVERWRITE": "no",
    "REPLACED": "",
    "OPTIONS": "",
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", {}),
        ("label: etcd_disk", {"LABEL": "etcd_disk"}),
        ("label: ", {}),
        ("label: None", {}),
        ("label: 007", {"LABEL": "007"}),
        ("partition: auto", {"PARTITION": "auto", "WHOLE_PARTITION": "auto"}),
        ("partition: none", {"PARTITION": "none", "WHOLE_PARTITION": "none"}),
        ("partition: 2", {"PARTITION": "2", "WHOLE_PARTITION": "2"}),
        ('partition: "01"', {"PARTITION": "1", "WHOLE_PARTITION": "1"}),
        ("partition: 0", {"PARTITION": "none", "WHOLE_PARTITION": "none"}),
        ("overwrite: true", {"OVERWRITE": "yes"}),
        ("replace_fs: ntfs", {"REPLACED": "ntfs"}),
        ("replace_fs: false", {}),
        ("filesystem: XFS", {"FILE_SYSTEM": "xfs"}),
        ("extra_opts: [-F, -E, 'lazy_itable_init=1']", {"OPTIONS": "-E\nlazy_itable_init=1"}),
        ("extra_opts: -FF -b 4096", {"OPTIONS": "-b\n4096"}),
        ("extra_opts: [-b, 4096]", {"OPTIONS": "-b\n4096"}),
        ("device: sdb", {}),
        ("device: sdb.1", {"PARTITION": "1"}),
        ("device: /dev/sdb.1", {"PARTITION": "1", "WHOLE": "/dev/sdb.1"}),
        ("device: /dev/sdb.0", {"PARTITION": "none", "WHOLE": "/dev/sdb.0"}),
    ],
)  # fmt: skip
def test_a_file_system(more: str, expected: dict[str, str]) -> None:
    fields = {"filesystem": "ext4", "device": "/dev/sdb"}
    key, _, value = more.partition(": ")
    if key:
        fields[key] = value
    text = ", ".join(f"{name}: {value}" for name, value in fields.items())
    assert file_system(f"{{{text}}}") == DEFAULTS | expected


@pytest.mark.parametrize(
    ("entry", "field", "said"),
    [
        ({"device": None}, ".device", "is missing"),
        ({"device": "test-device"}, ".device", "'test-device' is no device"),
        ({"device": "/srv/image"}, ".device", "is no device"),
        ({"device": "/dev/../etc/passwd"}, ".device", "is no device"),
        ({"device": "ephemeral0.1"}, ".device", "'ephemeral0.1' is known to the data source of a cloud only"),
        ({"device": "swap"}, ".device", "of a cloud only"),
        ({"device": 7}, ".device", "must be text"),
        ({"filesystem": None}, ".filesystem", "is missing"),
        ({"filesystem": "zfs"}, ".filesystem", "'zfs' cannot be made; known are ext2, ext3"),
        ({"cmd": "mkfs -t %(filesystem)s"}, ".cmd", "is not run"),
        ({"partition": "auto|any"}, ".partition", "auto, any, none or the number"),
        ({"partition": -1}, ".partition", "auto, any, none or the number"),
        ({"label": "a" * 17}, ".label", "ext4 takes 16"),
        ({"label": "a\nb"}, ".label", "letters, digits"),
        ({"label": "CAPRA-BEGUN"}, ".label", "not whole yet"),
        ({"label": "twelve chars", "filesystem": "vfat"}, ".label", "vfat takes 11"),
        ({"replace_fs": True}, ".replace_fs", "must be text"),
        ({"replace_fs": "a b"}, ".replace_fs", "type of a file system"),
        ({"extra_opts": ["-J", "device=/dev/sdc"]}, ".extra_opts[1]", "name no device"),
        ({"extra_opts": ["a\nb"]}, ".extra_opts[0]", "without control characters"),
        ({"extra_opts": ["-Lhunter2"]}, ".extra_opts[0]", "that is `label`"),
        ({"extra_opts": ["-n", "x"], "filesystem": "vfat"}, ".extra_opts[0]", "that is `label`"),
        ({"extra_opts": ["-b"] * 101}, ".extra_opts", "at most 100"),
        ({"extra_opts": {"a": 1}}, ".extra_opts", "must be a list"),
        ({"uuid": "x"}, ".uuid", "is not supported"),
    ],
)
def test_a_file_system_that_is_refused(entry: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        planned({"fs_setup": [{"filesystem": "ext4", "device": "/dev/sdb", **entry}]})
    assert raised.value.field == f"fs_setup[0]{field}"
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_what_is_refused_may_be_ignored_by_name() -> None:
    entries = [
        {"filesystem": "ext4", "device": "ephemeral0.1", "label": "ephemeral0", "replace_fs": "ntfs"},
        {"filesystem": "ext4", "device": "/dev/sdb", "cmd": "mkfs"},
        {"filesystem": "zfs", "device": "/dev/sdc"},
    ]
    ignored = (
        "fs_setup.device",
        "fs_setup.cmd",
        "fs_setup.filesystem",
        "disk_setup.ephemeral0",
        "disk_setup[/dev/sdd]",
    )
    document = {"fs_setup": entries, "disk_setup": {"ephemeral0": {"layout": True}, "/dev/sdd": {"layout": "remove"}}}
    assert [source for source, _, _ in programs(document, *ignored)] == ["fs_setup[1]"]
    assert [note.split()[0] for note in planned(document, *ignored).notes] == [
        "disk_setup.ephemeral0",
        "disk_setup[/dev/sdd].layout",
        "fs_setup[0].device",
        "fs_setup[1].cmd",
        "fs_setup[2].filesystem",
    ]


def test_an_alias_stands_for_a_disk_and_with_a_dot_for_its_partition() -> None:
    found = programs(
        "device_aliases: {ephemeral0: /dev/disk/cloud/azure_resource, data: sdc}\n"
        "disk_setup: {ephemeral0: {layout: true}, data: {layout: true}}\n"
        "fs_setup: [{device: ephemeral0.1, filesystem: ext4, replace_fs: ntfs}]"
    )
    assert [(source, values["DEVICE"]) for source, _, values in found] == [
        ("disk_setup.ephemeral0", "/dev/disk/cloud/azure_resource"),
        ("disk_setup.data", "/dev/sdc"),
        ("fs_setup[0]", "/dev/disk/cloud/azure_resource"),
    ]
    assert (found[2][2]["PARTITION"], found[2][2]["REPLACED"]) == ("1", "ntfs")


@pytest.mark.parametrize("value", ["data", 7, None, "/etc/passwd", "/dev/a b"])
def test_an_alias_of_what_is_no_device_is_refused(value: object) -> None:
    with pytest.raises(InputError) as raised:
        planned({"device_aliases": {"data": value}})
    assert raised.value.field == "device_aliases.data"


@pytest.mark.parametrize("key", ["disk_setup", "fs_setup", "device_aliases"])
def test_the_number_of_entries_is_bounded(key: str) -> None:
    many: Any = {f"/dev/d{number}": {"layout": True} for number in range(101)}
    if key == "device_aliases":
        many = {f"d{number}": "/dev/sdb" for number in range(101)}
    if key == "fs_setup":
        many = [{"device": "/dev/sdb", "filesystem": "ext4"}] * 101
    with pytest.raises(InputError, match="101 entries"):
        planned({key: many})


@given(st.text(max_size=40))
def test_no_name_but_a_plain_path_reaches_the_host(name: str) -> None:
    found = devices.device(name, {})
    if found is not None:
        assert found.path.startswith("/dev/")
        assert not set(found.path) & set(" \n\t'\"\\$`*?[")
        assert ".." not in found.path.split("/")


def test_a_key_that_is_no_device_is_not_shown() -> None:
    with pytest.raises(InputError) as raised:
        planned({"disk_setup": {"hunter2 is secret": {"layout": True}}})
    assert raised.value.field == "disk_setup.(a key that is not a plain name)"
