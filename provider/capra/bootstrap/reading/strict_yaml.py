"""One YAML mapping, read strictly and within bounds.

Differs from `yaml.safe_load`: a key that is repeated at the top is merged or refused, anywhere else refused;
depth, number and size of what comes out are bounded (`yaml_limits`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import yaml

from capra.bootstrap.reading.location import Location, key_name
from capra.bootstrap.reading.yaml_limits import (
    TAG,
    Limits,
    check_limits,
    guard_scalars,
    refuse_repeated_keys,
    without_snippet,
)

MAX_CHARACTERS = 16 * 2**20
"""Of the text, and of all scalars together with aliases expanded. A Kubernetes Secret holds 1 MiB at most."""

MAX_DIGITS = 64
"""Characters of a number. What is longer is none that anybody means, and one in base 60 (`1:1:1…`) takes the square of
its length to read."""

LIMITS = Limits(values=100_000, characters=MAX_CHARACTERS, documents=1)

# YAML 1.1, 5.1 'Character Set'. Checked here so that both parsers give the same message, with a line.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Number(int):
    """An integer that remembers how it was written: `0644` and `420` are the same number in YAML 1.1."""

    text: str


def loader_class(base: Any) -> Any:
    """A loader on `base` (yaml.CSafeLoader or yaml.SafeLoader): numbers as `Number`, a lone `=` as text."""

    def number(loader: Any, node: Any) -> Number:
        # What is too long is a number all the same, and one that is wrong wherever it may stand: the error names it.
        made = Number(loader.construct_yaml_int(node) if len(node.value) <= MAX_DIGITS else -1)
        made.text = node.value[:MAX_DIGITS]
        return made

    def fraction(loader: Any, node: Any) -> float:
        return float(loader.construct_yaml_float(node)) if len(node.value) <= MAX_DIGITS else math.nan

    made = type("StrictLoader", (base,), {})
    yaml.add_constructor(f"{TAG}int", number, Loader=made)
    yaml.add_constructor(f"{TAG}float", fraction, Loader=made)
    yaml.add_constructor(f"{TAG}value", base.construct_yaml_str, Loader=made)
    guard_scalars(made)
    return made


LOADER = loader_class(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def load_mapping(
    text: str, place: Location, keys: str = "keys of cloud-config, such as write_files and runcmd"
) -> dict[str, Any]:
    """The mapping at the top of a document, with plain values. keys: what it may hold, for the message about something
    else. Raises InputError."""
    found: dict[str, Any] = _loaded(text, place, lambda loader, root: _merged(loader, root, place, keys))
    return found


def load_list(text: str, place: Location) -> list[Any]:
    """The same of a list at the top. Raises InputError."""
    found: list[Any] = _loaded(text, place, lambda loader, root: _listed(loader, root, place))
    return found


def _loaded(text: str, place: Location, construct: Callable[[Any, Any], Any]) -> Any:
    """What is made of the document's root. construct: of a loader and the root's node."""
    if len(text) > MAX_CHARACTERS:
        raise place.error(f"is {len(text)} characters long; at most {MAX_CHARACTERS} are accepted")
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise place.error(f"line {line}: has the character U+{ord(found[0]):04X}, which YAML does not allow")
    problem = ""
    try:
        check_limits(text, LOADER, LIMITS, place.error)
        loader = LOADER(text)
        try:
            return construct(loader, loader.get_single_node())
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        problem = without_snippet(error)
    except (ValueError, OverflowError):  # the text of this error quotes the value
        problem = "a number or a date cannot be read; put text that looks like one in quotes"
    # Raised here and not above: an exception raised in a handler carries the one with the snippet along.
    raise place.error(f"is not valid YAML: {problem}")


def _kind(root: Any) -> str:
    """What a root node is, for a message."""
    if root is None or root.tag == f"{TAG}null":
        return "empty"
    kinds = {yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping", yaml.ScalarNode: "a single value"}
    return kinds.get(type(root), "empty")


def _listed(loader: Any, root: Any, place: Location) -> Any:
    if not isinstance(root, yaml.SequenceNode):
        raise place.error(f"must be a list of parts, but is {_kind(root)}")
    refuse_repeated_keys(root, place.error)
    return loader.construct_document(root)


def _merged(loader: Any, root: Any, place: Location, keys: str) -> dict[str, Any]:
    """The values at the top. A repeated key (k0smotron appends custom user data after a second
    `#cloud-config`, into the same document): lists are joined in order, equal values are one, all else is
    refused."""
    if not isinstance(root, yaml.MappingNode):
        raise place.error(f"must be a mapping with {keys}, but is {_kind(root)}")
    for _, value in root.value:
        refuse_repeated_keys(value, place.error)
    merged: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in root.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if key_node.tag not in (f"{TAG}str", f"{TAG}merge") or (key_name(key) != key and key != "<<"):
            raise place.error(f"line {line}: the key is not a plain name")
        value = loader.construct_document(value_node)
        if key not in merged or merged[key] is None:
            merged[key], lines[key] = value, line
        elif isinstance(merged[key], list) and isinstance(value, list):
            merged[key].extend(value)  # ours alone: no two keys of the top share a list
        elif value is not None and value != merged[key]:
            raise place.key(key).error(
                f"is given twice, on lines {lines[key]} and {line}, and only lists can be joined; keep one"
            )
    return merged
