"""Steps, made ready to be sent to a host. Pure.

Fields hold only letters, digits and `._/:@+,=-`; every other byte is an octal escape that `printf %b` undoes there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils.effects import effects

MODE = re.compile(r"[0-7]{3,4}")
PLAIN = frozenset((string.ascii_letters + string.digits + "._/:@+,=-").encode())
ENCODED = tuple(chr(byte) if byte in PLAIN else f"\\0{byte:03o}" for byte in range(256))
ESCAPE = re.compile(rb"\\0([0-7]{3})")
SCRIPT_MODES = ("always", "check")
"""What a script may be besides: one that is carried out each time, whatever a journal says; both know --check."""

STEP_KINDS = ("write", "append", "command", "script", "sentinel", "forget", "clear", "verify")
SCOPES = ("all", "network")
"""What is removed of a distribution: all of it, or its network where the script before has found that it was there."""

BINDING = ("all", "running", "nothing")
"""What makes a verification fail: all that is left of a distribution, only what runs, or nothing: it is told."""


class PayloadError(ValueError):
    """A step that cannot be sent: names it, and what would be right."""


@dataclass(frozen=True)
class Part:
    """One step, ready to be laid out: owner and rest are encoded already. made: for a command, all that it makes, where
    that is known."""

    kind: str
    content: bytes = b""
    mode: str = "-"
    owner: str = "-"
    rest: str = ""
    made: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def key(self) -> str:
        """What tells this step from any other: all that it does, in one word."""
        text = json.dumps([self.kind, self.digest, self.mode, self.owner, self.rest])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def encode(value: str) -> str:
    """A string as a field: every byte outside the plain alphabet as an octal escape."""
    return encode_bytes(value.encode("utf-8", "surrogateescape"))


def encode_bytes(raw: bytes) -> str:
    """Bytes as a field."""
    return "".join(map(ENCODED.__getitem__, raw))


def decode_bytes(field: str) -> bytes:
    """The bytes of a field."""
    raw = field.encode("utf-8", "surrogateescape")
    return ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 255]), raw)


def _text(step: Mapping[str, Any], name: str, number: int) -> str:
    value = step.get(name, "")
    if not isinstance(value, str):
        raise PayloadError(f"steps[{number}].{name} is a {type(value).__name__}, not a string")
    return _sendable(value, f"steps[{number}].{name}")


def _sendable(value: str, place: str) -> str:
    if "\0" in value:
        raise PayloadError(f"{place} holds a NUL byte, which no command line and no path can hold")
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PayloadError(f"{place} holds half a surrogate pair, which stands for no bytes") from None
    return value


def _mode(step: Mapping[str, Any], number: int) -> str:
    mode = _text(step, "mode", number)
    if mode and not MODE.fullmatch(mode):
        raise PayloadError(f"steps[{number}].mode is {mode!r}, not three or four octal digits")
    return mode or "-"


def _arguments(step: Mapping[str, Any], number: int) -> str:
    """Empty arguments are left out, so that a template can leave one out."""
    values = [str(value) for value in step.get("arguments", [])]
    places = (f"steps[{number}].arguments[{index}]" for index in range(len(values)))
    return " ".join(encode(_sendable(value, place)) for value, place in zip(values, places, strict=True) if value)


def _flag(step: Mapping[str, Any], name: str) -> bool:
    # Templates of ansible-core before 2.19 make a string of a boolean.
    return str(step.get(name, False)).lower() in ("true", "yes", "on", "1")


def _word(step: Mapping[str, Any], name: str, words: Sequence[str], number: int) -> str:
    """One of the words, the first where the step has none."""
    word = _text(step, name, number) or words[0]
    if word not in words:
        raise PayloadError(f"steps[{number}].{name} is {word!r}, not {' or '.join(words)}")
    return word


def _path(step: Mapping[str, Any], number: int) -> str:
    path = _text(step, "path", number)
    if not path.startswith("/"):
        raise PayloadError(f"steps[{number}].path is {path!r}, not an absolute path")
    return encode(path)


def _content(step: Mapping[str, Any], number: int) -> bytes:
    try:
        return base64.b64decode(_text(step, "content", number), validate=True)
    except ValueError:
        raise PayloadError(f"steps[{number}].content is not base64") from None


def with_script(steps: Sequence[Mapping[str, Any]], script: str, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """The steps, in which those of kind script that have no content of their own have this one. arguments: before their
    own."""
    return [
        {**step, "content": script, "arguments": [*arguments, *step.get("arguments", [])]}
        if step.get("kind") == "script" and "content" not in step
        else dict(step)
        for step in steps
    ]


def to_part(step: Mapping[str, Any], number: int) -> Part:
    """One item of the action's `steps` as a Part. number: its index, for messages. Raises PayloadError."""
    kind = step.get("kind")
    if kind in ("write", "append"):
        owner = encode(_text(step, "owner", number)) or "-"
        return Part(kind, _content(step, number), _mode(step, number), owner, _path(step, number))
    if kind == "command":
        text = _text(step, "command", number)
        return Part(kind, text.encode("utf-8", "surrogateescape"), made=effects(text))
    if kind == "script":
        content = _text(step, "content", number).encode("utf-8", "surrogateescape")
        mode = next((flag for flag in SCRIPT_MODES if _flag(step, flag)), "-")
        return Part(kind, content, mode, rest=_arguments(step, number))
    if kind == "sentinel":
        return Part(kind, rest=_path(step, number))
    if kind == "forget":
        rest = _path(step, number) if step.get("path") else "-"
        owner = "all" if _word(step, "services", ("files", "all"), number) == "all" else "-"
        return Part(kind, mode="1" if _flag(step, "keep_files") else "0", owner=owner, rest=rest)
    if kind == "clear":
        return Part(kind, mode=_word(step, "scope", SCOPES, number))
    if kind == "verify":
        return Part(kind, mode=_word(step, "binding", BINDING, number))
    raise PayloadError(f"steps[{number}].kind is {kind!r}, not one of {', '.join(STEP_KINDS)}")


def derive_run_id(kind: str, steps: Sequence[Mapping[str, Any]], uid: str = "") -> str:
    """A run's id from what it does and for whom: the same steps for the same UID are the same run."""
    text = json.dumps([uid, kind, [dict(step) for step in steps]], sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def plan(kind: str, uid: str, flags: Iterable[str], parts: Iterable[Part], sentinel: str = "") -> str:
    """The value of the setting `plan`: what the list of steps is, for the ends in earlier journals to be held against.
    flags: see ends.sh's set_plan. sentinel: absolute path of the file that proves the run; empty for none."""
    content = hashlib.sha256("".join(part.key for part in parts).encode()).hexdigest()[:32]
    return " ".join([encode(kind) or "-", encode(uid) or "-", ",".join(flags) or "-", content, encode(sentinel) or "-"])
