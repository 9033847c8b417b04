"""From what a runner saw to how the run ended. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from capra.engine.causes.bastions import blamed
from capra.engine.causes.sessions import (
    BECOME_REFUSED,
    HOST_KEY,
    SENT_FINGERPRINT,
    WRONG_CREDENTIALS,
    remedy_of_become,
    remedy_of_key,
    remedy_of_login,
    remedy_of_unreachable,
)
from capra.engine.causes.steps import remedy_of_step
from capra.engine.told.claimed import sentence
from capra.errors import renamed
from capra.model.host_port import join_host_port, shell_word
from capra.model.keys.host_key import fingerprint
from capra.model.keys.ssh_key import public_fingerprint
from capra.model.run import HostFacts, Outcome, OutcomeKind, RunRequest, RunResult, StepReport, TaskEvent

FAILED_EVENTS = frozenset({"runner_on_failed", "runner_on_unreachable"})
STEP_REASONS = {
    "step_failed": OutcomeKind.STEP_FAILED,
    "not_clean": OutcomeKind.HOST_NOT_CLEAN,
    "reboots": OutcomeKind.STEP_FAILED,
    "cut_off": OutcomeKind.CUT_OFF,
    "timeout": OutcomeKind.TIMED_OUT,
    "cancelled": OutcomeKind.CANCELLED,
    "busy": OutcomeKind.HOST_BUSY,
    "claimed": OutcomeKind.HOST_CLAIMED,
    "host_error": OutcomeKind.STEP_FAILED,
    "no_report": OutcomeKind.LOST,
    "ssh_config": OutcomeKind.INVALID,
}
"""`reason` of the action capra.machine.steps, or of the runner, to the kind of outcome."""


def judge(request: RunRequest, result: RunResult) -> Outcome:
    """The outcome of a run. Success needs Ansible's recap: a run without one is lost, whatever else it said."""
    outcome = _judge(request, result)
    return replace(outcome, message=renamed(outcome.message, request.field_names))


def _judge(request: RunRequest, result: RunResult) -> Outcome:
    if result.ended == "timeout":
        return new_outcome(result, OutcomeKind.TIMED_OUT, f"the run was ended after {request.timeout:.0f} s")
    if result.ended == "cancelled":
        return new_outcome(result, OutcomeKind.CANCELLED, "the run was cancelled")
    failed = next((event for event in reversed(result.events) if event.name in FAILED_EVENTS), None)
    # A failure that the recap does not count was rescued or ignored by the playbook.
    if failed is not None and (result.stats is None or counts_failure(result.stats)):
        return judge_failure(request, result, failed)
    if result.stats is None:
        tail = f": {result.output}" if result.output else ""
        return new_outcome(result, OutcomeKind.LOST, f"the run ended without Ansible's recap{tail}")
    if result.stats.get("ok", 0) == 0 or counts_failure(result.stats):
        return new_outcome(result, OutcomeKind.LOST, f"the run ended with the recap {dict(result.stats)} and no result")
    return _finished(request, result)


def counts_failure(stats: Mapping[str, int]) -> bool:
    """The recap has a task that failed, or a host that was not reached."""
    return bool(stats.get("failures", 0) or stats.get("dark", 0))


def new_outcome(
    result: RunResult, kind: OutcomeKind, message: str, details: Mapping[str, Any] | None = None
) -> Outcome:
    """An outcome of this kind. details: by default, of the last task that reported steps or findings."""
    details = details if details is not None else _details(result.events)
    return Outcome(
        kind,
        message,
        changed=bool(details.get("changed")),
        steps=_steps(details.get("steps")),
        host_keys=result.host_keys,
        bastion_keys=result.bastion_keys,
        details=details,
        host=_host(details.get("host")),
        sent=result.sent,
    )


def _host(values: Any) -> HostFacts:
    if not isinstance(values, Mapping):
        return HostFacts()
    return HostFacts(str(values.get("hostname", "")), tuple(str(one) for one in values.get("addresses", ())))


def _details(events: Iterable[TaskEvent]) -> Mapping[str, Any]:
    """The result of the last task that said something about steps or findings."""
    telling = [event.result for event in events if "steps" in event.result or "findings" in event.result]
    return telling[-1] if telling else {}


def _steps(values: Any) -> tuple[StepReport, ...]:
    if not isinstance(values, list):
        return ()
    return tuple(
        StepReport(
            number=int(value["number"]),
            title=str(value["title"]),
            state=str(value.get("would") or value.get("state", "pending")),
            rc=int(value.get("rc", -1)),
            seconds=float(value.get("seconds", 0.0)),
            output=str(value.get("output", "")),
            cuts=tuple(str(cut) for cut in value.get("cuts", ())),
        )
        for value in values
    )


def _finished(request: RunRequest, result: RunResult) -> Outcome:
    details = _details(result.events)
    message = "; ".join([str(details.get("msg", "finished")), *request.notes])
    warned = details.get("warned")
    warnings = [str(one) for one in warned] if isinstance(warned, list) else []
    outcome = new_outcome(result, OutcomeKind.FINISHED, message, details)
    return replace(outcome, warnings=(*warnings, *request.notes))


