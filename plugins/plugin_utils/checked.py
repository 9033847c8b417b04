"""What a check run says: what each step would do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils import payload

UNCHANGED = ("done", "same", "refuse")
"""What a step would do that changes nothing."""

_NOTHING = re.compile(r"[a-z]+: nothing to do( \(.*\))?")
"""A line of a script that knows --check, or of what would be removed of a distribution."""


def outcome(steps: Sequence[Mapping[str, Any]], report: payload.Report) -> dict[str, Any]:
    """The result of a check run: changed, steps (number, title, kind, would, output) and msg."""
    told = [_step(number, step, report) for number, step in enumerate(steps)]
    changes = [step for step in told if step["would"] not in UNCHANGED]
    refused = [step for step in told if step["would"] == "refuse"]
    message = (
        f"{len(changes)} of {len(told)} steps would run"
        + (f", but another run holds the host: {report.busy}" if report.busy else "")
        + (f", but the host is used by {report.claimed}" if report.claimed else "")
        + "".join(f", but step {step['number'] + 1} would fail: {step['output'].rstrip()}" for step in refused)
    )
    return {"changed": bool(changes), "steps": told, "msg": message}


def _step(number: int, step: Mapping[str, Any], report: payload.Report) -> dict[str, Any]:
    output = report.outputs.get(number, b"").decode("utf-8", "replace")
    would = report.would.get(number, "run")
    if step["kind"] in ("script", "clear") and _says_nothing(output):
        would = "same"
    return {
        "number": number,
        "title": step.get("title") or step["kind"],
        "kind": step["kind"],
        "would": would,
        "output": output,
    }


def _says_nothing(output: str) -> bool:
    """A script was asked, and every line beside what it has found says that there is nothing to do."""
    lines = [line for line in output.splitlines() if not line.startswith("found: ")]
    return bool(lines) and all(_NOTHING.fullmatch(line) for line in lines)
