"""Ignition configs → steps: which, in which order, and with what. The errors are cases (tests/cases/bootstrap)."""

import gzip
import hashlib
import re
from typing import Any

import pytest

from capra.bootstrap import RunCommand, Step, WriteFile, read
from capra.bootstrap.ignition import fields
from capra.bootstrap.ignition.merge import merged
from capra.errors import InputError
from tests.support.ignition import config, data_url, kubeadm

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA it's mine"


def steps(data: bytes, **options: Any) -> tuple[Step, ...]:
    return read(data, **options).steps


def titles(data: bytes) -> list[str]:
    return [step.title for step in steps(data)]


def variables(step: Step) -> dict[str, str]:
    """What stands before a host's program."""
    assert isinstance(step, RunCommand)
    found = re.findall(r"^([A-Za-z_]+)='((?:[^']|'\\'')*)'$", step.command.split("fail() {")[0], re.MULTILINE)
    return {name: value.replace("'\\''", "'") for name, value in found}


def files(data: bytes) -> list[WriteFile]:
    return [step for step in steps(data) if isinstance(step, WriteFile)]


def test_accounts_then_files_then_units_then_the_first_boot() -> None:
    data = config(
        systemd={
            "units": [
                {"name": "a.service", "enabled": True, "contents": "[Install]\n", "dropins": [{"name": "b.conf"}]},
                {"name": "b.timer", "enabled": False, "dropins": [{"name": "b.conf", "contents": "b"}]},
                {"name": "c.service", "mask": True, "contents": "c"},
                {"name": "d@e.service", "enabled": True, "mask": False},
            ]
        },
        storage={
            "files": [{"path": "/a/b/c", "contents": {"source": ""}}, {"path": "/f"}],
            "directories": [{"path": "/a/b", "mode": 0o1777}],
            "links": [{"path": "/h", "target": "/a/b/c", "hard": True}, {"path": "/a/l", "target": "../x"}],
        },
        passwd={"users": [{"name": "u"}, {"name": "v", "shouldExist": False}], "groups": [{"name": "g"}]},
    )
    parsed = read(data)
    assert [step.title for step in parsed.steps] == [
        "look for systemd",
        "look for files in the way",
        "set the group g up",
        "set the user u up",
        "remove the user v",
        "append to /f",
        "make the directory /a/b",
        "make the link /a/l",
        "write /a/b/c",
        "make the link /h",
        "make room for files that replace others",
        "write /etc/systemd/system/a.service",
        "write /etc/systemd/system/b.timer.d/b.conf",
        "write /etc/systemd/system-preset/20-capra.preset",
        "mask, enable and disable units",
        "start a.service",
        "restart b.timer where it runs",
        "start d@e.service",
    ]
    assert parsed.notes == ("systemd.units[2].contents is not written: the unit is masked",)
    assert parsed.steps[13] == WriteFile(
        "/etc/systemd/system-preset/20-capra.preset",
        b"enable a.service\ndisable b.timer\nenable d@e.service\n",
        source="systemd.units",
    )
    assert (
        variables(parsed.steps[14])["UNITS"] == "a.service - yes\nb.timer - no\nc.service yes -\nd@e.service no yes\n"
    )
    assert variables(parsed.steps[15]) == {
        "UNIT": "a.service",
        "START": "yes",
        "FILES": "/etc/systemd/system/a.service\n",
    }
    assert variables(parsed.steps[6]) == {"DIRECTORY": "/a/b", "MODE": "1777", "OWNER": "", "OVERWRITE": ""}


