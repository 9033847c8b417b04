"""From what a host says of itself to findings and a report. Pure: no Ansible, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.capra.machine.plugins.plugin_utils import preflight_places as places
from ansible_collections.capra.machine.plugins.plugin_utils import preflight_rules as rules
from ansible_collections.capra.machine.plugins.plugin_utils.frame import framed
from ansible_collections.capra.machine.plugins.plugin_utils.preflight_rules import Facts, Finding, Limits


def parse(text: str) -> dict[str, str] | None:
    """The facts between the markers; None when the script has not come to its end. What a login shell prints before
    and after is passed over."""
    said = framed(text)
    if said is None or not said[1]:
        return None
    facts: dict[str, str] = {}
    for line in said[0]:
        name, _rest, value = line.partition(" ")
        facts[name] = value.strip()
    return facts


def clock_skew(facts: Facts, before: float, after: float) -> float:
    """Seconds by which the host's clock is ahead (behind: negative) of ours, as far as one round trip can tell: the
    smallest difference that fits. before, after: our clock around the round trip."""
    try:
        begin, end = int(facts["clock.begin"]), int(facts["clock.end"])
    except (KeyError, ValueError):
        return 0.0
    least, most = (
        end - after,
        begin + 1 - before,
    )  # whole seconds: the host's clock may be almost one further on
    if least > 0:
        return round(least, 1)
    return round(most, 1) if most < 0 else 0.0


def evaluate(facts: Facts, limits: Limits, skew: float = 0.0) -> list[Finding]:
    """Findings in the order in which a person would ask. skew: see clock_skew."""
    return [
        *rules.system(facts),
        *rules.kernel_parts(facts),
        *rules.user(facts, limits),
        *rules.names(facts),
        *rules.clock(skew, limits),
        *rules.resources(facts, limits),
        *places.places(facts),
        *places.account(facts),
        *rules.network(facts, limits),
        *places.interpreter(facts, limits),
        *rules.security(facts),
        *rules.already(facts),
    ]


def summary(findings: Sequence[Finding]) -> str:
    """One line: how many of what, and the errors themselves."""
    errors = [finding for finding in findings if finding.level == "error"]
    warnings = sum(finding.level == "warning" for finding in findings)
    text = f"{len(errors)} errors, {warnings} warnings, {len(findings)} findings"
    return text + "".join(f"; {finding.message}: {finding.advice}" for finding in errors)


def report(findings: Sequence[Finding]) -> list[str]:
    """One line a finding, for people."""
    return [
        f"{finding.level:<7} {finding.name}: {finding.message}" + (f" -> {finding.advice}" if finding.advice else "")
        for finding in findings
    ]
