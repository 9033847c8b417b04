"""The texts of hooks: from the ConfigMaps and Secrets of the manifests, and from files beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from capra.engine.hooks.texts import MAX_BYTES, to_hook_text
from capra.errors import InputError
from capra.local.reading.bounded import read_bounded_file
from capra.local.reading.manifests import Manifests, Placed, raise_all
from capra.model.machine import Hook, Stage, TextSource
from capra.model.observation import HookText


def load_hooks(manifests: Manifests, placed: Placed, stages: Iterable[Stage]) -> tuple[HookText, ...]:
    """The hooks of a machine in these stages. Raises InputErrors with every problem."""
    found: list[HookText] = []
    errors: list[InputError] = []
    for stage in stages:
        for index, hook in enumerate(placed.machine.spec.ansible.of(stage)):
            field = f"{placed.field}.ansible.{stage}[{index}]"
            try:
                found.append(_load(manifests, placed, stage, hook, field))
            except InputError as error:
                errors.append(error)
    raise_all(errors)
    return tuple(found)


def _load(manifests: Manifests, placed: Placed, stage: Stage, hook: Hook, field: str) -> HookText:
    playbook = _read(manifests, placed, hook.playbook, f"{field}.playbook")
    variables = _read(manifests, placed, hook.variables, f"{field}.variables") if hook.variables else None
    try:
        return to_hook_text(stage, hook, playbook, variables)
    except InputError as error:
        raise InputError(f"{error.subject}: {error.problem}", subject=placed.subject, field=field) from None


def _read(manifests: Manifests, placed: Placed, source: TextSource, field: str) -> bytes:
    if source.kind == "file":
        return read_text_file(placed.directory / Path(source.name).expanduser(), f"{placed.subject}: {field}")
    documents = manifests.config_maps if source.kind == "ConfigMap" else manifests.secrets
    namespace = placed.machine.key.namespace
    document = documents.get((namespace, source.name))
    problem = ""
    if document is None:
        problem = f"{source.kind} {source.name} of namespace {namespace} is not in the files"
    elif source.key not in (values := document.values()):
        found = ", ".join(sorted(values)) or "nothing"
        problem = f"{source.kind} {source.name} must have the key {source.key!r}, but has: {found}"
    else:
        return values[source.key]
    raise InputError(problem, subject=placed.subject, field=field)


def read_text_file(path: Path, subject: str) -> bytes:
    """A file with a playbook or with variables. Raises InputError."""
    try:
        return read_bounded_file(path, MAX_BYTES, f"{subject}: {path}")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", subject=subject) from None