def test_files_of_every_kind() -> None:
    packed = gzip.compress(b"packed", mtime=0)
    found = files(
        config(
            storage={
                "files": [
                    {"path": "/1", "contents": {"source": data_url(b"\x00\xff")}, "mode": 0o600, "user": {"name": "a"}},
                    {"path": "/2", "contents": {"source": data_url("ü %")}, "group": {"id": 7}},
                    {
                        "path": "/3",
                        "contents": {
                            "source": data_url(packed),
                            "compression": "gzip",
                            "verification": {"hash": f"sha512-{hashlib.sha512(b'packed').hexdigest().upper()}"},
                        },
                        "append": [{"source": "data:text/plain;charset=x,%2Cmore"}, {"source": ""}, {}],
                        "user": {"id": 0},
                        "group": {"name": "g"},
                    },
                    {"path": "/4", "append": [{"source": "data:,a"}], "mode": 0o640},
                    {"path": "/5"},
                ]
            }
        )
    )
    assert found == [
        WriteFile("/1", b"\x00\xff", "0600", "a", source="storage.files[0]"),
        WriteFile("/2", "ü %".encode(), "0644", ":7", source="storage.files[1]"),
        WriteFile("/3", b"packed,more", "0644", "0:g", source="storage.files[2]"),
        WriteFile("/4", b"a", "0640", append=True, source="storage.files[3]"),
        WriteFile("/5", b"", "", append=True, source="storage.files[4]"),
    ]


def test_what_stands_in_the_way_is_looked_for_before_anything_is_changed() -> None:
    url = {"source": "https://h/a?b=c", "verification": {"hash": f"sha512-{'A' * 128}"}}
    data = config(
        passwd={"groups": [{"name": "g"}]},
        storage={
            "files": [
                {"path": "/a", "contents": {"source": "data:,a"}, "append": [{"source": "data:,b"}]},
                {"path": "/b c", "contents": url},
                {"path": "/c", "append": [{"source": "data:,b"}]},
                {"path": "/d", "contents": {"source": "data:,d"}, "overwrite": True},
            ]
        },
    )
    first, *rest = steps(data)
    assert variables(first)["FILES"] == (
        f"sha256 {hashlib.sha256(b'ab').hexdigest()} /a\nsha512 {'a' * 128} /b c\n- - /c\n"
    )
    [clear] = [step for step in rest if step.title.startswith("make room")]
    assert variables(clear)["FILES"] == "/d\n"
    [fetch] = [step for step in rest if step.title == "fetch /b c"]
    assert variables(fetch) == {
        "FILE": "/b c",
        "URL": "https://h/a?b=c",
        "ALGORITHM": "sha512",
        "DIGEST": "a" * 128,
        "GZIPPED": "",
        "MODE": "0644",
        "OWNER": "",
    }


def test_a_user_with_everything() -> None:
    user = {
        "name": "core",
        "passwordHash": "",
        "sshAuthorizedKeys": [KEY, " "],
        "uid": 1000,
        "gecos": "A B",
        "homeDir": "/srv/core",
        "noCreateHome": True,
        "primaryGroup": "users",
        "groups": ["a", "12"],
        "noUserGroup": True,
        "noLogInit": True,
        "shell": "/bin/sh",
        "system": True,
        "shouldExist": None,
    }
    [step, keys] = steps(config(passwd={"users": [user]}))
    assert variables(keys) == {"user": "core", "keys": KEY}
    assert variables(step) == {
        "user": "core",
        "change": "1",
        "passwd": "",
        "hashed_passwd": "*",
        "lock_passwd": "keep",
        "uid": "1000",
        "gecos": "A B",
        "homedir": "/srv/core",
        "no_create_home": "1",
        "primary_group": "users",
        "groups": "a 12",
        "create_groups": "",
        "no_user_group": "1",
        "no_log_init": "1",
        "shell": "/bin/sh",
        "system": "1",
        "inactive": "",
        "expiredate": "",
    }


def test_a_user_without_a_hash_keeps_its_own() -> None:
    [step] = steps(config(passwd={"users": [{"name": "core"}]}))
    found = variables(step)
    assert (found["passwd"], found["hashed_passwd"]) == ("*", "")
    [step] = steps(config(passwd={"users": [{"name": "core", "passwordHash": "$6$a$b"}]}))
    found = variables(step)
    assert (found["passwd"], found["hashed_passwd"]) == ("", "$6$a$b")
    assert isinstance(step, RunCommand)
    assert step.guarded == "hashed_passwd='$6$a$b'\n"


