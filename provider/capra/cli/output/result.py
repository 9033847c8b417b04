"""How a command ended for one machine, whatever the command. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from capra.cli.errors import ExitCode
from capra.engine.decisions import Cleanup, Decision, Keep, Refuse, Release, Wait
from capra.engine.engine import Reconciliation
from capra.local.store import has_other_data
from capra.model.machine import RemoteMachine
from capra.model.observation import Phase
from capra.model.run import Outcome, OutcomeKind, StepReport

INTERRUPTED = "Interrupted"
UNCHANGED = "Unchanged"
NOT_BEGUN = "NotBegun"
NOTHING_TO_CLEAN = "nothing to clean"
NOTHING_WOULD_BE_CLEANED = (
    "nothing would be cleaned: nothing of a Kubernetes distribution, and nothing that Capra wrote, is on the host"
)

AGAIN = "run the same command again"
EVERYTHING = "it looks at everything again"
NEXT: Mapping[OutcomeKind, str] = {
    OutcomeKind.UNREACHABLE: f"look at address, port and firewall, and {AGAIN}",
    OutcomeKind.WRONG_CREDENTIALS: f"give the right key (--ssh-key or the Secret) and user, and {AGAIN}",
    OutcomeKind.LOGIN_FAILED: f"see that this user can log in and run commands there (ssh USER@HOST true), and {AGAIN}",
    OutcomeKind.BECOME_REFUSED: "capra preflight with the same files shows what is wrong with sudo",
    OutcomeKind.HOST_BUSY: f"wait until the other run has ended, and {AGAIN}",
    OutcomeKind.HOST_CLAIMED: "clean the host with the machine that uses it, or take it over with --take-over",
    OutcomeKind.HOST_NOT_CLEAN: f"take away what is left, by hand or with cleanUpCommands, and {AGAIN}",
    OutcomeKind.TIMED_OUT: f"{AGAIN}, with a longer --timeout if need be",
    OutcomeKind.CANCELLED: AGAIN,
    OutcomeKind.HOOK_FAILED: f"mend the cause and {AGAIN}: hooks that have ended well are not repeated",
    OutcomeKind.LOST: f"{AGAIN}, with -vv to see what Ansible says",
}

BEGUN = frozenset({OutcomeKind.TIMED_OUT, OutcomeKind.CANCELLED, OutcomeKind.LOST})
"""Ends after which some steps may have finished."""


@dataclass(frozen=True)
class MachineResult:
    """One machine's end. outcome: an OutcomeKind, or Unchanged, Interrupted, Failed, or a decision's reason.
    seconds: from start to end. hint: the next thing to do, empty after a good end."""

    machine: RemoteMachine
    decision: str
    outcome: str
    ok: bool
    message: str
    changed: bool = False
    steps: tuple[StepReport, ...] = ()
    seconds: float = 0.0
    hint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Steps that have ended well."""
        return sum(step.state in ("ok", "done", "same") for step in self.steps)


def of_reconciliation(taken: Reconciliation, *, check: bool = False) -> MachineResult:
    """The result of a reconciliation. check: it was one of what would happen."""
    machine, decision = taken.observation.machine, taken.decision
    if taken.outcome is not None:
        result = _with_earlier(of_outcome(machine, decision, taken.outcome), taken.earlier)
        if not _was_clean(taken, check=check):
            return result
        return replace(result, message=NOTHING_WOULD_BE_CLEANED if check else NOTHING_TO_CLEAN)
    outcome, ok, message, hint = _without_run(taken)
    return MachineResult(machine, decision_name(decision), outcome, ok, message, hint=hint)


def _with_earlier(result: MachineResult, earlier: Sequence[Outcome]) -> MachineResult:
    """One result of all runs: hooks, and what they stand around."""
    messages = [outcome.message for outcome in earlier] if result.ok else []
    return replace(
        result,
        message="; ".join([*messages, result.message]),
        changed=result.changed or any(outcome.changed for outcome in earlier),
        steps=(*(step for outcome in earlier for step in outcome.steps), *result.steps),
    )


def _was_clean(taken: Reconciliation, *, check: bool) -> bool:
    """The host was looked at, and there was nothing to do. A machine's own commands always do something. A check
    changes no record."""
    if not isinstance(taken.decision, Cleanup) or taken.decision.custom or taken.outcome is None:
        return False
    ended = taken.outcome.ok if check else taken.record.phase is Phase.CLEAN
    return ended and not taken.outcome.changed


