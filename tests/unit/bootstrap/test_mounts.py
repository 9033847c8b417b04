"""`mounts`, `mount_default_fields` and `swap`: the lines that the host's program is given, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from capra.bootstrap import RunCommand, read
from capra.errors import InputError
from tests.unit.bootstrap.host_scripts import planned, programs


def lines(text: str) -> list[list[str]]:
    """The fields of each line."""
    [(source, title, found)] = programs(text)
    assert (source, title) == ("mounts", "write /etc/fstab and mount")
    assert (found["SWAP"], found["MOUNTS"]) == ("", "yes")
    rows = [line.split("\t") for line in found["LINES"].split("\n") if line]
    options = found["OPTIONS"].split("\n")
    return [[*row[:3], option, *row[3:]] for row, option in zip(rows, options, strict=True)] if rows else []


DEFAULTS = ["auto", "-", "0", "2"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("[LABEL=etcd_disk, /var/lib/etcddisk]", ["LABEL=etcd_disk", "/var/lib/etcddisk", *DEFAULTS]),
        ("[sdb1, /data]", ["/dev/sdb1", "/data", *DEFAULTS]),
        ("[xvdh, /data]", ["/dev/xvdh", "/data", *DEFAULTS]),
        ("[/dev/nvme0n1p1, /data, ext4]", ["/dev/nvme0n1p1", "/data", "ext4", "-", "0", "2"]),
        ("[UUID=0d6c, /data, xfs, 'noatime,nofail', 0, 0]", ["UUID=0d6c", "/data", "xfs", "noatime,nofail", "0", "0"]),
        ("[sdb1, /data, null, null, '1']", ["/dev/sdb1", "/data", "auto", "-", "1", "2"]),
        ("['server.example:/export', /data, nfs]", ["server.example:/export", "/data", "nfs", "-", "0", "2"]),
        ("[//server/share, /data, cifs]", ["//server/share", "/data", "cifs", "-", "0", "2"]),
        ("[tmpfs, /scratch, tmpfs, size=1m]", ["tmpfs", "/scratch", "tmpfs", "size=1m", "0", "2"]),
        ("[/srv/a, /srv/b, none, bind]", ["/srv/a", "/srv/b", "none", "bind", "0", "2"]),
        ("[sdb2, none, swap, sw, '0', '0']", ["/dev/sdb2", "none", "swap", "sw", "0", "0"]),
        ("['LABEL=a b', /a b]", ["LABEL=a\\040b", "/a\\040b", *DEFAULTS]),
        ("[data, /data]", ["/dev/disk/by-id/one", "/data", *DEFAULTS]),
        ("[data.2, /data]", ["/dev/disk/by-id/one.2", "/data", *DEFAULTS]),
        ("[/dev/sdb.2, /data]", ["/dev/sdb.2", "/data", *DEFAULTS]),
        ("[data.0, /data]", ["/dev/disk/by-id/one", "/data", *DEFAULTS]),
    ],
)
def test_a_line_of_fstab(entry: str, expected: list[str]) -> None:
    assert lines(f"device_aliases: {{data: /dev/disk/by-id/one}}\nmounts: [{entry}]") == [expected]


def test_missing_fields_are_those_of_mount_default_fields() -> None:
    text = (
        "mount_default_fields: [none, null, xfs, noatime, 1, null]\nmounts: [[sdb1, /a], [sdc1, /b, ext4, null, 0, 0]]"
    )
    assert lines(text) == [
        ["/dev/sdb1", "/a", "xfs", "noatime", "1", "2"],
        ["/dev/sdc1", "/b", "ext4", "noatime", "0", "0"],
    ]


def test_without_a_mount_point_the_entries_before_it_go() -> None:
    text = "mounts: [[sdb1, /a], [sdc1, /c], [/dev/sdb1, /b], [sdb1, null], [sdb1, /d], [sdc1]]"
    assert lines(text) == [["/dev/sdb1", "/d", *DEFAULTS]]


@pytest.mark.parametrize("entry", ["[swap]", "[ephemeral0, null]", "[sdb, null]", "[LABEL=x]"])
def test_only_a_removal_still_rewrites_what_is_marked(entry: str) -> None:
    assert lines(f"mounts: [{entry}]") == []


@pytest.mark.parametrize("value", [None, []])
def test_without_mounts_there_is_nothing_to_do(value: object) -> None:
    assert programs({"mounts": value, "mount_default_fields": None, "swap": {}}) == []


@pytest.mark.parametrize(
    ("entry", "field", "said"),
    [
        ("sdb1", "", "must be a list of a device"),
        ([], "", "must be a list of a device"),
        (["sdb1", "/a", "auto", "defaults", "0", "2", "3"], "", "has 7 fields"),
        ([None, "/a"], "[0]", "is empty"),
        (["test_disk", "/var/lib/testdir"], "[0]", "'test_disk' is no device"),
        (["test_disk", "/var/lib/testdir"], "[0]", "LABEL=, UUID="),
        (["test_disk", "/a", "ext4"], "[0]", "'test_disk' is no device"),
        (["ephemeral0", "/mnt"], "[0]", "'ephemeral0' is known to the data source of a cloud only"),
        (["ephemeral0.1", "/mnt", "ntfs"], "[0]", "of a cloud only"),
        (["swap", "none", "swap"], "[0]", "of a cloud only"),
        (["/dev/a b", "/a", "tmpfs"], "[0]", "is no device"),
        (["#sdb1", "/a", "tmpfs"], "[0]", "is a comment"),
        (["sdb1", "data"], "[1]", "it must start with /"),
        (["sdb1", "/a/../b"], "[1]", "without .."),
        (["sdb1", "/a\tb"], "[1]", "without control characters"),
        (["sdb1", "/a\nhunter2"], "[1]", "without control characters"),
        (["sdb1", "/a\\040b"], "[1]", "backslashes"),
        (["sdb1", "/a", "ext4 defaults"], "[2]", "type of a file system"),
        (["//s/a", "/a", "cifs", "password=hunter2 x"], "[3]", "without blanks"),
        (["sdb1", "/a", "auto", "-"], "[3]", "options"),
        (["sdb1", "/a", "auto", "defaults", "x"], "[4]", "a digit"),
        (["sdb1", "/a", "auto", "defaults", "0", 12], "[5]", "a digit"),
        (["sdb1", True], "[1]", "must be text"),
        (["a" * 4097, "/a"], "[0]", "at most 4096"),
    ],
)
def test_a_line_that_is_refused(entry: Any, field: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        planned({"mounts": [entry]})
    assert raised.value.field == f"mounts[0]{field}"
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "field", "said"),
    [
        (["auto"], "", "has 1 values; 6 are needed"),
        (["sdb", None, "auto", "defaults", "0", "2"], "[0]", "must be null"),
        ([None, "/a", "auto", "defaults", "0", "2"], "[1]", "must be null"),
        ([None, None, "auto", "a b", "0", "2"], "[3]", "without blanks"),
        ("auto", "", "must be a list"),
    ],
)
def test_defaults_that_are_refused(value: object, field: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        planned({"mounts": [["sdb1", "/a"]], "mount_default_fields": value})
    assert raised.value.field == f"mount_default_fields{field}"
    assert said in str(raised.value)


def test_a_device_that_is_known_to_a_cloud_only_may_be_ignored() -> None:
    document = {"mounts": [["ephemeral0", "/mnt"], ["sdb1", "/data"]]}
    [(_, _, found)] = programs(document, "mounts[0]")
    assert found["LINES"].startswith("/dev/sdb1\t/data\t")
    assert planned(document, "mounts[0]").notes == ("mounts[0][0] is ignored, as the machine says",)


def test_the_number_of_lines_is_bounded() -> None:
    with pytest.raises(InputError, match="101 entries"):
        planned({"mounts": [["sdb1", "/a"]] * 101})


def test_options_may_hold_a_password_and_nobody_reads_them() -> None:
    [step, _] = planned("mounts: [[//server/share, /data, cifs, 'user=x,password=hunter2'], [sdb1, /a]]").steps
    assert isinstance(step, RunCommand)
    assert step.guarded == "OPTIONS='user=x,password=hunter2\n-'\n"
    assert step.guarded in step.command
    assert "hunter2" not in step.command.replace(step.guarded, "")
    [step, _] = planned("mounts: [[sdb1, /a]]").steps
    assert isinstance(step, RunCommand)
    assert step.guarded == ""


@pytest.mark.parametrize("size", ["0", "'0'", "off", "'off'", "false", "none"])
def test_swap_of_no_size_is_switched_off(size: str) -> None:
    assert programs(f"swap: {{filename: /swap.img, size: {size}}}") == [
        ("swap", "switch swap off", {"SWAP": "off", "MOUNTS": "no", "LINES": "", "OPTIONS": ""})
    ]


def test_swap_is_off_before_anything_is_mounted() -> None:
    assert [source for source, _, _ in programs("mounts: [[sdb1, /a]]\nswap: {size: 0}")] == ["swap", "mounts"]


@pytest.mark.parametrize(
    ("swap", "field", "said"),
    [
        ({"size": "2G"}, "swap.size", "no swap file is made"),
        ({"size": "auto", "maxsize": 1}, "swap.size", "no swap file is made"),
        ({"size": 1 << 30}, "swap.size", "no swap file is made"),
        ({"size": 1.5}, "swap.size", "must be text"),
        ({"size": 0, "priority": 1}, "swap.priority", "is not supported"),
        ([0], "swap", "must be a mapping"),
    ],
)
def test_swap_that_is_refused(swap: object, field: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        planned({"swap": swap})
    assert raised.value.field == field
    assert said in str(raised.value)


@pytest.mark.parametrize("swap", [{"filename": "/swap.img"}, {"size": None}, {"size": ""}, {}])
def test_swap_without_a_size_asks_for_nothing(swap: dict[str, Any]) -> None:
    assert programs({"swap": swap}) == []


def test_a_swap_file_may_be_ignored() -> None:
    assert programs({"swap": {"size": "2G"}}, "swap.size") == []


def test_swap_that_is_off_and_mounted_is_refused() -> None:
    with pytest.raises(InputError, match="keep one"):
        planned({"swap": {"size": 0}, "mounts": [["sdb2", "none", "swap", "sw"]]})


@given(st.lists(st.one_of(st.none(), st.text(max_size=12), st.integers(-1, 99)), max_size=7))
def test_whatever_is_given_a_line_has_all_fields(entry: list[object]) -> None:
    document = yaml.safe_dump({"mounts": [entry], "runcmd": ["true"]}).encode()
    try:
        steps = read(document).steps
    except InputError:
        return
    for line in programs(document.decode().replace("runcmd:\n- 'true'\n", ""))[0][2]["LINES"].split("\n"):
        assert line == "" or len(line.split("\t")) == 5  # the options are by themselves
    assert steps
