"""What documents hold, for hypothesis: keys of cloud-config and Ignition, plausible values, now and then hostile ones.

`SECRET` stands only where secrets belong: in content, commands, passwords and keys. No message may show it.
"""

from __future__ import annotations

import base64
import gzip
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

SECRET = "hunter2 & <s3cret>"
WORDS = [
    "",
    "a",
    "root",
    "true",
    "no",
    "0",
    "0644",
    "/etc/a",
    "a b",
    "é",
    "{{ ds.meta_data.a }}",
    "{% if a %}",
    "LABEL=a",
]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.dates(),
    st.binary(max_size=20),
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["x" * 5000, "\0", "1:1:1:1", "../../a", "a" * 64, "-rf", "$(a)"]),
)
HOSTILE: Strategy = st.recursive(
    JUNK,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=3)
    ),
)


def rather(plausible: Strategy) -> Strategy:
    """Nine times out of ten what is plausible, and else anything."""
    return st.integers(0, 9).flatmap(lambda number: plausible if number else HOSTILE)


def record(always: dict[str, Strategy] | None = None, **keys: Strategy) -> Strategy:
    """A mapping with some of these keys, and now and then one that nobody knows. always: keys that it has."""
    plausible = st.fixed_dictionaries(
        {key: rather(value) for key, value in (always or {}).items()},
        optional={key: rather(value) for key, value in keys.items()},
    )
    unknown = st.dictionaries(st.sampled_from(WORDS), HOSTILE, min_size=1, max_size=1)
    return st.tuples(plausible, st.integers(0, 9), unknown).map(lambda made: made[0] if made[1] else made[0] | made[2])


def several(item: Strategy) -> Strategy:
    return st.lists(rather(item), max_size=3)


NAME = st.sampled_from(["ops", "root", "guest", "sys-adm"])
FLAG = st.sampled_from([True, False, "true", "no", "on"])
SECRETS = st.sampled_from([SECRET, f"one\n{SECRET}\n", f"{SECRET} {{{{ a }}}}"])
ENCODED = st.sampled_from(
    [SECRET, base64.b64encode(SECRET.encode()).decode(), base64.b64encode(gzip.compress(SECRET.encode())).decode()]
)
PATH = st.sampled_from(["/etc/a", "/etc/a b", "/run/é", "/srv/{{ v1.local_hostname }}"])
DEVICE = st.sampled_from(["/dev/vdb", "/dev/vdb1", "LABEL=a", "ephemeral0.1", "tmpfs"])
FILE = record(
    {"path": PATH},
    content=ENCODED,
    permissions=st.sampled_from(["0600", "", "0644", 420]),
    owner=st.sampled_from(["root", "root:adm", ""]),
    encoding=st.sampled_from(["", "b64", "gzip+base64", "gz", "text/plain"]),
    append=FLAG,
    defer=FLAG,
)
USER = record(
    name=NAME,
    passwd=SECRETS,
    plain_text_passwd=SECRETS,
    hashed_passwd=SECRETS,
    groups=st.sampled_from(["adm, users", ["adm"]]),
    homedir=PATH,
    lock_passwd=FLAG,
    shell=st.just("/bin/sh"),
    sudo=st.sampled_from(["ALL=(ALL) NOPASSWD:ALL", False, ["ALL=(ALL) ALL"]]),
    ssh_authorized_keys=several(SECRETS),
    uid=st.integers(0, 70000),
)
COMMAND = SECRETS | st.lists(SECRETS, min_size=1, max_size=3)
CLOUD_CONFIG = record(
    {"write_files": several(FILE), "runcmd": several(COMMAND)},
    bootcmd=several(COMMAND),
    users=several(USER | NAME),
    groups=several(NAME),
    chpasswd=record(expire=FLAG, users=several(record(name=NAME, password=SECRETS, type=st.just("text")))),
    ssh_authorized_keys=several(SECRETS),
    ntp=record(enabled=FLAG, servers=several(NAME), pools=several(NAME)),
    disk_setup=st.dictionaries(DEVICE, record(table_type=st.sampled_from(["gpt", "mbr"]), layout=FLAG, overwrite=FLAG)),
    fs_setup=several(record(label=NAME, filesystem=st.just("ext4"), device=DEVICE, partition=st.just("auto"))),
    mounts=several(st.lists(DEVICE | PATH, max_size=6)),
    swap=record(filename=PATH, size=st.integers(0, 2**40)),
    hostname=NAME,
    timezone=st.just("Etc/UTC"),
    packages=several(NAME),
    ca_certs=record(trusted=several(SECRETS)),
    final_message=SECRETS,
)
OPTIONAL = [
    *("users", "groups", "chpasswd", "ssh_authorized_keys", "ntp", "disk_setup", "fs_setup", "mounts", "swap"),
    *("hostname", "timezone", "packages", "ca_certs"),
]
"""Keys of it that the user may go on without."""

CONTENTS = record(
    source=st.sampled_from(["data:,a%20b", "data:;base64,YQ==", "https://a.example.com/a", "data:,%zz"]),
    compression=st.sampled_from(["", "gzip"]),
    verification=record(hash=st.just("sha512-00")),
)
IGNITION = record(
    {
        "ignition": record(
            version=st.sampled_from(["2.3.0", "3.3.0", "3.4.0", "1.0"]),
            config=record(merge=several(CONTENTS), replace=CONTENTS, append=several(CONTENTS)),
        )
    },
    passwd=record(
        users=several(record(name=NAME, passwordHash=SECRETS, sshAuthorizedKeys=several(SECRETS), groups=several(NAME)))
    ),
    storage=record(
        files=several(
            record(path=PATH, contents=CONTENTS, mode=st.integers(0, 4095), overwrite=FLAG, filesystem=st.just("root"))
        ),
        directories=several(record(path=PATH, mode=st.integers(0, 4095))),
        links=several(record(path=PATH, target=PATH, hard=FLAG)),
        disks=several(record(device=DEVICE, wipeTable=FLAG, partitions=several(record(number=st.integers(0, 9))))),
        filesystems=several(record(device=DEVICE, format=st.just("ext4"), path=PATH)),
    ),
    systemd=record(units=several(record(name=st.just("a.service"), enabled=FLAG, contents=SECRETS, mask=FLAG))),
)
