"""From what a runner saw of a hook to how it ended. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from capra.engine.outcome import FAILED_EVENTS, SESSION_REASONS, counts_failure, judge_failure, new_outcome
from capra.model.run import Outcome, OutcomeKind, RunRequest, RunResult, TaskEvent

CAUSE_LENGTH = 300
MESSAGE_LENGTH = 1000
"""How many of the last characters of a task are told."""

TASK_LENGTH = 200

_SUDO = re.compile(r"^(Missing|Incorrect) \S+ password|privilege escalation prompt", re.IGNORECASE)
_NO_PYTHON = re.compile(
    r"No python interpreters found|python\S*: (command )?not found|python\S*['\u2019]?: No such file or directory"
    r"|The module interpreter \S+ was not found|need to set the interpreter",
    re.IGNORECASE,
)
_BEFORE = frozenset({*SESSION_REASONS, "ssh_config"})
"""Reasons why no session came about, which Capra's own actions and the runner give."""

_OF_SSH = re.compile(
    r"^(?:(?:Shared c|C)onnection to \S+ closed\.|Warning: Permanently added .* to the list of known hosts\.)\r?$",
    re.MULTILINE,
)
_REFUSED = re.compile(r"^(?:ERROR!|\[ERROR\]:)", re.MULTILINE)
"""How Ansible's refusals of a playbook begin."""


def judge_hook(request: RunRequest, result: RunResult) -> Outcome:
    """The outcome of a user's playbook. A host that is out of reach, or refuses us, is told as in any run."""
    if result.ended == "timeout":
        return _outcome(request, result, OutcomeKind.TIMED_OUT, f"the run was ended after {request.timeout:.0f} s")
    if result.ended == "cancelled":
        return _outcome(request, result, OutcomeKind.CANCELLED, "the run was cancelled")
    failed = next((event for event in reversed(result.events) if event.name in FAILED_EVENTS), None)
    # A failure that the recap does not count was rescued or ignored by the playbook.
    if failed is not None and (result.stats is None or counts_failure(result.stats)):
        return _failed(request, result, failed)
    if result.stats is None:
        return _not_begun(request, result)
    if counts_failure(result.stats):
        return _outcome(
            request, result, OutcomeKind.LOST, f"it ended with the recap {dict(result.stats)} and no result"
        )
    if not any(result.stats.values()):
        message = "no task of it ran: the machine is the only host of `hosts: all`"
        return _outcome(request, result, OutcomeKind.HOOK_FAILED, message)
    done = f"tasks: {result.stats.get('ok', 0)} ok, {result.stats.get('changed', 0)} changed"
    changed = bool(result.stats.get("changed", 0))
    return replace(_outcome(request, result, OutcomeKind.FINISHED, done), changed=changed)


def _outcome(request: RunRequest, result: RunResult, kind: OutcomeKind, message: str) -> Outcome:
    return new_outcome(result, kind, f"hook {request.hook}: {message}", {})


def _not_begun(request: RunRequest, result: RunResult) -> Outcome:
    """Without a recap. Ansible says at once what it refuses to run; anything else may be a dead process."""
    if found := _REFUSED.search(result.output):
        said = result.output[found.start() :].strip()
        return _outcome(request, result, OutcomeKind.HOOK_FAILED, f"Ansible refuses the playbook: {_end_of(said)}")
    tail = f": {result.output}" if result.output else ""
    return _outcome(request, result, OutcomeKind.LOST, f"the run ended without Ansible's recap{tail}")


def _failed(request: RunRequest, result: RunResult, failed: TaskEvent) -> Outcome:
    message = _message(failed.result)
    refused = bool(_SUDO.search(str(failed.result.get("msg", "")))) and "rc" not in failed.result
    if failed.name == "runner_on_unreachable" or refused or failed.result.get("reason") in _BEFORE:
        outcome = judge_failure(request, result, failed)
        return replace(outcome, message=f"hook {request.hook}: {outcome.message}")
    if _NO_PYTHON.search(message):
        message = (
            "its module needs Python on the host, and there is none. Install it in a task before, with"
            " ansible.builtin.raw and `gather_facts: false`"
        )
    told = f"task {failed.task[:TASK_LENGTH]!r} failed on {request.key.name}: {_cause_first(message)}"
    return _outcome(request, result, OutcomeKind.HOOK_FAILED, told)


def _cause_first(message: str) -> str:
    """What Ansible says of any failure (`non-zero return code`) gives no cause: the program's last words follow it, in
    the one line that most places have room for."""
    first, *others = [line for line in message.splitlines() if line.strip()]
    if not others:
        return message
    return "\n".join([f"{first}: {others[-1].strip()[:CAUSE_LENGTH]}", *(others if len(others) > 1 else ())])


def _message(result: Mapping[str, Any]) -> str:
    """What the task says. For a loop, or the gathering of facts, what the first failed part says."""
    result = next(_inner_failures(result), result)
    parts = [str(result[name]) for name in ("msg", "module_stderr", "module_stdout", "stderr") if result.get(name)]
    if "rc" in result and result.get("stdout"):  # on raw's terminal, it has both streams
        parts.append(str(result["stdout"]))
    parts = [_OF_SSH.sub("", part).strip() for part in parts]
    return _end_of("\n".join(dict.fromkeys(filter(None, parts)))) or "it says nothing"


def _inner_failures(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    items, modules = result.get("results"), result.get("failed_modules")
    inner = [*(items if isinstance(items, list) else ()), *(modules.values() if isinstance(modules, Mapping) else ())]
    yield from (item for item in inner if isinstance(item, Mapping) and item.get("failed"))


def _end_of(text: str) -> str:
    return text if len(text) <= MESSAGE_LENGTH else f"…{text[-MESSAGE_LENGTH:]}"
