"""Damaged, large and hostile documents of every format end in steps, or in one error without secrets, and soon."""

import base64
import gzip
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capra.bootstrap import WriteFile, read
from capra.errors import InputError
from tests.support.ignition import config, data_url, kubeadm

MIB = 2**20
CHILD = config(storage={"files": [{"path": "/hunter2", "contents": {"source": data_url(b"hunter2")}}]})
IGNITION = config(
    ignition={"config": {"merge": [{"source": data_url(CHILD)}]}},
    passwd={
        "users": [
            {
                "name": "u",
                "passwordHash": "$6$a$hunter2",
                "sshAuthorizedKeys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA hunter2"],
            }
        ]
    },
    storage={
        "files": [{"path": "/a", "contents": {"source": "data:,hunter2%20"}, "mode": 384, "user": {"id": 1}}],
        "links": [{"path": "/l", "target": "hunter2"}],
    },
    systemd={"units": [{"name": "a.service", "enabled": True, "contents": "hunter2"}]},
).decode()
MIME = (
    'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/cloud-config\n'
    "Content-Transfer-Encoding: base64\n\nI2Nsb3VkLWNvbmZpZwpydW5jbWQ6IFtodW50ZXIyXQo=\n--b\n"
    'Content-Disposition: attachment; filename="s"\nContent-Transfer-Encoding: quoted-printable\n\n'
    "#!/bin/sh\nhunter=32\n"
    "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/x-shellscript\n\n#!/bin/sh\nhunter2\n"
    "--c--\n--b--\n"
)
ARCHIVE = (
    "#cloud-config-archive\n- {type: text/cloud-config, content: 'runcmd: [hunter2]'}\n- \"#!/bin/sh\\nhunter2\"\n"
)
PIECES = st.sampled_from(
    [*'{}[]":,\\%;=-#!\n\t\r 0', "--b", "--b--", "null", "[[", "\\u", "\ud7ff", "data:", "&a", "*a"]
)
KEYS = [
    "path",
    "name",
    "contents",
    "append",
    "mode",
    "user",
    "overwrite",
    "dropins",
    "enabled",
    "groups",
    "uid",
    "gid",
    "target",
    "hard",
    "sshAuthorizedKeys",
    "passwordHash",
    "mask",
    "shell",
    "filesystem",
    "create",
]
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**33) | st.sampled_from(["", "/a", "a.service", "data:,x", "x\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "path", "source"]), inner),
    max_leaves=5,
)


def message(data: bytes) -> str:
    """What the error says, which carries no other along; empty where there are steps."""
    raised = None
    try:
        assert read(data).steps
    except InputError as error:
        raised = error
    if raised is None:
        return ""
    assert raised.__cause__ is None
    assert raised.__context__ is None or raised.__suppress_context__
    return str(raised)


@pytest.mark.parametrize("whole", [IGNITION, MIME, ARCHIVE, kubeadm().decode()], ids=["3", "MIME", "archive", "2"])
def test_the_undamaged_ones_give_steps(whole: str) -> None:
    assert message(whole.encode()) == ""


@pytest.mark.parametrize("whole", [IGNITION, MIME, ARCHIVE], ids=["Ignition", "MIME", "archive"])
@settings(max_examples=150)
@given(edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5), PIECES), min_size=1, max_size=4))
def test_damaged_data_gives_steps_or_one_error(whole: str, edits: list[tuple[float, int, str]]) -> None:
    text = whole
    for share, removed, added in edits:
        position = int(share * len(text))
        text = text[:position] + added + text[position + removed :]
    assert "hunter2" not in message(text.encode("utf-8", "replace"))


@settings(max_examples=200)
@example(place="storage/files", key="contents", value={"source": "data:,x"}, version="2.3.0")
@given(
    place=st.sampled_from(["passwd/users", "passwd/groups", "storage/files", "storage/links", "systemd/units"]),
    key=st.sampled_from(KEYS),
    value=VALUES,
    version=st.sampled_from(["3.0.0", "2.3.0"]),
)
def test_any_value_anywhere_gives_steps_or_one_error(place: str, key: str, value: Any, version: str) -> None:
    section, name = place.split("/")
    item = {"path": "/p", "name": "n", "target": "t"} if section == "storage" else {"name": "n.service"}
    keep = {"storage": ("path", "target") if name == "links" else ("path",)}.get(section, ("name",))
    item = {one: text for one, text in item.items() if one in keep} | {key: value}
    if version == "2.3.0" and section == "storage":
        item = {"filesystem": "root"} | item
    message(config(version, **{section: {name: [item]}}))


@settings(max_examples=100)
@given(content=st.binary(max_size=300), encoded=st.booleans())
def test_content_in_a_data_url_is_exact(content: bytes, encoded: bool) -> None:
    percent = "".join(f"%{byte:02x}" for byte in content)
    url = data_url(content) if encoded else f"data:,{percent}"
    steps = read(config(storage={"files": [{"path": "/a", "contents": {"source": url}}]})).steps
    [file] = [step for step in steps if isinstance(step, WriteFile)]
    assert file.content == content


