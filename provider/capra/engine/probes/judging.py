"""From the run of a probe to what is told of the entry. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capra.engine.holding import refused
from capra.engine.outcome import judge
from capra.engine.probes.facts import entry_facts
from capra.engine.told.report import NOT_CONNECTED
from capra.model.machine import ADOPT_ANNOTATION, IGNORED_FINDINGS_ANNOTATION, Adoption
from capra.model.observation import Observation, Problem
from capra.model.probe import Probe
from capra.model.run import Outcome, OutcomeKind, RunRequest, RunResult
from capra.model.status import Condition, false, of_field, short

REACHABLE = "Reachable"
FIT = "Fit"
PROBED = frozenset({REACHABLE, FIT})
"""The conditions of an entry."""

FINDING_LENGTH = 300
"""Characters that are told of one finding."""

NO_ENTRY = NOT_CONNECTED | {OutcomeKind.BECOME_REFUSED, OutcomeKind.TIMED_OUT}
"""Outcomes after which a machine would not get in either."""


def judge_probe(request: RunRequest, result: RunResult, ignored: frozenset[str] = frozenset()) -> Probe:
    """What a preflight tells. ignored: names of findings that do not keep a host from being handed out."""
    outcome = judge(request, result)
    if outcome.ok:
        return _answered(outcome, ignored)
    told = outcome.cause
    if outcome.kind in NO_ENTRY:
        return Probe(false(REACHABLE, outcome.kind.value, told), _not_looked_at("Capra does not get in"))
    # Nothing is proven against the host: it is as if it had not been probed.
    return Probe(Condition(REACHABLE, "Unknown", "Lost", short(told)), _not_looked_at("the probe did not end"))


def refused_probe(problem: Problem) -> Probe:
    """The entry cannot be used to log in anywhere. Nobody was contacted."""
    told = false(REACHABLE, problem.reason, of_field(problem.field, problem.message))
    return Probe(told, _not_looked_at("Capra does not get in"))


def ignored_findings(annotations: Mapping[str, str]) -> frozenset[str]:
    """The names that the annotation of an entry has. A host that is to be adopted may run Kubernetes."""
    adopted = {"kubernetes"} if annotations.get(ADOPT_ANNOTATION) in {Adoption.ADOPT, Adoption.WAIT} else set()
    named = map(str.strip, annotations.get(IGNORED_FINDINGS_ANNOTATION, "").split(","))
    return frozenset(filter(None, (*named, *adopted)))


def without_way_in(observation: Observation) -> Problem | None:
    """What keeps a machine of the entry from any run, too: there is nothing valid to log in with."""
    refuse = refused(observation)
    if refuse is None:
        return None
    field = refuse.field.removeprefix("spec.machine.").removeprefix("spec.")
    return Problem(f"spec.machine.{field}", refuse.message, refuse.reason)


def _not_looked_at(why: str) -> Condition:
    return Condition(FIT, "Unknown", "NotProbed", f"not looked at: {why}")


def _answered(outcome: Outcome, ignored: frozenset[str]) -> Probe:
    findings = [one for one in _listed(outcome.details.get("findings")) if one.get("level") in ("error", "warning")]
    errors = [one for one in findings if one["level"] == "error" and one.get("name") not in ignored]
    rest = [one for one in findings if one not in errors]
    reachable = Condition(REACHABLE, "True", "Reached", "")
    if errors:
        number = f"{len(errors)} error{'' if len(errors) == 1 else 's'}"
        fit = false(FIT, "Unfit", f"{number}: {_sentences(errors)}")
    else:
        fit = Condition(FIT, "True", "NothingInTheWay", short(_sentences(rest)))
    facts = outcome.details.get("facts")
    known = entry_facts(facts if isinstance(facts, Mapping) else {})
    return Probe(reachable, fit, known, outcome.host_keys, outcome.bastion_keys)


def _listed(found: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(found, list):
        yield from (one for one in found if isinstance(one, Mapping))


def _sentences(findings: list[Mapping[str, Any]]) -> str:
    return "; ".join(map(_sentence, findings))


def _sentence(finding: Mapping[str, Any]) -> str:
    """Name, message and advice, in one line."""
    parts = [one_printable_line(finding.get(name)) for name in ("name", "message", "advice")]
    return ": ".join(filter(None, parts))[:FINDING_LENGTH]


def one_printable_line(text: Any) -> str:
    """As one line of printable characters: the host has chosen some of them."""
    return "".join(one if one.isprintable() else "?" for one in " ".join(str(text or "").split()))
