"""The text that goes to a host in one round trip, and the report that comes back. Pure: no Ansible, no I/O.

A payload is data, never shell: settings as `name value` lines, then one line a step, then long contents in base64.
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
from ansible_collections.capra.machine.plugins.plugin_utils.parts import Part, encode, encode_bytes

MARKER = "CAPRA_PAYLOAD"
LINE = 76
IN_THE_STEP = 3000
"""Characters up to which content stands in its step's line: the host's shell needs no process to write it. Shells read
lines by the byte, so that more would take longer than the processes."""

HALF_A_LINE = "(half)"
"""The end of a line of the journal that a full disk or a loss of power has cut short; see records.sh."""

JOURNAL = frozenset({"begin", "start", "end", "cut", "finished", "kept", "changed", "again"})


@dataclass(frozen=True)
class Report:
    """What a host said. begun, complete: its first and last line were seen. running: its program runs. forgotten: the
    run's journal has been removed. already: the run had finished before. since: only what programs with newer locks
    have done is this session's. ended: a cancel has ended it. boot: the mark of the host's present boot. busy: the id
    of another run that holds the host. claimed: another machine that uses it. host: what the host says of itself.
    journal: its lines, in words. outputs, before: bytes by step number. would: what a check run found, likewise."""

    begun: bool = False
    running: bool = False
    forgotten: bool = False
    already: bool = False
    since: str = ""
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


def build(settings: Mapping[str, object], parts: Iterable[Part] = (), program: str = "", contents: bool = True) -> str:
    """The payload. settings: see launch.sh's read_settings. program: the detached half. contents: False for a check
    run, which needs only digests, and scripts that know --check: it never sends a secret."""
    parts = tuple(parts)
    body: list[str] = []
    first = len(parts) + 2  # the step lines, the empty line behind them, and tail(1) counts from 1
    steps: list[str] = []
    for number, part in enumerate(parts):
        content = part.content if contents or part.mode == "check" else b""
        lines = []
        if contents and 0 < len(content) <= IN_THE_STEP and len(encoded := encode_bytes(content)) <= IN_THE_STEP:
            place = f"= {encoded}"
        else:
            lines = _lines(content)
            place = f"{first + len(body)} {len(lines)}"
        rest = part.rest or " ".join(encode(path) for path in part.made)
        words = [number, part.kind, place, part.mode, part.owner, part.digest, part.key, rest]
        steps.append(" ".join(["step", *map(str, words)]).rstrip())
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
            case [("already" | "ended" | "forgotten") as name, _]:
                values[name] = True
            case [("boot" | "busy" | "since") as name, value]:
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
            case [name, _, _, *_] if name in JOURNAL and _usable(words):
                values["journal"].append(tuple(words))
    values["journal"] = tuple(values["journal"])
    return Report(**values)
