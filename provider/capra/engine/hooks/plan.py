"""From a hook to the run that carries it out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from capra.engine.decisions import Bootstrap, Cleanup
from capra.engine.hooks.asked import FIELD
from capra.engine.plan import plan_bootstrap_or_facts
from capra.engine.redaction.credentials import credentials_in
from capra.engine.redaction.hidden import Hidden, hidden_in_text
from capra.engine.redaction.ordinary import is_ordinary_word
from capra.engine.requests import PlanOptions, hiding, new_request
from capra.errors import InputError
from capra.model.machine import Stage
from capra.model.observation import HookText, Observation
from capra.model.run import Playbook, RunRequest

LEAST = 6
"""A value this long or longer is always hidden; shorter ones occur in any text."""

_SECRET_NAME = re.compile(r"(?i)pass|pwd|secret|token|key|cred|pin$|auth")


def hooks_to_run(
    observation: Observation, decision: Bootstrap | Cleanup
) -> tuple[tuple[HookText, ...], tuple[HookText, ...]]:
    """The hooks that have not ended well yet: those before the run of the decision, and those after it."""
    left = [hook for hook in observation.hooks if hook.id not in observation.record.hooks]
    first = Stage.BEFORE_CLEAN_UP if isinstance(decision, Cleanup) else Stage.BEFORE_BOOTSTRAP
    last = None if isinstance(decision, Cleanup) else Stage.AFTER_BOOTSTRAP
    return tuple(one for one in left if one.stage is first), tuple(one for one in left if one.stage is last)


def check_hooks(observation: Observation, decision: Bootstrap | Cleanup, options: PlanOptions) -> None:
    """Called before the first hook: nothing may prove impossible after it. Raises InputError."""
    before, after = hooks_to_run(observation, decision)
    for hook in (*before, *after):
        _check_collections(hook, options, f"spec.ansible.{hook.stage}")
    if before and isinstance(decision, Bootstrap):
        plan_bootstrap_or_facts(observation, options)


def _check_collections(hook: HookText, options: PlanOptions, field: str) -> None:
    for name in hook.collections:
        if not options.has_collection(name):
            problem = f"hook {hook.name} needs the collection {name}, which is not installed where Capra runs"
            raise InputError(problem, field=field, reason="MissingCollection")


def plan_playbook(observation: Observation, hook: HookText, options: PlanOptions) -> RunRequest:
    """The run that the annotation `run-playbook` asks for. Raises InputError where a collection is missing."""
    _check_collections(hook, options, f"{FIELD}.collections")
    return plan_hook(observation, hook, options)


def plan_hook(observation: Observation, hook: HookText, options: PlanOptions) -> RunRequest:
    """The run of a hook."""
    options = replace(options, check=options.check or hook.check)
    request = new_request(observation, options, Playbook.HOOK, {}, options.hook_timeout)
    secrets = replace(request.secrets, hook=hook.playbook, hook_variables=hook.variables)
    hidden = Hidden.of([hidden_in_variables(hook.variables), _hidden_in_playbook(hook)])
    return replace(request, hook=hook.name, secrets=hiding(secrets, hidden))


def hidden_in_variables(variables: Mapping[str, Any]) -> Hidden:
    """Every value, except short words that occur in any text: hiding `root` would blot it out. Those are
    hidden where their variable has the name of a secret."""
    return Hidden(credentials=frozenset(_values(variables, secret=False)))


def _values(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _values(item, secret=secret or bool(_SECRET_NAME.search(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, secret=secret)
    elif value is not None and not isinstance(value, bool):
        for text in dict.fromkeys([str(value), str(value).strip()]):
            ordinary = len(text) < LEAST and (is_ordinary_word(text) or len(text) < 4 or text.isdigit())
            if text and (secret or not ordinary):
                yield text


def _hidden_in_playbook(hook: HookText) -> Hidden:
    """A ConfigMap or a file is text that people read: only what is in a password's place."""
    return hidden_in_text(hook.playbook) if hook.secret else Hidden(credentials=credentials_in(hook.playbook))