def test_names_are_those_of_cloud_config() -> None:
    """32 characters; the same checks for both formats."""
    assert titles(config(passwd={"groups": [{"name": "a" * 32}, {"name": "0a", "shouldExist": False}]})) == [
        f"set the group {'a' * 32} up",
        "remove the group 0a",
    ]


def test_what_kubeadm_writes() -> None:
    """It is of version 2.3.0, in which a unit may stand twice: it is started once, with its drop-in."""
    data = kubeadm()
    assert titles(data) == [
        "look for systemd",
        "set the user foo up",
        "authorize the SSH keys of the user foo",
        "make room for files that replace others",
        "write /etc/sudoers.d/foo",
        "write /etc/kubeadm.sh",
        "write /etc/kubeadm.yml",
        "make room for files that replace others",
        "write /etc/systemd/system/kubeadm.service",
        "write /etc/systemd/system/kubeadm.service.d/10-flatcar.conf",
        "write /etc/systemd/system-preset/20-capra.preset",
        "mask, enable and disable units",
        "start kubeadm.service",
    ]
    assert [(file.path, file.mode) for file in files(data)][:3] == [
        ("/etc/sudoers.d/foo", "0600"),
        ("/etc/kubeadm.sh", "0700"),
        ("/etc/kubeadm.yml", "0600"),
    ]
    assert b"kubeadm join\nmkdir -p /run/cluster-api" in files(data)[1].content


def test_version_2_by_its_own_rules() -> None:
    node = {"filesystem": "root"}
    found = steps(
        config(
            "2.2.0",
            storage={
                "files": [
                    {**node, "path": "/z/1", "contents": {"source": "data:,one"}},
                    {**node, "path": "/2", "contents": {"source": "data:,two"}, "append": True},
                    {**node, "path": "/3", "overwrite": False},
                    {**node, "path": "/z/1", "contents": {"source": "data:,last"}, "mode": 0o600},
                ],
                "directories": [{**node, "path": "/z/y"}, {**node, "path": "/z"}],
                "links": [{**node, "path": "/l", "target": "t"}],
            },
            systemd={"units": [{"name": "a.service", "enable": True}]},
            passwd={"users": [{"name": "u", "create": {"uid": 5}}, {"name": "u", "gecos": "x"}]},
        )
    )
    assert [step.title for step in found] == [
        "look for systemd",
        "look for files in the way",
        "set the user u up",
        "set the user u up",
        "make room for files that replace others",
        "make the directory /z",
        "make the directory /z/y",
        "write /z/1",
        "append to /2",
        "write /3",
        "write /z/1",
        "make the link /l",
        "write /etc/systemd/system-preset/20-capra.preset",
        "mask, enable and disable units",
        "start a.service",
    ]
    assert variables(found[2])["uid"] == "5"
    assert [line.split()[2] for line in variables(found[1])["FILES"].splitlines()] == ["/2", "/3"]


def child(**sections: Any) -> dict[str, Any]:
    return {"source": data_url(config(**sections).decode())}


def test_configs_are_merged_into_what_is_there() -> None:
    first = child(
        storage={
            "files": [
                {"path": "/a", "mode": 0o600, "append": [{"source": "data:,2"}]},
                {"path": "/new", "contents": {"source": "data:,n"}},
            ],
            "directories": [{"path": "/moved"}],
        },
        systemd={"units": [{"name": "a.service", "dropins": [{"name": "x.conf", "contents": "child"}]}]},
    )
    second = child(passwd={"users": [{"name": "u", "groups": ["a", "c"]}]})
    data = config(
        ignition={"config": {"merge": [first, second]}},
        storage={
            "files": [
                {"path": "/a", "contents": {"source": "data:,1"}, "append": [{"source": "data:,-"}]},
                {"path": "/moved", "contents": {"source": "data:,1"}},
            ]
        },
        systemd={"units": [{"name": "a.service", "dropins": [{"name": "x.conf", "contents": "parent"}]}]},
        passwd={"users": [{"name": "u", "uid": 7, "groups": ["a", "b"]}]},
    )
    found = steps(data)
    assert [(file.path, file.content, file.mode) for file in found if isinstance(file, WriteFile)][:3] == [
        ("/a", b"1-2", "0600"),
        ("/new", b"n", "0644"),
        ("/etc/systemd/system/a.service.d/x.conf", b"child", "0644"),
    ]
    assert "make the directory /moved" in [step.title for step in found]
    [user] = [variables(step) for step in found if step.title == "set the user u up"]
    assert (user["uid"], user["groups"]) == ("7", "a b c")


