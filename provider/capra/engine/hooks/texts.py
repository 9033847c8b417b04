"""The texts of a hook: its playbook, which must be a list of plays, and its variables, which are a mapping. Pure.

What a play means is up to Ansible. What can be told before anything runs is checked here.
"""

from __future__ import annotations

import hashlib
import math
import re
from functools import partial
from typing import Any

import yaml

from capra.bootstrap.reading.location import key_name, yaml_kind
from capra.bootstrap.reading.strict_yaml import LOADER
from capra.bootstrap.reading.yaml_limits import Failure, Limits, check_limits, refuse_repeated_keys, without_snippet
from capra.errors import InputError
from capra.model.machine import Hook, Stage
from capra.model.observation import HookText

MAX_BYTES = 2**20
"""Of each text; a ConfigMap or a Secret holds no more."""

LIMITS = Limits(values=50_000, characters=MAX_BYTES, documents=1)
INVALID = "InvalidHook"
PLAYS = frozenset({"hosts", "import_playbook", "ansible.builtin.import_playbook"})
"""A play has one of these keys."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_playbook(data: bytes, subject: str) -> str:
    """The text of a playbook. subject: the object with its key, or the file. Raises InputError where it is no list of
    plays."""
    failure = partial(InputError, subject=subject, reason=INVALID)
    text = _text(data, failure)
    root = root_of(text, failure)
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        raise failure("must be a playbook, which is a list of plays")
    for number, play in enumerate(root.value, 1):
        keys = {key.value for key, _ in play.value} if isinstance(play, yaml.MappingNode) else set()
        if not PLAYS & {key for key in keys if isinstance(key, str)}:
            raise failure(f"play {number} (line {play.start_mark.line + 1}) must have `hosts` or `import_playbook`")
    return text


def read_variables(data: bytes, subject: str) -> dict[str, Any]:
    """The variables of a document, as JSON has values. Raises InputError, which shows none of them."""
    failure = partial(InputError, subject=subject, reason=INVALID)
    text = _text(data, failure)
    root = root_of(text, failure)
    if not isinstance(root, yaml.MappingNode):
        raise failure("must be a mapping of variables")
    return values_of(root, text, failure)


def values_of(root: Any, text: str, failure: Failure) -> dict[str, Any]:
    """The values of a mapping whose keys are names of variables. root: that of the text. Raises what failure makes,
    which shows none of them."""
    refuse_repeated_keys(root, failure, text_keys=True)
    loader, problem = LOADER(text), ""
    try:
        values = loader.construct_document(root)
        if not isinstance(values, dict):  # a tag makes something else of a mapping
            raise failure(f"must be a mapping of variables, without the tag {root.tag}")
        return {_variable(name, failure): _plain(value, str(name), failure) for name, value in values.items()}
    except yaml.YAMLError as error:
        problem = without_snippet(error)
    except (ValueError, OverflowError):  # the text of this error quotes the value
        problem = "a number or a date cannot be read; put text that looks like one in quotes"
    finally:
        loader.dispose()
    # Raised here and not above: an exception raised in a handler carries the one with the snippet along.
    raise failure(f"is not valid YAML: {problem}")


def to_hook_text(stage: Stage, hook: Hook, playbook: bytes, variables: bytes | None) -> HookText:
    """A hook with its texts, byte for byte as in the place the manifest names. Raises InputError naming that place."""
    text = read_playbook(playbook, str(hook.playbook))
    return HookText(
        stage=stage,
        name=hook.name,
        playbook=text,
        digest=hashlib.sha256(playbook).hexdigest(),
        variables=read_variables(variables, str(hook.variables)) if variables is not None else {},
        collections=hook.collections,
        source=str(hook.playbook),
        secret=hook.playbook.kind == "Secret",
    )


def _text(data: bytes, failure: Failure) -> str:
    if len(data) > MAX_BYTES:
        raise failure(f"is {len(data)} bytes long; at most {MAX_BYTES} are accepted")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = error.start
    raise failure(f"is not UTF-8 text (byte {bad + 1})")


def root_of(text: str, failure: Failure, limits: Limits = LIMITS) -> Any:
    """The node at the top of the only document; None for an empty one. Tags are not looked at: Ansible has its own.
    Raises what failure makes."""
    problem = ""
    try:
        check_limits(text, LOADER, limits, failure)
        loader = LOADER(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        problem = without_snippet(error)
    raise failure(f"is not valid YAML: {problem}")


def _variable(name: object, failure: Failure) -> str:
    """Ansible, 'Creating valid variable names'."""
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
        shown = key_name(name)
        raise failure(f"{shown} is no name of a variable: letters, digits and underscores, and no digit first")
    return name


def _plain(value: Any, path: str, failure: Failure) -> Any:
    """The value, of types that reach Ansible as they are. The depth is bounded already."""
    if isinstance(value, dict):
        return {str(key): _plain(item, f"{path}.{key_name(key)}", failure) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, f"{path}[{index}]", failure) for index, item in enumerate(value)]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise failure(f"{path} is {yaml_kind(value)} that no variable can be; put it in quotes")
