"""The annotation `run-playbook`: a playbook of the user's for a machine that is provisioned. Pure.

Its value is YAML: a word, which names both a ConfigMap with the key `playbook.yml` and the hook, or a mapping
with `check`, `serial` and the fields of an entry of `spec.ansible`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import yaml

from capra.bootstrap.reading.yaml_limits import Limits
from capra.engine.hooks.texts import INVALID, root_of, values_of
from capra.errors import InputError
from capra.model.machine import RUN_PLAYBOOK_ANNOTATION, Hook
from capra.model.manifest.ansible import PLAYBOOK_KEY, AskedFields
from capra.model.manifest.validation import validate
from capra.model.observation import AskedPlaybook, Problem

FIELD = f"metadata.annotations[{RUN_PLAYBOOK_ANNOTATION}]"
"""Its name in messages."""

MAX_CHARACTERS = 8192
LIMITS = Limits(values=100, characters=MAX_CHARACTERS, depth=8, documents=1)
WHAT = f"the name of a ConfigMap with the key {PLAYBOOK_KEY!r}, or a mapping with `name` and `playbook`"

_failure = partial(InputError, reason=INVALID)


def read_asked(value: str) -> tuple[AskedPlaybook, Hook | None]:
    """What is asked for, without its text, and where the text is; None on a problem."""
    try:
        fields = _fields(value)
    except InputError as error:
        return AskedPlaybook(problem=_problem(error)), None
    return AskedPlaybook(fields.name, fields.check, fields.serial), fields.to_hook()


def _problem(error: InputError) -> Problem:
    every: Sequence[InputError] = getattr(error, "errors", (error,))
    if len(every) > 1:
        return Problem(FIELD, "; ".join(f"{one.field} {one.problem}" for one in every), INVALID)
    return Problem(f"{FIELD}.{error.field}" if error.field else FIELD, error.problem, INVALID)


def _fields(value: str) -> AskedFields:
    if len(value) > MAX_CHARACTERS:
        raise _failure(f"is {len(value)} characters long; at most {MAX_CHARACTERS} are accepted")
    root = root_of(value, _failure, LIMITS)
    if isinstance(root, yaml.ScalarNode):
        return _of_word(root.value)
    if not isinstance(root, yaml.MappingNode):
        raise _failure(f"must be {WHAT}")
    return validate(AskedFields, values_of(root, value, _failure), "")


def _of_word(word: str) -> AskedFields:
    try:
        return validate(AskedFields, {"name": word, "playbook": {"configMapRef": {"name": word}}}, "")
    except InputError:
        pass
    raise _failure(f"must be {WHAT}; a name alone has lower-case letters, digits and dashes, and at most 63 of them")
