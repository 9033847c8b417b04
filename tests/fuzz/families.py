"""Hostile bootstrap data of any size by family: what takes a careless parser the square of its time, or all memory."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable

Family = Callable[[int], bytes]
"""Size in bytes, about → data."""


def _repeated(piece: str, head: str = "", tail: str = "") -> Family:
    return lambda size: (head + piece * (size // len(piece)) + tail).encode()


def _numbered(piece: str, head: str = "#cloud-config\n") -> Family:
    """piece: with `%d` for a number, counted from 1."""
    return lambda size: (head + "".join(piece % number for number in range(1, size // (len(piece) + 3)))).encode()


def _indented(size: int) -> bytes:
    """Each line one level deeper than the one before."""
    depth = int((2 * size) ** 0.5)
    return "".join(f"{' ' * level}a:\n" for level in range(depth)).encode()


def _laughs(size: int) -> bytes:
    return b"a0: &a0 [x, x, x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, size // 60)
    )


def _bomb(size: int) -> bytes:
    """A thousand times as long when it is unpacked."""
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(b"runcmd: [a]\n")]
    while sum(map(len, packed)) < size:
        packed.append(packer.compress(b"#" * 2**20))
    return b"".join([*packed, packer.flush()])


def _packed_files(size: int) -> bytes:
    """Small files with compressed content of a megabyte each."""
    content = base64.b64encode(gzip.compress(b"\0" * 2**20)).decode()
    one = f"  - {{path: /a, encoding: gzip+base64, content: {content}}}\n"
    return ("write_files:\n" + one * (size // len(one))).encode()


def _ignition(size: int) -> bytes:
    file = {"path": "/etc/a", "contents": {"source": "data:,%41%42%43"}, "mode": 420}
    files = [{**file, "path": f"/etc/{number}"} for number in range(size // 80)]
    return json.dumps({"ignition": {"version": "3.4.0"}, "storage": {"files": files}}).encode()


def _nested_ignition(size: int) -> bytes:
    """An Ignition configuration that merges one that merges one …: each level is a third longer in base64."""
    inner = json.dumps({"ignition": {"version": "3.4.0"}})
    while len(inner) < size // 2:
        source = "data:;base64," + base64.b64encode(inner.encode()).decode()
        inner = json.dumps({"ignition": {"version": "3.4.0", "config": {"merge": [{"source": source}]}}})
    return inner.encode()


_MIME = 'Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n'
_PART = "--b\nContent-Type: text/cloud-config\n\nruncmd: [a]\n"
_FILE = '{"ignition":{"version":"3.4.0"},"storage":{"files":[{"path":"/a","contents":{"source":"data:,'
_TEMPLATE = "## template: jinja\n#cloud-config\n"

FAMILIES: dict[str, Family] = {
    "aliases": _repeated("*a,", "a: &a x\nb: [", "]"),
    "anchors": _numbered("  - &a%d x\n", "runcmd:\n"),
    "archive": _repeated("- {type: text/cloud-config, content: 'runcmd: [a]'}\n", "#cloud-config-archive\n"),
    "base 60": _repeated(":1", "a: 1"),
    "billion laughs": _laughs,
    "block depth": _indented,
    "byte order marks": _repeated("\ufeff"),
    "carriage returns": _repeated("\r", "runcmd: [a]"),
    "commands": _repeated("  - echo a\n", "runcmd:\n"),
    "comments": _repeated("# x\n"),
    "comments with a header": _repeated("## template: jinj\n"),
    "deep commands": _repeated("[", "runcmd: "),
    "deep JSON": _repeated('{"a":', '{"ignition":'),
    "deep mappings": _repeated("{a: "),
    "documents": _repeated("--- a\n"),
    "escapes": _repeated("\\u0041", 'runcmd: ["', '"]'),
    "folded text": _repeated("  a\n\n", "runcmd:\n- >\n"),
    "files": _numbered("  - {path: /a%d, content: x}\n", "write_files:\n"),
    "gzip bomb": _bomb,
    "gzip members": lambda size: gzip.compress(b"# a\n") * (size // 24),
    "ignition": _ignition,
    "ignition in ignition": _nested_ignition,
    "includes": _repeated("http://a.example.com/\n", "#include\n"),
    "keys": _numbered("a%d: x\n"),
    "long key": _repeated("a", "? ", "\n: x\n"),
    "long line of blanks": _repeated(" ", "runcmd: [a,", "b]"),
    "long name of a path": _repeated("a", "write_files: [{path: /", "}]"),
    "long number": _repeated("1", "runcmd: [", "]"),
    "merge keys": _numbered("a%d: &a {<<: *a}\n", "a0: &a {k: v}\n"),
    "mime": _repeated(_PART, _MIME, "--b--\n"),
    "mime headers": _repeated("X-A: b\n", "MIME-Version: 1.0\n"),
    "mime parts in parts": _repeated('--b\nContent-Type: multipart/mixed; boundary="b"\n\n', _MIME),
    "null characters": _repeated("\0"),
    "owners": _repeated("a.", "write_files: [{path: /a, owner: ", "!}]"),
    "packed files": _packed_files,
    "percent signs": _repeated("%41", _FILE, '"}}]}}'),
    "quotes": _repeated("'", "runcmd: [", "]"),
    "repeated keys": _repeated("runcmd: [a]\n"),
    "repeated keys of files": _repeated("write_files: [{path: /a}]\n"),
    "repeated keys with nothing": _repeated("ntp:\n"),
    "script": _repeated("echo a\n", "#!/bin/sh\n"),
    "tabs": _repeated("\t", "runcmd: [a,", "b]"),
    "tags": _repeated("!a ", "runcmd: [", "a]"),
    "template blanks": _repeated(" ", _TEMPLATE + "{{", "ds.a}}"),
    "template comments": _repeated("{#", _TEMPLATE),
    "template expressions": _repeated("# {{ ds.meta_data.a }}\n", _TEMPLATE),
    "template loops": _repeated("{% for a in b %}", _TEMPLATE + "# "),
    "template names": _repeated("{% ds ", _TEMPLATE),
    "template operators": _repeated("1+", _TEMPLATE + "# {{", "1}}"),
    "template power": _repeated("9**", _TEMPLATE + "# {{", "9}}"),
    "users": _numbered("  - {name: a%d, groups: [x], ssh_authorized_keys: [b]}\n", "#cloud-config\nusers:\n"),
    "words": _repeated("a, ", "runcmd: [[", "b]]"),
}
