"""`spec.ansible` of a machine: the user's playbooks that run on it. Capra's own; the reference has nothing like it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from capra.model import checks
from capra.model.machine import SPEC_STAGES, Ansible, Hook, TextSource
from capra.model.manifest.base import ObjectName, Strict

MOST = 10
"""Hooks of one stage, and collections that one of them needs."""

MOST_AT_ONCE = 10_000

PLAYBOOK_KEY, VARIABLES_KEY = "playbook.yml", "variables.yml"
"""Keys of a ConfigMap or Secret where the reference to it names none."""

_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_COLLECTION = re.compile(r"[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}")


def _data_key(value: str) -> str:
    if value and not _DATA_KEY.fullmatch(value):
        raise ValueError("must be a key of a ConfigMap or Secret: letters, digits, dashes, dots and underscores")
    return value


def _collection(value: str) -> str:
    if not _COLLECTION.fullmatch(value):
        raise ValueError("must be the name of a collection of Ansible, as community.general")
    return value


def _path(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must be the path of a file, without line breaks and control characters")
    return value


def _few(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(values) > MOST:
        raise ValueError(f"has {len(values)} items; at most {MOST} are accepted")
    return values


def _serial(value: int) -> int:
    if not 0 <= value <= MOST_AT_ONCE:
        raise ValueError(f"must be from 0, for all machines at once, to {MOST_AT_ONCE}")
    return value


class TextReference(Strict):
    """`configMapRef` and `secretRef`."""

    name: ObjectName
    key: Annotated[str, AfterValidator(_data_key)] = ""


class TextFields(Strict):
    """Where the text of a playbook or of its variables is."""

    config_map_ref: TextReference | None = None
    secret_ref: TextReference | None = None
    file: Annotated[str, AfterValidator(_path)] = ""

    @model_validator(mode="after")
    def _one_place(self) -> TextFields:
        given = [one for one in (self.config_map_ref, self.secret_ref, self.file) if one]
        if len(given) != 1:
            raise ValueError("must have exactly one of configMapRef, secretRef and file")
        return self

    def to_source(self, key: str) -> TextSource:
        """The place. key: where the reference names none."""
        for kind, reference in (("ConfigMap", self.config_map_ref), ("Secret", self.secret_ref)):
            if reference is not None:
                return TextSource(kind, reference.name, reference.key or key)
        return TextSource("file", self.file)


class HookFields(Strict):
    """One playbook."""

    name: Annotated[str, AfterValidator(checks.label)]
    playbook: TextFields
    variables: TextFields | None = None
    collections: Annotated[
        tuple[Annotated[str, AfterValidator(_collection)], ...], Field(strict=False), AfterValidator(_few)
    ] = ()

    def to_hook(self) -> Hook:
        """The hook in the engine's terms."""
        variables = self.variables.to_source(VARIABLES_KEY) if self.variables is not None else None
        return Hook(self.name, self.playbook.to_source(PLAYBOOK_KEY), variables, tuple(dict.fromkeys(self.collections)))


class AskedFields(HookFields):
    """The annotation `run-playbook`, where its value is a mapping. serial: machines at once; 0 for all."""

    check: bool = False
    serial: Annotated[int, AfterValidator(_serial)] = 0


def _unique(hooks: tuple[HookFields, ...]) -> tuple[HookFields, ...]:
    names = [hook.name for hook in hooks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"has two hooks with the name {twice[0]!r}; each needs one of its own")
    return hooks


HookList = Annotated[tuple[HookFields, ...], Field(strict=False), AfterValidator(_few), AfterValidator(_unique)]


class AnsibleFields(Strict):
    """`ansible`."""

    before_bootstrap: HookList = ()
    after_bootstrap: HookList = ()
    before_clean_up: HookList = ()

    def to_ansible(self) -> Ansible:
        """The hooks in the engine's terms."""
        lists = (self.before_bootstrap, self.after_bootstrap, self.before_clean_up)
        return Ansible(*(tuple(hook.to_hook() for hook in hooks) for hooks in lists))


def dump_ansible(ansible: Ansible) -> dict[str, Any] | None:
    """What `AnsibleFields` reads, as a merge patch: a stage without hooks is taken away. None without any hook."""
    if not ansible:
        return None
    return {str(stage): [_dump_hook(hook) for hook in ansible.of(stage)] or None for stage in SPEC_STAGES}


def _dump_hook(hook: Hook) -> dict[str, Any]:
    parts: Mapping[str, Any] = {
        "variables": hook.variables and _dump_source(hook.variables),
        "collections": list(hook.collections),
    }
    return {"name": hook.name, "playbook": _dump_source(hook.playbook)} | {
        name: value for name, value in parts.items() if value
    }


def _dump_source(source: TextSource) -> dict[str, Any]:
    if source.kind == "file":
        return {"file": source.name}
    reference = "configMapRef" if source.kind == "ConfigMap" else "secretRef"
    return {reference: {"name": source.name, "key": source.key}}
