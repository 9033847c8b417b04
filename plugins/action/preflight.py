"""Action plugin: what to know of a host before it joins a cluster, in one round trip. See modules/preflight.py."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.capra.machine.plugins.plugin_utils import claims, preflight
from ansible_collections.capra.machine.plugins.plugin_utils.asking import ask
from ansible_collections.capra.machine.plugins.plugin_utils.preflight_rules import Finding, Limits
from ansible_collections.capra.machine.plugins.plugin_utils.session import Session, SessionError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "role": {"type": "str", "default": "any", "choices": ["any", "controller", "worker"]},
    "memory": {"type": "int", "default": 0},
    "disk": {"type": "int", "default": 2048},
    "clock_skew": {"type": "float", "default": 30.0},
    "ports": {"type": "list", "elements": "int", "default": []},
    "python": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no type information
    """Facts and findings of one host. Reads only, so a check run does the same."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns host, findings, facts, errors and warned (how many), report (lines) and msg."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)[1]
        become = self._connection.become
        method = str(getattr(become, "name", "")).rsplit(".", 1)[-1] if become else ""
        limits = Limits(
            role=arguments["role"],
            memory=arguments["memory"],
            disk=arguments["disk"],
            clock_skew=arguments["clock_skew"],
            ports=tuple(arguments["ports"]),
            python=arguments["python"],
            become=method,
        )
        self._session = Session(self)
        try:
            facts, skew, refused = self._ask_in_spite_of(method)
        except SessionError as error:
            return result | error.result()
        findings = preflight.evaluate(facts, limits, skew)
        if refused:
            advice = "see the findings for sudo and hostname"
            findings.insert(0, Finding("become", "error", method, f"{method}: {refused}", advice))
        result |= {
            "changed": False,
            "host": (task_vars or {}).get("inventory_hostname", ""),
            "findings": [asdict(finding) for finding in findings],
            "facts": facts,
            "errors": sum(finding.level == "error" for finding in findings),
            "warned": sum(finding.level == "warning" for finding in findings),
            "report": preflight.report(findings),
            "msg": preflight.summary(findings),
        }
        claimed = claims.noted(facts.pop("claim", ""))
        return result | ({"claimed": asdict(claimed)} if claimed else {})

    def _ask_in_spite_of(self, method: str) -> tuple[dict[str, str], float, str]:
        """Facts, clock skew, and why become did not work, if it did not: then the host is asked without it, because
        the reason is what one wants to know (a slow sudo, most often). Raises SessionError for any other refusal."""
        try:
            return (*ask(self._session), "")
        except SessionError as error:
            if not method or error.why.reason != "become_refused":
                raise
            refused = " ".join(error.why.message.split())[:300]
            self._connection.reset()
            self._connection.set_become_plugin(None)
            return (*ask(self._session), refused)
