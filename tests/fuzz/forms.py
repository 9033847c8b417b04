"""Bootstrap data for hypothesis: every form that a Secret may hold, plausible, tangled, damaged and packed."""

from __future__ import annotations

import gzip
import json
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.fuzz.strategies import CLOUD_CONFIG, IGNITION, OPTIONAL, SECRETS, Strategy
from tests.support.documents import load_all

REAL = [document.value.encode() for document in load_all()]
HEADER = st.sampled_from(
    [
        *["", "#cloud-config\n", "## template: jinja\n#cloud-config\n"] * 4,
        "\ufeff#cloud-config\n",
        "# x\n",
        "#include\n",
    ]
)


def _plain(value: Any) -> str:
    return yaml.safe_dump(value, allow_unicode=True)


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _mime(parts: list[tuple[str, str]]) -> str:
    made = "".join(f"--b\nContent-Type: text/{kind}\n\n{text}\n" for kind, text in parts)
    return f'Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n{made}--b--\n'


def _archive(parts: list[tuple[str, str]]) -> str:
    return "#cloud-config-archive\n" + _plain([{"type": f"text/{kind}", "content": text} for kind, text in parts])


DOCUMENT = st.builds(
    lambda header, value, dump: header + dump(value), HEADER, CLOUD_CONFIG, st.sampled_from([_plain, _json])
)
SCRIPT = st.builds(
    lambda start, body: f"{start}\n{body}\n",
    st.sampled_from(
        ["#!/bin/sh", "#cloud-boothook", "#include", "#part-handler", "<powershell>", "#!talos", "#upstart-job"]
    ),
    SECRETS,
)
PART = st.tuples(
    st.sampled_from(["cloud-config", "x-shellscript", "jinja2", "cloud-boothook", "x-include-url", "plain"]),
    DOCUMENT | SCRIPT,
)
PARTS = st.lists(PART, max_size=3)
TAGS = [
    f"!!{kind} " for kind in ("int", "bool", "float", "timestamp", "binary", "set", "null", "python/name:os.getcwd")
]
TOKENS = [
    *TAGS,
    *(
        "runcmd: ",
        "write_files: ",
        "path: ",
        "content: ",
        "users: ",
        "- ",
        "\n",
        "\n  ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "? ",
    ),
    *(
        "&a ",
        "*a ",
        "<<: ",
        "| ",
        "> ",
        "# ",
        "---\n",
        "'",
        '"',
        "x",
        "/a",
        "0644 ",
        "1:1 ",
        "2001-01-01 ",
        "=",
        "~",
        '""',
    ),
]
TANGLED = st.lists(st.sampled_from(TOKENS), max_size=12).map(lambda tokens: f"runcmd: [{''.join(tokens)}]\n")
"""What is nearly YAML, and short, so that each sign comes to every place."""

OTHER = st.one_of(TANGLED, IGNITION.map(_json), SCRIPT, PARTS.map(_mime), PARTS.map(_archive))
MADE: Strategy = st.booleans().flatmap(lambda cloud_config: DOCUMENT if cloud_config else OTHER).map(str.encode)
PIECES = st.sampled_from(
    [
        *(sign.encode() for sign in "&*!|>%@`{}[],:?-#'\"\\\t\n 0~="),
        b"<<",
        b"---",
        b"{{",
        b"{%",
        b"{#",
        b"&a",
        b"*a",
        *(tag.encode() for tag in TAGS),
        b"\0",
        b"\xff",
    ]
)
EDIT = st.tuples(st.floats(0, 1), st.integers(0, 6), PIECES | st.binary(max_size=4))


def _edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for place, removed, added in edits:
        at = int(place * len(data))
        data = data[:at] + added + data[at + removed :]
    return data


DAMAGED = st.builds(_edited, st.sampled_from(REAL) | MADE, st.lists(EDIT, min_size=1, max_size=4))
JOINED = st.builds(lambda first, second: first + b"\n" + second, MADE | st.sampled_from(REAL), MADE)


def _packed(data: bytes, cut: int) -> bytes:
    packed = gzip.compress(data, mtime=0)
    return packed[: len(packed) - cut] if cut else packed


ANY = st.one_of(DAMAGED, JOINED, st.binary(max_size=200))
PACKED = st.builds(_packed, MADE | ANY, st.sampled_from([0, 0, 0, 1, 9]))
# With nothing ignored, most documents end at the first key that is not supported.
OPTIONS = st.fixed_dictionaries(
    {
        "format": st.sampled_from(["", "cloud-config"] * 5 + ["ignition", "powershell", "é\0" * 1000]),
        "ignored": st.sampled_from([[], ["users", "write_files.source", "storage.disks"], OPTIONAL, OPTIONAL]),
    },
    optional={
        "commands_as_script": st.booleans(),
        "working_dir": st.sampled_from(["/etc/k0smotron", "/a b", "/é"] * 5 + ["", "a", "/\0"]),
    },
)