def judge_failure(request: RunRequest, result: RunResult, failed: TaskEvent) -> Outcome:
    """The outcome of a run whose deciding event is this failure."""
    message = _message(failed.result)
    reason = str(failed.result.get("reason", ""))
    claimed = failed.result.get("claimed")
    if reason == "claimed" and isinstance(claimed, Mapping):
        message = sentence(claimed, request.key.namespace, one_owner=request.one_owner)
    if reason in STEP_REASONS:
        # A step's own output may hold any words: it is never searched for what only SSH or sudo say.
        return new_outcome(result, STEP_REASONS[reason], _with_remedy(request, failed.result, message), failed.result)
    if "argument_errors" in failed.result:
        problems = "; ".join(str(error) for error in failed.result["argument_errors"])
        return new_outcome(result, OutcomeKind.INVALID, problems, {})
    not_reached = reason in {"unreachable", "lost"} or (not reason and failed.name == "runner_on_unreachable")
    if not_reached and (blame := blamed(request, result.bastions_said)):
        return new_outcome(result, blame.kind, blame.message, {"reached": True} if reason == "lost" else {})
    if reason in SESSION_REASONS:
        return SESSION_REASONS[reason](request, result, message)
    for pattern, judge_message in _PATTERNS:
        if pattern.search(message):
            return judge_message(request, result, _last_line(message) if pattern is not HOST_KEY else message)
    if failed.name == "runner_on_unreachable":
        return _unreachable(request, result, _last_line(message))
    return new_outcome(result, OutcomeKind.INVALID, message or f"task {failed.task!r} failed without a message", {})


def _with_remedy(request: RunRequest, failed: Mapping[str, Any], message: str) -> str:
    """The message, with the usual remedy in its first line."""
    step = failed.get("step")
    if "cause" not in failed or not isinstance(step, Mapping):
        return message
    cause, rc, field = str(failed["cause"]), int(step.get("rc", -1)), f"{request.field}.useSudo"
    remedy = remedy_of_step(cause, rc, request.connection, field)
    line, newline, tail = message.partition("\n")
    return _and(line, remedy) + newline + tail


def _and(message: str, remedy: str) -> str:
    return f"{message.rstrip('.')}; {remedy}" if remedy else message


def _place(request: RunRequest) -> str:
    return join_host_port(request.connection.address, request.connection.port)


def _message(result: Mapping[str, Any]) -> str:
    said = (str(result[name]).strip() for name in ("msg", "stderr", "module_stderr") if result.get(name))
    return "\n".join(dict.fromkeys(said))


def _last_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    # Ansible's own words stand before what ssh said.
    return lines[-1].rpartition("over ssh: ")[2].rpartition("via ssh: ")[2] if lines else "no reason was given"


def _host_key_changed(request: RunRequest, result: RunResult, message: str) -> Outcome:
    place = _place(request)
    known = ", ".join(fingerprint(key) for key in request.connection.host_keys) or "none"
    found = SENT_FINGERPRINT.search(message)
    sent = found.group() if found else "unknown"
    run = "What the run has begun there may go on." if result.sent else "This attempt has run nothing."
    trust = f"capra trust {shell_word(request.connection.address, request.connection.port)} {sent}"
    text = (
        f"the host key of {place} has changed: it is known as {known} and now shows {sent}. {run} Either the"
        " host was reinstalled, or someone is intercepting the connection. If the new key is right:"
        f" {request.accept_host_key or trust}"
    )
    told = {"known_fingerprint": known, "sent_fingerprint": sent}
    return new_outcome(result, OutcomeKind.HOST_KEY_CHANGED, text, told)


def _wrong_credentials(request: RunRequest, result: RunResult, message: str) -> Outcome:
    offered = (request.secrets.openssh_key, *request.secrets.further_keys)
    known = [one for one in map(public_fingerprint, offered) if one]
    key = f"the SSH key {''.join(known)}".rstrip() if len(known) < 2 else f"any of the SSH keys {', '.join(known)}"
    if request.secrets.login_password:
        key = f"{key}, nor the password" if known else "the password"
    text = f"{_place(request)} does not accept {key} for user {request.connection.user}: {message}"
    remedy = remedy_of_key(request.connection, request.field, terminal=request.one_owner)
    return new_outcome(result, OutcomeKind.WRONG_CREDENTIALS, _and(text, remedy), {})


def _become_refused(request: RunRequest, result: RunResult, message: str) -> Outcome:
    text = f"user {request.connection.user} cannot become root on {request.connection.address}: {message}"
    remedy = remedy_of_become(message, request.connection, request.field, terminal=request.one_owner)
    return new_outcome(result, OutcomeKind.BECOME_REFUSED, _and(text, remedy), {})


def _unreachable(request: RunRequest, result: RunResult, message: str) -> Outcome:
    remedy = remedy_of_unreachable(message, request.connection, request.field)
    text = _and(f"{_place(request)} cannot be reached: {message}", remedy)
    return new_outcome(result, OutcomeKind.UNREACHABLE, text, {})


def _lost(request: RunRequest, result: RunResult, message: str) -> Outcome:  # after the host let us in
    return replace(_unreachable(request, result, message), details={"reached": True})


def _login_failed(request: RunRequest, result: RunResult, message: str) -> Outcome:
    remedy = remedy_of_login(message, request.connection, request.field)
    text = _and(f"user {request.connection.user} cannot work on {_place(request)}: {message}", remedy)
    return new_outcome(result, OutcomeKind.LOGIN_FAILED, text, {})


SESSION_REASONS = {
    "unreachable": _unreachable,
    "lost": _lost,
    "host_key": _host_key_changed,
    "wrong_credentials": _wrong_credentials,
    "login_failed": _login_failed,
    "become_refused": _become_refused,
}
"""`reason` of the collection's actions for a program that has not begun, by evidence (plugin_utils/refusal.py)."""

_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[RunRequest, RunResult, str], Outcome]], ...] = (
    (HOST_KEY, _host_key_changed),
    (WRONG_CREDENTIALS, _wrong_credentials),
    (BECOME_REFUSED, _become_refused),
)
"""For messages of Ansible's own."""
