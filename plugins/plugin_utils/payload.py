"""The text that goes to a host in one round trip, and the report that comes back. Pure: no Ansible, no I/O.

A payload is data, never shell: settings as `name value` lines, one line a step, long contents in base64.
Fields hold only letters, digits and `._/:@+,=-`; every other byte is an octal escape, undone by the host's `printf %b`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils.claims import Claimant, claimant
from ansible_collections.capra.machine.plugins.plugin_utils.diff import LIMIT as DIFF_LIMIT
from ansible_collections.capra.machine.plugins.plugin_utils.facts import HostFacts, host_facts
from ansible_collections.capra.machine.plugins.plugin_utils.frame import framed
from ansible_collections.capra.machine.plugins.plugin_utils.parts import (
    SCRIPT_MODES,
    Part,
    decode_bytes,
    encode,
    encode_bytes,
)

MARKER = "CAPRA_PAYLOAD"
LINE = 76
IN_THE_STEP = 3000
"""Characters up to which content stands in its step's line: the host's shell needs no process to write it. Shells read
lines by the byte, so that more would take longer than the processes."""

HALF_A_LINE = "(half)"
"""The end of a line of the journal that a full disk or a loss of power has cut short; see records.sh."""

JOURNAL = frozenset(
    {"begin", "start", "end", "cut", "finished", "kept", "changed", "again", "full", "anew", "sentinel"}
)


@dataclass(frozen=True)
class Report:
    """What a host said. begun, complete: its first and last line were seen. running: its program runs. forgotten: the
    run's journal has been removed. removed: so it has, by a step. already: the run had finished before. since: only
    what programs with newer locks have done is this session's. ended: a cancel has ended it. boot: the mark of the
    host's present boot. place: the directory there with what the run has left, empty where it was not told. busy:
    the id of another run that holds the host. claimed: another machine that uses it. host: what the host says of
    itself. journal: its lines, in words. outputs, before: bytes by step number. would: what a check run found,
    likewise."""

    begun: bool = False
    running: bool = False
    forgotten: bool = False
    removed: bool = False
    already: bool = False
    since: str = ""
    ended: bool = False
    boot: str = ""
    place: str = ""
    busy: str = ""
    claimed: Claimant | None = None
    error: str = ""
    complete: bool = False
    host: HostFacts = field(default_factory=HostFacts)
    journal: tuple[tuple[str, ...], ...] = ()
    outputs: Mapping[int, bytes] = field(default_factory=dict)
    before: Mapping[int, bytes] = field(default_factory=dict)
    would: Mapping[int, str] = field(default_factory=dict)


def _lines(content: bytes) -> list[str]:
    text = base64.b64encode(content).decode()
    return [text[start : start + LINE] for start in range(0, len(text), LINE)]


REPORTED = 3 * 2**18
"""Bytes of all outputs, and again of all earlier contents, that a report brings back, beside the end of the journal
(JOURNAL_TOLD in launch.sh): a session passes on 4 MiB."""


def limits(output_bytes: int, steps: int, *, diff: bool) -> dict[str, int]:
    """Settings of a payload, all in bytes: what is told of the output of the newest step (tail) and of each other one
    (share), and of what stood in a file before (diff; 0 for nothing)."""
    share = REPORTED // max(1, steps)
    return {
        "tail": min(output_bytes, REPORTED),
        "share": min(output_bytes, share),
        "diff": min(DIFF_LIMIT, share) if diff else 0,
    }


@dataclass(frozen=True)
class Payload:
    """What a session is given. text: settings as `name value` lines, an empty line, long contents in base64. steps: one
    line each."""

    text: str
    steps: str = ""


def build(
    settings: Mapping[str, object], parts: Iterable[Part] = (), program: str = "", contents: bool = True
) -> Payload:
    """settings: see launch.sh's read_settings. program: the detached half, which goes beside the payload. contents:
    False for a check run, which needs only digests, and scripts that know --check: it never sends a secret."""
    body: list[str] = []
    steps: list[str] = []
    places: dict[bytes, str] = {}  # steps may share a program
    for number, part in enumerate(parts):
        content = part.content if contents or part.mode in SCRIPT_MODES else b""
        if contents and 0 < len(content) <= IN_THE_STEP and len(encoded := encode_bytes(content)) <= IN_THE_STEP:
            place = f"= {encoded}"
        elif content in places:
            place = places[content]
        else:
            lines = _lines(content)
            place = places[content] = f"{1 + len(body)} {len(lines)}"  # as tail(1) counts
            body += lines
        rest = part.rest or " ".join(encode(path) for path in part.made)
        words = [number, part.kind, place, part.mode, part.owner, part.digest, part.key, rest]
        steps.append(" ".join(["step", *map(str, words)]).rstrip())
    listed = "".join(f"{step}\n" for step in steps)
    long = "".join(f"{line}\n" for line in body)
    digest = hashlib.sha256(f"STEPS={_quoted(listed)}\n{program}".encode()).hexdigest()
    head = {**settings, "whole": f"{len(long)} {digest}"}
    return Payload("".join(f"{name} {value}\n" for name, value in head.items()) + f"\n{long}", listed)


def _quoted(text: str) -> str:
    """The text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


AT_ONCE = 'case ${BASH_VERSION-} in ?*) eval "$(PATH=${PATH-}:/usr/bin:/bin; cat)" ;; esac'
"""bash reads commands that come through a pipe by the byte, which takes 37 ms for these; so it reads them at once.
What a login script has made of PATH does not count."""


def call(session: str, payload: Payload, program: str = "") -> bytes:
    """What goes to `/bin/sh -s` on the host: the session's half; the detached half and the steps, as texts that no
    other process of the host gets (`unset`, since a login script may have exported a variable of that name); and the
    rest as a here-document to `launch`."""
    texts = f"unset PROGRAM STEPS\nPROGRAM={_quoted(program)}\nSTEPS={_quoted(payload.steps)}"
    return f"{AT_ONCE}\n{session}\n{texts}\nlaunch <<'{MARKER}'\n{payload.text}{MARKER}\n".encode()


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
            case [("already" | "ended" | "forgotten" | "removed") as name, _]:
                values[name] = True
            case ["since", value] if value.isdecimal():
                values["since"] = value
            case [("boot" | "busy") as name, value]:
                values[name] = value
            case [("host" | "claimed") as name, *told]:
                values[name] = host_facts(told) if name == "host" else claimant(told)
            case [("place" | "error") as name, *message]:
                values[name] = " ".join(message)
            case ["would", number, *what] if number.isdecimal():
                values["would"][int(number)] = " ".join(what)
            case ["said", number, few] if number.isdecimal():
                values["outputs"][int(number)] = decode_bytes(few)
            case [("output" | "before") as name, number] if number.isdecimal():
                content, index = _base64_block(lines, index)
                values["outputs" if name == "output" else name][int(number)] = content
            case [name, _, _, *_] if name in JOURNAL and _usable(words):
                values["journal"].append(tuple(words))
    values["journal"] = tuple(values["journal"])
    return Report(**values)
