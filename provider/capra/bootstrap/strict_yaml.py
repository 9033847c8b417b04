"""One YAML mapping, read strictly and within bounds.

Differs from `yaml.safe_load`: a key that is repeated at the top is merged or refused, anywhere else refused;
depth, number and size of what comes out are bounded with every alias counted in full; errors give line and
kind of the problem but never a snippet, because what stands around a mistake may be a token.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from capra.bootstrap.place import Place, key_name

MAX_CHARACTERS = 16 * 2**20
"""Of the text, and of all scalars together with aliases expanded. A Kubernetes Secret holds 1 MiB at most."""

MAX_NODES = 100_000
MAX_DIGITS = 64
"""Characters of a number. What is longer is none that anybody means, and one in base 60 (`1:1:1…`) takes the square of
its length to read."""

MAX_DEPTH = 64

_TAG = "tag:yaml.org,2002:"
# YAML 1.1, 5.1 'Character Set'. Checked here so that both parsers give the same message, with a line.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTED = re.compile(r"""(['"])(.*?)\1""")


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
    yaml.add_constructor(f"{_TAG}int", number, Loader=made)
    yaml.add_constructor(f"{_TAG}float", fraction, Loader=made)
    yaml.add_constructor(f"{_TAG}value", base.construct_yaml_str, Loader=made)
    return made


LOADER = loader_class(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def load(text: str, place: Place, keys: str = "write_files, bootcmd or runcmd") -> dict[str, Any]:
    """The mapping at the top of a document, with plain values. keys: what it may hold, for the message about something
    else. Raises InputError."""
    if len(text) > MAX_CHARACTERS:
        raise place.error(f"is {len(text)} characters long; at most {MAX_CHARACTERS} are accepted")
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise place.error(f"line {line}: has the character U+{ord(found[0]):04X}, which YAML does not allow")
    problem = ""
    try:
        _check_bounds(text, place)
        loader = LOADER(text)
        try:
            return _merged(loader, loader.get_single_node(), place, keys)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        problem = _without_snippet(error)
    except (ValueError, OverflowError):  # the text of this error quotes the value
        problem = "a number or a date cannot be read; put text that looks like one in quotes"
    # Raised here and not above: an exception raised in a handler carries the one with the snippet along.
    raise place.error(f"is not valid YAML: {problem}")


def _without_snippet(error: yaml.YAMLError) -> str:
    """Line, column and kind of a YAML error."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = str(getattr(error, "problem", None) or getattr(error, "context", None) or "cannot be read")

    def hide(match: re.Match[str]) -> str:
        punctuation = len(match[2]) <= 2 and not any(character.isalnum() for character in match[2])
        return match[0] if punctuation else "(not shown)"

    return where + _QUOTED.sub(hide, problem.splitlines()[0])


class _Size:
    """Nodes and characters of a subtree, aliases expanded."""

    def __init__(self, anchor: str | None = None, characters: int = 0) -> None:
        self.anchor = anchor
        self.nodes = 1
        self.characters = characters

    def add(self, other: _Size) -> None:
        self.nodes += other.nodes
        self.characters += other.characters


def _check_bounds(text: str, place: Place) -> None:
    """Refuses a second document and what is too deep or too large, before anything recursive sees it."""
    documents = 0
    anchors: dict[str | None, _Size] = {}
    stack = [_Size()]
    event: Any
    for event in yaml.parse(text, Loader=LOADER):
        line = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise place.error(f"{line}: a second YAML document starts; put everything into one")
        elif isinstance(event, yaml.CollectionStartEvent):
            anchors.pop(event.anchor, None)  # inside the node its own name means nothing yet
            stack.append(_Size(event.anchor))
            if len(stack) > MAX_DEPTH:
                raise place.error(f"{line}: nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionEndEvent):
            done = _finished(event, stack, anchors)
            if done is None:
                raise place.error(f"{line}: an alias that is not defined before it")
            stack[-1].add(done)
            if stack[-1].nodes > MAX_NODES or stack[-1].characters > MAX_CHARACTERS:
                raise place.error(
                    f"{line}: too large: at most {MAX_NODES} values and {MAX_CHARACTERS} characters "
                    "are accepted, counting every alias in full"
                )


def _finished(event: Any, stack: list[_Size], anchors: dict[str | None, _Size]) -> _Size | None:
    """The size of the node that ends with this event; None for an alias that is unknown or inside itself."""
    if isinstance(event, yaml.AliasEvent):
        return anchors.get(event.anchor)
    scalar = isinstance(event, yaml.ScalarEvent)
    done = _Size(event.anchor, len(event.value)) if scalar else stack.pop()
    if done.anchor:
        anchors[done.anchor] = done
    return done


def _merged(loader: Any, root: Any, place: Place, keys: str) -> dict[str, Any]:
    """The values at the top. A repeated key (k0smotron appends custom user data after a second
    `#cloud-config`, into the same document): lists are joined in order, equal values are one, all else is
    refused."""
    if not isinstance(root, yaml.MappingNode):
        found = {yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value"}.get(type(root), "empty")
        if root is not None and root.tag == f"{_TAG}null":
            found = "empty"
        raise place.error(f"must be a mapping with {keys}, but is {found}")
    for _, value in root.value:
        _refuse_duplicates(value, place)
    merged: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in root.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if key_node.tag not in (f"{_TAG}str", f"{_TAG}merge") or (key_name(key) != key and key != "<<"):
            raise place.error(f"line {line}: the key is not a plain name")
        value = loader.construct_document(value_node)
        if key not in merged or merged[key] is None:
            merged[key], lines[key] = value, line
        elif isinstance(merged[key], list) and isinstance(value, list):
            merged[key] = merged[key] + value
        elif value is not None and value != merged[key]:
            raise place.key(key).error(
                f"is given twice, on lines {lines[key]} and {line}, and only lists can be joined; keep one"
            )
    return merged


def _refuse_duplicates(top: Any, place: Place) -> None:
    """Refuses a mapping in which a key stands twice: a plain loader would silently keep the last."""
    seen_nodes: set[int] = set()
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if id(node) in seen_nodes or isinstance(node, yaml.ScalarNode):
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
            continue
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            waiting.append(value)
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if (first := lines.get((key.tag, key.value))) is not None:
                    name = key_name(key.value)
                    raise place.error(f"line {line}: the key {name} already stands on line {first}")
                lines[key.tag, key.value] = line
