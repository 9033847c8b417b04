"""What every YAML text is held to before it becomes values, and what an error may say of it.

Nothing recursive sees a text before its depth, and its size with every alias counted in full, are known. Errors give
line and kind of a problem, but never a snippet: what stands around a mistake may be a token.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from capra.bootstrap.reading.location import key_name
from capra.errors import InputError

Failure = Callable[[str], InputError]
"""Makes the error for a problem."""

TAG = "tag:yaml.org,2002:"
"""What YAML's own tags begin with."""

_REMEDIES = (
    ("that cannot start any token", "; a tab? YAML is indented with blanks, and text with such a character is quoted"),
    ("mapping values are not allowed", "; see the indent, or put text with a colon in quotes"),
    ("did not find expected key", "; see whether the indent is that of the lines before"),
    ("expected <block end>", "; see whether the indent is that of the lines before"),
)
"""What libyaml and PyYAML say of the usual mistakes, and what they come of."""

_QUOTED = re.compile(r"""(['"])(.*?)\1""")


@dataclass(frozen=True)
class Limits:
    """Of one document: values (scalars and collections), characters of all scalars, levels of nesting; and the number
    of documents, 0 for any. Aliases are counted in full."""

    values: int
    characters: int
    depth: int = 64
    documents: int = 0


def without_snippet(error: yaml.YAMLError) -> str:
    """Line, column and kind of a YAML error; quoted parts that may be content are left out."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = str(getattr(error, "problem", None) or getattr(error, "context", None) or "cannot be read")

    def hide(match: re.Match[str]) -> str:
        punctuation = len(match[2]) <= 2 and not any(character.isalnum() for character in match[2])
        return match[0] if punctuation else "(not shown)"

    first = problem.splitlines()[0]
    remedies = (remedy for words, remedy in _REMEDIES if words in first)
    return where + _QUOTED.sub(hide, first) + next(remedies, "")


class _Size:
    """Nodes and characters of a subtree, aliases expanded."""

    def __init__(self, anchor: str | None = None, characters: int = 0) -> None:
        self.anchor = anchor
        self.nodes = 1
        self.characters = characters

    def add(self, other: _Size) -> None:
        self.nodes += other.nodes
        self.characters += other.characters


def check_limits(text: str, loader: Any, limits: Limits, failure: Failure) -> None:
    """Refuses what is too deep, too large, or one document too many. loader: PyYAML's class. Raises what failure makes,
    and yaml.YAMLError."""
    documents = 0
    anchors: dict[str | None, _Size] = {}
    stack = [_Size()]
    event: Any
    for event in yaml.parse(text, Loader=loader):
        line = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            anchors, stack = {}, [_Size()]
            if documents > limits.documents > 0:
                raise failure(f"{line}: a second YAML document starts; put everything into one")
        elif isinstance(event, yaml.CollectionStartEvent):
            anchors.pop(event.anchor, None)  # inside the node its own name means nothing yet
            stack.append(_Size(event.anchor))
            if len(stack) > limits.depth:
                raise failure(f"{line}: nested deeper than {limits.depth} levels")
        elif isinstance(event, yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionEndEvent):
            done = _finished(event, stack, anchors)
            if done is None:
                problem = "an alias that is not defined before it"
                mark: Any = event.start_mark
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
            stack[-1].add(done)
            if stack[-1].nodes > limits.values or stack[-1].characters > limits.characters:
                raise failure(
                    f"{line}: too large: at most {limits.values} values and {limits.characters} characters "
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


def refuse_repeated_keys(top: Any, failure: Failure, *, text_keys: bool = False) -> None:
    """Refuses a mapping in which a key stands twice: a plain loader would silently keep the last. top: a node, within
    limits. text_keys: every key counts as text, as in JSON, and one that is none is refused."""
    seen: set[int] = set()
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
            continue
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            waiting.append(value)
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                known = "" if text_keys else key.tag, key.value
                if (first := lines.get(known)) is not None:
                    raise failure(f"line {line}: the key {key_name(key.value)} already stands on line {first}")
                lines[known] = line
            elif text_keys:
                raise failure(f"line {line}: a key must be plain text")


def guard_scalars(loader: Any) -> None:
    """Let a class of loaders raise ValueError for each value that its tag does not fit. PyYAML raises IndexError for
    `!!int ""`, KeyError for `!!bool x`, which would show the text, and AttributeError for `!!timestamp x`."""
    for tag in ("int", "float", "bool", "timestamp"):
        loader.add_constructor(f"{TAG}{tag}", _guarded(loader.yaml_constructors[f"{TAG}{tag}"]))


def _guarded(construct: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def constructed(loader: Any, node: Any) -> Any:
        try:
            return construct(loader, node)
        except (LookupError, AttributeError):
            pass
        raise ValueError("a value does not fit its tag")

    return constructed