@settings(max_examples=100)
@given(body=st.text(st.characters(exclude_categories=["Cs"]), max_size=200), how=st.sampled_from(["base64", "8bit"]))
def test_a_script_in_a_part_is_exact(body: str, how: str) -> None:
    # A carriage return before the line with the boundary belongs to that.
    script = f"#!/bin/sh\n{body}".rstrip("\r")
    sent = base64.encodebytes(script.encode()).decode() if how == "base64" else script
    steps = read(mime(f"Content-Transfer-Encoding: {how}\n\n{sent}", boundary="a-long-boundary")).steps
    assert isinstance(steps[0], WriteFile)
    assert steps[0].content == script.encode()


def quick(data: bytes) -> str:
    start = time.process_time()
    told = message(data)
    assert time.process_time() - start < 2
    return told


def mime(*parts: str, boundary: str = "b") -> bytes:
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary={boundary}\n\n{body}--{boundary}--\n".encode()


def nested(levels: int) -> bytes:
    inner = "\n#!/bin/sh"
    for level in range(levels):
        inner = f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n{inner}\n--b{level}--"
    return f"MIME-Version: 1.0\n{inner}\n".encode()


def gzipped(size: int) -> str:
    body = base64.encodebytes(gzip.compress(bytes(size), mtime=0)).decode()
    return f"Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n{body}"


FILE = {"path": "/a", "contents": {"source": data_url("x" * MIB)}}
MANY = [{"path": f"/d/{number}", "contents": {"source": f"data:,{'x' * 200}"}} for number in range(3000)]
BOMB = {"path": "/a", "contents": {"source": data_url(gzip.compress(bytes(65 * MIB))), "compression": "gzip"}}
HALF = data_url(gzip.compress(bytes(33 * MIB)))
HALVES = [{"path": f"/{name}", "contents": {"source": HALF, "compression": "gzip"}} for name in "ab"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(config(storage={"files": [FILE]}), "", id="a megabyte in one file"),
        pytest.param(config(storage={"files": MANY}), "", id="3000 files"),
        pytest.param(b'{"ignition":' + b"[" * MIB, "nested deeper than 32", id="deep"),
        pytest.param(b'{"ignition":' * (MIB // 12), "nested deeper than 32", id="deep objects"),
        pytest.param(b'{"ignition":[' + b"1," * (MIB // 2), "more than 200000 values", id="many values"),
        pytest.param(b'{"ignition":"' + b'\\"' * (MIB // 2), "not valid JSON", id="a text without an end"),
        pytest.param(b'{"ignition":' + b'"a' * (MIB // 2), "more than 200000 values", id="quotes"),
        pytest.param(b'{"ignition": ' + b"9" * MIB, "a number cannot be read", id="a long number"),
        pytest.param(config(storage={"files": [BOMB]}), "unpacks into more than", id="a gzip bomb"),
        pytest.param(config(storage={"files": HALVES}), "unpacks into more than", id="two halves of a bomb"),
        pytest.param(config(passwd={"groups": [{"name": "a"}] * 4097}), "at most 4096", id="many items"),
        pytest.param(config(storage={"files": [{"path": "/a" * (MIB // 2)}]}), "longer than 4095", id="a long path"),
    ],
)
def test_ignition_is_read_within_bounds(data: bytes, problem: str) -> None:
    told = quick(data)
    assert problem in told
    assert bool(problem) == bool(told)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(mime(f"\n#!/bin/sh\n{'x' * 60}\n" + "\n" * MIB), "", id="a megabyte of lines"),
        pytest.param(mime("\n#!/bin/sh\n" + "--\n--bb\n" * (MIB // 8)), "", id="lines like a boundary"),
        pytest.param(mime(*["\n#!/bin/sh"] * 300), "more than 256 parts", id="many parts"),
        pytest.param(mime(*["\n#!/bin/sh"] * 60_000), "more than 256 parts", id="very many parts"),
        pytest.param(nested(4), "", id="four levels"),
        pytest.param(nested(5), "more than 4 levels deep", id="five levels"),
        pytest.param(nested(5000), "more than 4 levels deep", id="5000 levels"),
        pytest.param(mime("X: " + "x" * MIB), "characters of headers", id="long headers"),
        pytest.param(mime(gzipped(17 * MIB)), "unpacks into more than", id="a gzip bomb"),
        pytest.param(mime(*[gzipped(15 * MIB)] * 2), "unpacks into more than", id="several gzip bombs"),
        pytest.param(mime("Content-Transfer-Encoding: base64\n\n" + "=" * MIB), "not valid base64", id="base64 junk"),
        pytest.param(mime("Content-Type: text/x-shellscript;" + " a=b;" * 2000 + "\n\n#!/bin/sh"), "", id="parameters"),
        pytest.param(
            b"#cloud-config-archive\n" + yaml.safe_dump(["#!/bin/sh"] * 300).encode(), "one part too many", id="items"
        ),
        pytest.param(
            b'#cloud-config-archive\n- &a "#!/bin/sh\\n' + b"x" * 100_000 + b'"\n' + b"- *a\n" * 200,
            "too large",
            id="aliases",
        ),
        pytest.param(b"#cloud-config-archive\n" + b"[" * MIB, "nested deeper than", id="a deep archive"),
    ],
)
def test_user_data_is_read_within_bounds(data: bytes, problem: str) -> None:
    told = quick(data)
    assert problem in told
    assert bool(problem) == bool(told)


def test_many_deep_paths_beside_links_are_quick() -> None:
    deep = [{"path": f"/{'a/' * 1000}{number}"} for number in range(400)]
    data = config(storage={"directories": deep, "links": [{"path": "/b", "target": "c"}]})
    assert quick(data) == ""
