"""Action plugin: an ordered list of steps on a host, in one round trip, with a journal. See modules/steps.py."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, replace
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.capra.machine.plugins.plugin_utils import (
    checked,
    diff,
    evidence,
    parts,
    payload,
    programs,
    progress,
    results,
)
from ansible_collections.capra.machine.plugins.plugin_utils.given import DOCUMENT, DocumentError, given_steps
from ansible_collections.capra.machine.plugins.plugin_utils.refusal import refusal, too_long
from ansible_collections.capra.machine.plugins.plugin_utils.selection import Selection, SelectionError, select
from ansible_collections.capra.machine.plugins.plugin_utils.session import Session, SessionError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "steps": {"type": "list", "elements": "dict", "default": []},
    "document": DOCUMENT,
    "script": {"type": "str", "default": ""},
    "script_arguments": {"type": "list", "elements": "str", "default": []},
    "kind": {"type": "str", "default": "steps"},
    "run_id": {"type": "str", "default": ""},
    "uid": {"type": "str", "default": ""},
    "name": {"type": "str", "default": ""},
    "claim": {"type": "bool", "default": False},
    "take_over": {"type": "str", "default": ""},
    "state": {"type": "str", "default": "present", "choices": ["present", "cancelled"]},
    "timeout": {"type": "int", "default": 0},
    "follow_seconds": {"type": "int", "default": 10},
    "output_bytes": {"type": "int", "default": 4096},
    "state_directory": {"type": "str", "default": ""},
    "takeover": {"type": "bool", "default": False},
    "carry_over": {"type": "bool", "default": False},
    "repeat": {"type": "bool", "default": False},
    "request_id": {"type": "str", "default": ""},
    "restart": {"type": "bool", "default": False},
    "sentinel": {"type": "str", "default": ""},
    "forget": {"type": "bool", "default": False},
    "progress": {"type": "bool", "default": False},
}
RUN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
RECONNECT_ATTEMPTS = 5
RECONNECT_PAUSE = 2.0
"""Seconds, times the number of the attempt: a session that is lost while its program runs is worth a short wait."""

FIRST_FOLLOW = 4
"""Seconds of the first session at most, so that somebody who looks on soon hears that the host is at work."""

CUT_SHORT = "the host's reports came back cut short, several times in a row"


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no type information
    """One ordered list of steps on one host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns changed, run_id, steps (StepResult), host (HostFacts), and on failure reason, msg and step."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)[1]
        self._arguments = arguments
        self._session = Session(self)
        evidence.hold_back(self._connection)
        try:
            given, run_id, self._notes = given_steps(self, self._session, arguments)
        except DocumentError as error:
            return result | {"failed": True, "msg": str(error)}
        except SessionError as error:
            return result | error.result()
        self._selection = self._selected(given, task_vars or {})
        if given and not self._selection.steps:
            return result | {"skipped": True, "msg": "the tags select none of the steps"}
        self._steps = parts.with_script(self._selection.steps, arguments["script"], arguments["script_arguments"])
        try:
            self._parts = [parts.to_part(step, number) for number, step in enumerate(self._steps)]
        except parts.PayloadError as error:
            raise AnsibleActionFail(str(error)) from None
        run_id = run_id or parts.derive_run_id(arguments["kind"], self._steps, arguments["uid"])
        if not RUN_ID.fullmatch(run_id):
            raise AnsibleActionFail(f"run_id is {run_id!r}: letters, digits, dots, dashes and underscores are allowed")
        directory = arguments["state_directory"]
        if directory and (not directory.startswith("/") or "\0" in directory):
            raise AnsibleActionFail(f"state_directory is {directory!r}, not an absolute path")
        self._run_id = run_id
        self._limits = payload.limits(arguments["output_bytes"], len(self._parts), diff=bool(self._task.diff))
        result["run_id"] = run_id
        try:
            return result | self._carried_out()
        except SessionError as error:
            return result | error.result()

    def _selected(self, steps: list[dict[str, Any]], task_vars: dict[str, Any]) -> Selection:
        """The steps that Ansible's tags select. After a part of a cleanup the host stays its machine's, and the journal
        stays, as after a cleanup that was cut off. A part that only looks neither claims the host nor ends another run,
        and looks again whatever a journal says.
        """
        only, skip = (task_vars.get(f"ansible_{name}_tags") or () for name in ("run", "skip"))
        try:
            selection = select(steps, self._task.tags, only, skip, self._outer_tags())
        except SelectionError as error:
            raise AnsibleActionFail(str(error)) from None
        if selection.part:
            self._arguments["forget"] = selection.looks
        if selection.looks:
            self._arguments |= {"takeover": False, "carry_over": False, "repeat": True}
        if selection.told:
            self._notes = [*self._notes, selection.told]
        return selection

    def _outer_tags(self) -> list[str]:
        """Tags of the role, the play and the blocks around the task. The task's own do not tell them apart."""
        tags = self._templar.template(self._task._get_parent_attribute("tags", omit=True) or [])
        return [str(tag) for entry in tags for tag in (entry if isinstance(entry, list) else str(entry).split(","))]

    def _carried_out(self) -> dict[str, Any]:
        if self._task.check_mode:
            return self._check()
        outcome = self._cancel() if self._arguments["state"] == "cancelled" else self._present()
        return self._without_look(outcome) if self._selection.looks and outcome.get("failed") else outcome

    def _without_look(self, outcome: dict[str, Any]) -> dict[str, Any]:
        """What a look has found stands in its result, and its journal is no part of what the host knows."""
        try:
            self._exchange("drop")
        except SessionError as error:
            warned = f"the journal of this look, {self._run_id}, is still on the host: {error.why.message}"
            return outcome | {"warnings": [*outcome.get("warnings", []), warned]}
        return outcome

    def _exchange(self, mode: str, *, with_steps: bool = False, **settings: object) -> payload.Report:
        """One round trip."""
        head = {"mode": mode, "id": self._run_id, "plan": self._plan(), **settings}
        if self._arguments["state_directory"]:
            head["directory"] = parts.encode(self._arguments["state_directory"])
        if self._arguments["claim"]:
            head["claim"] = 1
        owner, seize = (self._arguments["uid"], self._arguments["name"]), self._arguments["take_over"]
        head["owner"] = " ".join(parts.encode(text) or "-" for text in owner)
        head["seize"] = parts.encode(seize) or "-"
        head["request"] = parts.encode(self._arguments["request_id"]) or "-"
        program = programs.detached() if mode == "run" else ""
        sent = payload.build(head, self._parts if with_steps else (), program, contents=mode == "run")
        answer = self._session.ask(payload.call(programs.session(dry_run=mode == "check"), sent, program))
        report = payload.parse_report(answer.stdout)
        if not report.begun:
            raise SessionError(refusal(answer))
        if not report.complete and (why := too_long(answer)):
            raise SessionError(why)
        return report

    def _plan(self) -> str:
        """What the list of steps is, for the host to hold the ends in its journals against."""
        arguments = self._arguments
        flags = [flag for flag in ("repeat", "restart") if arguments[flag]]
        if arguments["carry_over"]:
            flags.append("carry")
        if self._selection.looks:
            flags.append("looks")
        elif self._selection.part or any(part.kind == "forget" for part in self._parts):
            flags.append("cleans")
        if self._selection.part:
            flags.append("part")
        if any(part.kind == "verify" for part in self._parts):
            flags.append("verifies")
        return parts.plan(
            arguments["kind"], arguments["uid"] or arguments["name"], flags, self._parts, arguments["sentinel"]
        )

    def _present(self) -> dict[str, Any]:
        arguments = self._arguments
        settings: dict[str, object] = {
            "timeout": arguments["timeout"],
            "follow": max(1, min(FIRST_FOLLOW, arguments["follow_seconds"])),
            **self._limits,
            "forget": int(arguments["forget"]),
        }
        teller = progress.Teller(self._display, len(self._steps), arguments["progress"])
        report = self._begin(settings)
        already, since = report.already, report.since
        settings["follow"] = max(1, arguments["follow_seconds"])
        while report.running or not report.complete:
            teller.tell(results.step_results(self._steps, report))
            was_running = report.running
            report = self._attach(settings | {"since": since or "-1"})
            if was_running and results.is_gone(report):
                report = replace(report, removed=True)
        steps = results.step_results(self._steps, report)
        teller.tell(steps)
        began = report.removed or (
            not (already or report.busy or report.claimed or report.error) and results.did_something(report)
        )
        outcome: dict[str, Any] = {"changed": began, "steps": [asdict(step) for step in steps], "host": _host(report)}
        if self._task.diff and began:
            outcome["diff"] = diff.written(self._steps, self._parts, report.before, self._limits["diff"])
        subject = "bootstrap data" if arguments["kind"] == "bootstrap" else "the list of steps"
        changes = results.changes(steps, subject)
        if not results.finished(replace(report, already=already), since):
            failure = results.failure(steps, report)
            late = {number for number, step in enumerate(self._steps) if step.get("late")}
            if failure["reason"] == "step_failed" and (warned := results.failed_after_proof(steps, report, late)):
                return outcome | {"changes": changes, "msg": warned, "warnings": [warned], "warned": [warned]}
            return outcome | {"failed": True, "changes": changes} | failure
        if arguments["forget"] and not report.forgotten:
            self._exchange("drop")
        word = "had finished before" if already else "finished"
        warned = [*results.warnings(steps), *self._notes]
        if warned:
            # The first are Ansible's own, for a terminal; they do not stand in the events.
            outcome |= {"warnings": warned, "warned": warned}
        told = f"{len(steps)} steps {word}" + (f" ({changes})" if changes else "")
        return outcome | {"changes": changes, "msg": "; ".join([told, *warned])}

    def _begin(self, settings: dict[str, object]) -> payload.Report:
        """The first session. The host says which programs are newer than it (`since`) before it starts one: a session
        that is lost after that may have started it, and what has become of it is looked at. Else it is sent again: the
        journal alone cannot tell whose end it holds.
        """
        since, lost = "", False
        for attempt in range(1, RECONNECT_ATTEMPTS + 1):
            try:
                report = self._exchange("attach", **settings, since=since) if since else None
                if report and report.complete and (report.running or results.begun_since(report, since)):
                    return replace(report, since=since)
                if not report or report.complete:
                    report = self._send(settings)
                    if report.complete:
                        return report
                    since = report.since or since
                lost = True
            except SessionError as error:
                since = payload.parse_report(error.said).since or since
                lost = lost or error.why.reason == "lost"
                if not lost or error.why.reason not in ("lost", "unreachable") or attempt == RECONNECT_ATTEMPTS:
                    raise
                if self._arguments["restart"] and not since:
                    raise
            if self._arguments["restart"] and not since:
                break  # all steps may have run, and would once more
            self._connection.reset()
            time.sleep(RECONNECT_PAUSE * attempt)
        raise AnsibleConnectionFailure(CUT_SHORT)

    def _send(self, settings: dict[str, object]) -> payload.Report:
        return self._exchange("run", with_steps=True, takeover=int(self._arguments["takeover"]), **settings)

    def _attach(self, settings: dict[str, object]) -> payload.Report:
        """Follow again; a session that is lost, or a report that is cut short, is taken up again a few times."""
        for attempt in range(1, RECONNECT_ATTEMPTS + 1):
            try:
                report = self._exchange("attach", **settings)
                if report.complete:
                    return report
            except AnsibleConnectionFailure:
                if attempt == RECONNECT_ATTEMPTS:
                    raise
            self._connection.reset()
            time.sleep(RECONNECT_PAUSE * attempt)
        raise AnsibleConnectionFailure(CUT_SHORT)

    def _cancel(self) -> dict[str, Any]:
        """Asked again where the answer is cut short: nobody knows then what has become of the run."""
        for attempt in range(1, RECONNECT_ATTEMPTS + 1):
            report = self._exchange("cancel", **self._limits)
            if report.complete or attempt == RECONNECT_ATTEMPTS:
                break
            self._connection.reset()
            time.sleep(RECONNECT_PAUSE * attempt)
        steps = results.step_results(self._steps, report)
        if report.error or report.busy or not report.complete:
            return {"failed": True} | results.failure(steps, report)
        cancelled = report.ended or (attempt > 1 and results.was_cancelled(report))
        message = "the run was ended on the host" if cancelled else "nothing was under way on the host"
        listed = [asdict(step) for step in steps]
        return {"changed": cancelled, "steps": listed, "msg": message, "host": _host(report)}

    def _check(self) -> dict[str, Any]:
        if self._arguments["state"] == "cancelled":
            return {"changed": False, "steps": [], "msg": "a run that is under way would be ended"}
        report = self._exchange("check", with_steps=True, **self._limits)
        if not report.complete:
            return {"failed": True} | results.failure([], report)
        outcome = checked.outcome(self._steps, report)
        if self._selection.told:
            outcome["msg"] += f"; {self._selection.told}"
        if self._task.diff:
            outcome["diff"] = diff.planned(self._steps, self._parts, report.before, report.would, self._limits["diff"])
        return outcome


def _host(report: payload.Report) -> dict[str, Any]:
    """What the host says of itself, as a result that is JSON."""
    return {"hostname": report.host.hostname, "addresses": list(report.host.addresses)}