def test_a_config_is_replaced_with_all_that_it_holds() -> None:
    data = config(
        ignition={"config": {"replace": child(storage={"files": [{"path": "/b"}]})}},
        storage={"files": [{"path": "/a"}]},
    )
    assert titles(data) == ["look for files in the way", "append to /b"]


def test_merging_leaves_both_as_they_were() -> None:
    parent = {"storage": {"files": [{"path": "/a"}]}}
    other = {"storage": {"links": [{"path": "/a"}], "files": [{"path": "/b"}]}, "passwd": None}
    assert merged(parent, other) == {"storage": {"links": [{"path": "/a"}], "files": [{"path": "/b"}]}}
    assert parent == {"storage": {"files": [{"path": "/a"}]}}


def test_too_many_configs() -> None:
    data = config(ignition={"config": {"merge": [child()] * 33}}, storage={"files": [{"path": "/a"}]})
    with pytest.raises(InputError, match=r"ignition.config.merge\[32\]: is one config too many"):
        read(data)


@pytest.mark.parametrize(
    ("ignored", "refused"),
    [
        ((), "storage.disks"),
        (("storage.disks",), "storage.files[0].contents.httpHeaders"),
        (("storage.disks", "storage.files.contents.httpHeaders"), "kernelArguments"),
    ],
)
def test_what_is_refused_may_be_ignored_by_its_path(ignored: tuple[str, ...], refused: str) -> None:
    contents = {"source": "data:,", "httpHeaders": [{"name": "a"}]}
    data = config(
        storage={"files": [{"path": "/a", "contents": contents}], "disks": [{"device": "/dev/a"}]},
        ignition={"timeouts": {"httpTotal": 5}},
    )
    more = data.replace(b'{"ignition"', b'{"kernelArguments": {"shouldExist": ["a"]}, "ignition"', 1)
    with pytest.raises(InputError) as raised:
        read(more if refused == "kernelArguments" else data, ignored=ignored)
    assert raised.value.field == refused
    told = read(data, ignored=("storage.disks", "storage.files.contents.httpHeaders")).notes
    assert [note.split()[0] for note in told] == [
        "ignition.timeouts",
        "storage.disks",
        "storage.files[0].contents.httpHeaders",
    ]


def test_a_mode_whose_special_bits_are_ignored() -> None:
    data = config(storage={"files": [{"path": "/a", "mode": 0o4755}]})
    [file] = [step for step in steps(data, ignored=["storage.files.mode"]) if isinstance(step, WriteFile)]
    assert file.mode == "0755"


def test_a_unit_without_an_install_section_is_told() -> None:
    unit = {"name": "a.service", "enabled": True, "contents": "[Service]\nExecStart=/bin/true # [Install]\n"}
    assert read(config(systemd={"units": [unit]})).notes == (
        "systemd.units[0].enabled has no effect: the unit has no [Install] section",
    )


def test_values_that_ask_for_nothing() -> None:
    nothing: dict[str, Any] = {
        "storage": {"disks": [], "files": None},
        "kernelArguments": {},
        "passwd": {"users": [], "groups": None},
    }
    with pytest.raises(InputError, match="nothing to do"):
        read(config(**nothing))


def test_a_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MAX_ITEMS", 1)
    with pytest.raises(InputError, match=r"passwd\.groups: has 2 items; at most 1"):
        read(config(passwd={"groups": [{"name": "a"}, {"name": "b"}]}))
