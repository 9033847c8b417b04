"""The text that goes to a host in one round trip, and the report that comes back. Pure: no Ansible, no I/O.

A payload is data, never shell: settings as `name value` lines, then one line a step, then contents in base64. Fields
hold only letters, digits and `._/:@+,=-`; every other byte is an octal escape that the host's `printf %b` undoes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils.claims import Claimant, claimant
from ansible_collections.capra.machine.plugins.plugin_utils.facts import HostFacts, host_facts
from ansible_collections.capra.machine.plugins.plugin_utils.frame import framed

MARKER = "CAPRA_PAYLOAD"
MODE = re.compile(r"[0-7]{3,4}")
PLAIN = frozenset((string.ascii_letters + string.digits + "._/:@+,=-").encode())
LINE = 76
HALF_A_LINE = "(half)"
"""The end of a line of the journal that a full disk or a loss of power has cut short; see records.sh."""

STEP_KINDS = ("write", "append", "command", "script", "sentinel", "forget")


class PayloadError(ValueError):
    """A step that cannot be sent: names it, and what would be right."""


@dataclass(frozen=True)
class Part:
    """One step, ready to be laid out: `fields` are encoded already."""

    kind: str
    content: bytes = b""
    mode: str = "-"
    owner: str = "-"
    rest: str = ""


@dataclass(frozen=True)
class Report:
    """What a host said. begun, complete: its first and last line were seen. running: its program runs. already: the
    run had finished before. ended: a cancel has ended it. boot: the mark of the host's present boot. busy: the id of
    another run that holds the host. claimed: another machine that uses it. host: what the host says of itself.
    journal: its lines, in words. outputs, before: bytes by step number. would: what a check run found, likewise."""

    begun: bool = False
    running: bool = False
    already: bool = False
    ended: bool = False
    boot: str = ""
    busy: str = ""
    claimed: Claimant | None = None
    error: str = ""
    complete: bool = False
    host: HostFacts = field(default_factory=HostFacts)
    journal: tuple[tuple[str, ...], ...] = ()
    outputs: Mapping[int, bytes] = field(default_factory=dict)
    before: Mapping[int, bytes] = field(default_factory=dict)
    would: Mapping[int, str] = field(default_factory=dict)


def encode(value: str) -> str:
    """A string as a field: every byte outside the plain alphabet as an octal escape."""
    raw = value.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in PLAIN else f"\\0{byte:03o}" for byte in raw)


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


def to_part(step: Mapping[str, Any], number: int) -> Part:
    """One item of the action's `steps` as a Part. number: its index, for messages. Raises PayloadError."""
    kind = step.get("kind")
    if kind in ("write", "append"):
        owner = encode(_text(step, "owner", number)) or "-"
        return Part(kind, _content(step, number), _mode(step, number), owner, _path(step, number))
    if kind == "command":
        return Part(kind, _text(step, "command", number).encode("utf-8", "surrogateescape"))
    if kind == "script":
        content = _text(step, "content", number).encode("utf-8", "surrogateescape")
        mode = "check" if _flag(step, "check") else "-"
        return Part(kind, content, mode, rest=_arguments(step, number))
    if kind == "sentinel":
        return Part(kind, rest=_path(step, number))
    if kind == "forget":
        rest = _path(step, number) if step.get("path") else "-"
        services = _text(step, "services", number) or "files"
        if services not in ("files", "all"):
            raise PayloadError(f"steps[{number}].services is {services!r}, not files or all")
        owner = "all" if services == "all" else "-"
        return Part(kind, mode="1" if _flag(step, "keep_files") else "0", owner=owner, rest=rest)
    raise PayloadError(f"steps[{number}].kind is {kind!r}, not one of {', '.join(STEP_KINDS)}")


def derive_run_id(kind: str, steps: Sequence[Mapping[str, Any]], uid: str = "") -> str:
    """A run's id from what it does and for whom: the same steps for the same UID are the same run."""
    text = json.dumps([uid, kind, [dict(step) for step in steps]], sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _lines(content: bytes) -> list[str]:
    text = base64.b64encode(content).decode()
    return [text[start : start + LINE] for start in range(0, len(text), LINE)]


def build(settings: Mapping[str, object], parts: Iterable[Part] = (), program: str = "", contents: bool = True) -> str:
    """The payload. settings: see launch.sh's read_settings. program: the detached half. contents: False for a check
    run, which needs only digests, and scripts that know --check: it never sends a secret."""
    parts = tuple(parts)
    body: list[str] = []
    first = len(parts) + 2  # the step lines, the empty line behind them, and tail(1) counts from 1
    steps: list[str] = []
    for number, part in enumerate(parts):
        lines = _lines(part.content) if contents or part.mode == "check" else []
        digest = hashlib.sha256(part.content).hexdigest()
        place = f"{first + len(body)} {len(lines)}"
        steps.append(f"step {number} {part.kind} {place} {part.mode} {part.owner} {digest} {part.rest}".rstrip())
        body += lines
    lines = _lines(program.encode())
    digest = hashlib.sha256(program.encode()).hexdigest()
    head = {**settings, "program": f"{first + len(body)} {len(lines)} {digest}"}
    body += lines
    return "\n".join([*(f"{name} {value}" for name, value in head.items()), "", *steps, "", *body, ""])


def call(session: str, payload: str) -> bytes:
    """What goes to `/bin/sh -s` on the host: the session's half, and the payload as a here-document to it."""
    return f"{session}\nlaunch <<'{MARKER}'\n{payload}{MARKER}\n".encode()


def _base64_block(lines: list[str], start: int) -> tuple[bytes, int]:
    end = start
    while end < len(lines) and lines[end] != ".":
        end += 1
    try:
        return base64.b64decode("".join(lines[start:end])), end + 1
    except ValueError:
        return b"(this part of the report was cut short)", end + 1


def _usable(words: Sequence[str]) -> bool:
    """Of the end of a step that is half a line, the status is enough."""
    return words[0] == "end" or not words[-1].endswith(HALF_A_LINE)


def parse_report(text: str) -> Report:
    """What the host printed. Lines before `capra begin` (a chatty login shell) are passed over; a report without
    `capra end` is not complete, and what it says is taken as far as it goes."""
    said = framed(text)
    if said is None:
        return Report()
    lines, complete = said
    values: dict[str, Any] = {"begun": True, "complete": complete, "journal": []}
    values |= {"outputs": {}, "before": {}, "would": {}}
    index = 0
    while index < len(lines):
        words = lines[index].split(" ")
        index += 1
        match words:
            case ["state", state]:
                values["running"] = state == "running"
            case [("already" | "ended") as name, _]:
                values[name] = True
            case [("boot" | "busy") as name, value]:
                values[name] = value
            case [("host" | "claimed") as name, *told]:
                values[name] = host_facts(told) if name == "host" else claimant(told)
            case ["error", *message]:
                values["error"] = " ".join(message)
            case ["would", number, *what] if number.isdecimal():
                values["would"][int(number)] = " ".join(what)
            case ["output", number] if number.isdecimal():
                values["outputs"][int(number)], index = _base64_block(lines, index)
            case ["before", number] if number.isdecimal():
                values["before"][int(number)], index = _base64_block(lines, index)
            case [("begin" | "start" | "end" | "cut" | "finished"), _, _, *_] if _usable(words):
                values["journal"].append(tuple(words))
    values["journal"] = tuple(values["journal"])
    return Report(**values)
