"""Text → documents: YAML with several documents, and JSON with several values one after the other.

Strict where plain PyYAML is not: a repeated key is an error, what aliases expand to is bounded, numbers with colons
and dates stay text (as Kubernetes reads them), and an error gives line and column but never a snippet, which may hold
a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import yaml

from capra.bootstrap.reading.yaml_limits import (
    Limits,
    check_limits,
    guard_scalars,
    refuse_repeated_keys,
    without_snippet,
)
from capra.errors import InputError
from capra.model import checks

MAX_CHARACTERS = 64 * 2**20
LIMITS = Limits(values=1_000_000, characters=MAX_CHARACTERS)

_LEFT_AS_TEXT = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*|0b[01]+|0o?[0-7]+|0x[0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class RawDocument:
    """One document. subject: what errors call it: `FILE: RemoteMachine default/a`, or its place where it has no kind
    and name. place: `FILE: document 2`, in a List `FILE: document 2, item 1`. source: the file, as it was named.
    """

    subject: str
    content: Any
    source: str = ""
    place: str = ""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # a base chosen at run time
    """Reads numbers as Kubernetes does."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _LEFT_AS_TEXT]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"^(?:{_INTEGER.pattern})$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^(?:{_FLOAT.pattern})$"), list("-+0123456789."))
guard_scalars(_Loader)


def read_documents(text: str, source: str) -> list[RawDocument]:
    """Every document with something in it, Lists taken apart. source: the file's name, for messages.

    Raises InputError for what cannot be read.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"is {len(text)} characters long; at most {MAX_CHARACTERS} are read", subject=source)
    contents = _read_json(text, source)
    if contents is None:
        contents = _read_yaml(text, source)
    found: list[RawDocument] = []
    for number, content in enumerate(contents, 1):
        found += _expanded(source, f"document {number}", content)
    return found


def _expanded(source: str, place: str, content: Any) -> Iterator[RawDocument]:
    """The document, the items of a List, or nothing for an empty one."""
    if content is None:
        return
    if not isinstance(content, dict):
        raise InputError("must be a mapping with apiVersion and kind", subject=f"{source}: {place}")
    items = content.get("items")
    if not (str(content.get("kind", "")).endswith("List") and isinstance(items, list)):
        yield RawDocument(f"{source}: {_name(content) or place}", content, place=f"{source}: {place}")
        return
    for number, item in enumerate(items, 1):
        yield from _expanded(source, f"{place}, item {number}", item)


def _name(content: Mapping[str, Any]) -> str:
    """`RemoteMachine default/a`, as a machine's key is told; empty where kind or name is none that objects have."""
    metadata = content.get("metadata")
    named = metadata if isinstance(metadata, Mapping) else {}
    kind, name, namespace = (str(one or "") for one in (content.get("kind"), named.get("name"), named.get("namespace")))
    if not re.fullmatch(r"[A-Za-z]{1,63}", kind):
        return ""
    try:
        return f"{kind} {checks.namespace(namespace or 'default')}/{checks.object_name(name)}"
    except ValueError:
        return ""


def _read_json(text: str, source: str) -> list[Any] | None:
    """The JSON values one after the other; None when it is not JSON, and so YAML.

    JSON is nearly a part of YAML, but a tab may indent it.
    """
    if not text.lstrip().startswith(("{", "[")):
        return None
    decoder = json.JSONDecoder(object_pairs_hook=_pairs)
    values, position = [], 0
    try:
        while (position := _after_space(text, position)) < len(text):
            value, position = decoder.raw_decode(text, position)
            values.append(value)
    except _RepeatedKeyError as error:
        raise InputError(f"a key stands twice in one mapping: {error}", subject=source) from None
    except (ValueError, RecursionError):  # a number of thousands of digits is none, either
        return None
    return values


class _RepeatedKeyError(Exception):
    """A key stands twice in a JSON object."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise _RepeatedKeyError(key)
        content[key] = value
    return content


def _after_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _read_yaml(text: str, source: str) -> list[Any]:
    problem = ""
    try:
        check_limits(text, _Loader, LIMITS, partial(InputError, subject=source))
        loader = _Loader(text)
        try:
            return list(_contents(loader, source))
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        problem = without_snippet(error)
    except (ValueError, OverflowError, RecursionError):  # the text of such an error quotes the value
        problem = "a value cannot be read; put text that looks like a number in quotes"
    # Raised here and not above: an exception raised in a handler carries the one with the snippet along.
    raise InputError(f"is not valid YAML: {problem}", subject=source)


def _scalars(node: yaml.Node) -> dict[str, Any]:
    """The texts of a mapping and those one level below, where a key that stands twice is not refused yet."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {
        key.value: value.value if isinstance(value, yaml.ScalarNode) else _scalars(value)
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode) and (isinstance(value, yaml.ScalarNode) or key.value == "metadata")
    }


def _contents(loader: Any, source: str) -> Iterator[Any]:
    number = 0
    while loader.check_node():
        number += 1
        node = loader.get_node()
        subject = f"{source}: {_name(_scalars(node)) or f'document {number}'}"
        refuse_repeated_keys(node, partial(InputError, subject=subject), text_keys=True)
        yield loader.construct_document(node)