def decision_name(decision: Decision) -> str:
    """What a decision is called in the output."""
    return type(decision).__name__


def of_outcome(machine: RemoteMachine, decision: Decision | str, outcome: Outcome) -> MachineResult:
    """The result of a run."""
    return MachineResult(
        machine,
        decision if isinstance(decision, str) else decision_name(decision),
        outcome.kind.value,
        outcome.ok,
        outcome.message,
        changed=outcome.changed,
        steps=outcome.steps,
        hint=_hint(decision, outcome),
        details=outcome.details,
    )


def not_begun(machine: RemoteMachine, decision: str) -> MachineResult:
    """Of a machine whose turn has not come, since one before it has failed."""
    message = "was not begun: a machine before it has not ended well"
    return MachineResult(machine, decision, NOT_BEGUN, ok=False, message=message, hint=AGAIN)


def _hint(decision: Decision | str, outcome: Outcome) -> str:
    if decision == "Cancel" and outcome.kind is OutcomeKind.HOST_BUSY:
        return "give the bootstrap data of the run that is to be ended (a cleanup: k0s_cleanup_state=cancelled)"
    anew = isinstance(decision, Cleanup) and not decision.custom and _looks_again(outcome)
    if outcome.kind in (OutcomeKind.STEP_FAILED, OutcomeKind.CUT_OFF):
        return _hint_for_steps(outcome, anew=anew)
    if outcome.kind in BEGUN:
        return f"{NEXT[outcome.kind]}: {EVERYTHING if anew else 'finished steps are not repeated'}"
    return NEXT.get(outcome.kind, "")


def _looks_again(outcome: Outcome) -> bool:
    """The k0s cleanup goes on only where it was killed on the host in this boot (roles/k0s_cleanup)."""
    cut = next((step for step in outcome.steps if step.state == "cut"), None)
    return not (outcome.kind is OutcomeKind.CUT_OFF and cut is not None and cut.cuts[-1:] == ("lost",))


def _hint_for_steps(outcome: Outcome, *, anew: bool) -> str:
    stopped = next((step for step in outcome.steps if step.state in ("failed", "cut")), None)
    if stopped and stopped.state == "cut" and outcome.kind is OutcomeKind.STEP_FAILED:
        # Reboots have cut it off, so that the host does not run it again as it is.
        return f"mend step {stopped.number + 1} and {AGAIN}, or have all steps run again with --restart"
    mend = "mend the cause and " if outcome.kind is OutcomeKind.STEP_FAILED else ""
    if stopped is None:
        return f"{mend}{AGAIN}"
    return f"{mend}{AGAIN}: {EVERYTHING if anew else f'it goes on at step {stopped.number + 1}'}"


def _without_run(taken: Reconciliation) -> tuple[str, bool, str, str]:
    """outcome, ok, message and hint of a decision that runs nothing."""
    decision = taken.decision
    if isinstance(decision, Keep):
        if has_other_data(taken.observation):
            message = "the host was provisioned with other bootstrap data; nothing was run"
            return "OtherData", False, message, "capra cleanup with the same files comes first"
        message = "spec.providerID says that it is provisioned" if decision.adopted else "is provisioned already"
        return UNCHANGED, True, f"{message}; nothing was run", ""
    if isinstance(decision, Release):
        return UNCHANGED, True, f"{decision.reason}; nothing was run", ""
    if isinstance(decision, Refuse):
        named = decision.field in decision.message.split(": ")
        message = decision.message if named or not decision.field else f"{decision.field}: {decision.message}"
        return decision.reason, False, message, ""
    if isinstance(decision, Wait):
        hint = "capra cleanup with the same files" if decision.reason == "CleanupUnfinished" else ""
        return decision.reason, False, decision.message, hint
    return decision_name(decision), False, "nothing was run", ""


def exit_code(results: Iterable[MachineResult], ended_by: int = 0) -> int:
    """The exit code of a command: machines that were not begun take that of the one that has failed before them.
    ended_by: the signal that ended it early, 0 for none."""
    if ended_by:
        return 128 + ended_by
    failed = {result.outcome for result in results if not result.ok} - {NOT_BEGUN}
    if not failed:
        return ExitCode.DONE
    return ExitCode.UNREACHABLE if failed == {OutcomeKind.UNREACHABLE.value} else ExitCode.FAILED
