"""Bootstrap documents as bootstrap providers write them, in `tests/cases/bootstrap/documents`.

`<name>.yaml` has a comment that says what made it, the Secret's `format`, and its `value` to the byte, but for secrets:
each is replaced by one of the same shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from capra.bootstrap import Instance
from capra.bootstrap.templates import jinja
from capra.bootstrap.templates.instance_data import EXAMPLE, instance_data

INSTANCE = Instance(instance_data(EXAMPLE, name="node-0", namespace="default", uid="uid-1", labels={}), jinja.render)
"""What templates are rendered with."""

DIRECTORY = Path(__file__).parents[1] / "cases" / "bootstrap" / "documents"

TOKEN = "abcdef.0123456789abcdef"
_TOKEN = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=%20))[a-z0-9]{6}\.[a-z0-9]{16}\b")
_HASH = re.compile(r"(sha256(?::|%3A))[0-9a-f]{64}")
# As it is, or in a data URL.
_PEM = re.compile(
    r"-----BEGIN(?P<blank> |%20)(?P<label>[A-Z]+(?:(?: |%20)[A-Z]+)*)-----(?P<end>\s+|%0A)"
    r"(?P<body>(?:[A-Za-z0-9+/=\s]|%0A|%2[BF]|%3D)*)-----END(?: |%20)(?P=label)-----"
)
_LINES = {"CERTIFICATE": 17, "RSA PRIVATE KEY": 25, "PUBLIC KEY": 6}
"""So many full lines, of 64 characters, a block has about. What is made anew differs by a few characters."""


@dataclass(frozen=True)
class Document:
    """A Secret with bootstrap data. name: of its file."""

    name: str
    format: str
    value: str


def load(path: Path) -> Document:
    """A saved one."""
    raw = yaml.safe_load(path.read_text())
    return Document(path.stem, raw["format"], raw["value"])


def load_all() -> list[Document]:
    """All saved ones."""
    return [load(path) for path in sorted(DIRECTORY.glob("*.yaml"))]


def save(document: Document, made_by: str) -> Path:
    """Write one. made_by: a sentence for the comment."""
    path = DIRECTORY / f"{document.name}.yaml"
    lines = "".join(f"  {line}\n" if line else "\n" for line in document.value.removesuffix("\n").split("\n"))
    chomping = "+" if document.value.endswith("\n") else "-"
    text = f"# {made_by}\nformat: {document.format}\nvalue: |2{chomping}\n{lines}"
    path.write_text(text)
    if load(path) != document:
        raise ValueError(f"{path} does not read as what was written")
    return path


def without_secrets(value: str) -> str:
    """A document with bootstrap tokens, hashes of certificates, certificates and keys replaced."""
    return _HASH.sub(rf"\g<1>{'0123456789abcdef' * 4}", _TOKEN.sub(TOKEN, _PEM.sub(_replaced, value)))


def _replaced(found: re.Match[str]) -> str:
    label = found["label"].replace("%20", " ")
    body = [f"{label.replace(' ', '')}".ljust(64, "A")] * _LINES[label] + ["A" * 20]
    edge = f"{label.replace(' ', found['blank'])}-----"
    lines = [f"-----BEGIN{found['blank']}{edge}", *body, f"-----END{found['blank']}{edge}"]
    return found["end"].join(lines)
