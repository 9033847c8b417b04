"""Fields of the API's objects, as far as they can be used. Pure.

What the CRDs accept is never an exception here: fields that cannot be used become a `Problem`, and the rest counts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from capra.errors import InputError
from capra.kube.client.resources import Raw, annotations_of, labels_of, name_of, namespace_of
from capra.model.bastion import MOST_BASTIONS
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine
from capra.model.manifest.machines import MachineFields
from capra.model.manifest.validation import validate
from capra.model.observation import Problem


def pool_of(raw: Raw) -> str:
    """spec.pool."""
    return text_of(raw.get("spec") or {}, "pool")


def text_of(values: Mapping[str, Any], name: str) -> str:
    """The text of this name; empty where there is none."""
    value = values.get(name)
    return value if isinstance(value, str) else ""


def ssh_keys_of(spec: Raw) -> frozenset[str]:
    """The Secrets that the fields of a machine name for it and for its bastions."""
    names, one = [], spec
    for _ in range(MOST_BASTIONS + 1):
        reference = one.get("sshKeyRef")
        names.append(str(reference.get("name", "")) if isinstance(reference, dict) else "")
        one = one["bastion"] if isinstance(one.get("bastion"), dict) else {}
    return frozenset(filter(None, names))


def login_secrets(spec: Raw) -> frozenset[str]:
    """Those, and the Secret with a password for root."""
    reference = spec.get("becomePasswordRef")
    password = str(reference.get("name", "")) if isinstance(reference, dict) else ""
    return ssh_keys_of(spec) | ({password} if password else frozenset())


def decoded(raw: Raw, key: str) -> bytes | None:
    """The value of this key of a Secret; None where there is none."""
    text = (raw.get("data") or {}).get(key)
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # the API server has checked it
        return None


def all_decoded(raw: Raw) -> dict[str, bytes]:
    """The values of a Secret, without those that are empty."""
    return {key: value for key in raw.get("data") or () if (value := decoded(raw, key)) is not None}


def machine_from(raw: Raw, kind: str, spec: MachineSpec) -> RemoteMachine:
    """What there is to bootstrap and to clean, with this spec."""
    return RemoteMachine(
        key=MachineKey(namespace_of(raw), name_of(raw), kind),
        spec=spec,
        uid=str(raw["metadata"].get("uid", "")),
        deleting=bool(raw["metadata"].get("deletionTimestamp")),
        labels=labels_of(raw),
        annotations=annotations_of(raw),
    )


def usable_fields(
    model: type[MachineFields], given: Mapping[str, Any], place: str
) -> tuple[MachineFields, Problem | None]:
    """The fields that the model knows; with a mistake in them, those that can still be used."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    values = {name: value for name, value in given.items() if name in known}
    try:
        return validate(model, values, place), None
    except InputError as error:
        first = getattr(error, "errors", (error,))[0]
        field = ".".join(part for part in (place, first.field) if part)
        return _usable(model, values), Problem(
            field, first.problem, "MissingFields" if _is_missing(first) else "InvalidInput"
        )


def _is_missing(error: InputError) -> bool:
    return error.problem == "is required"


def _usable(model: type[MachineFields], values: Mapping[str, Any]) -> MachineFields:
    """The model with every field that is right when taken alone."""
    usable: dict[str, Any] = {}
    for name, value in values.items():
        try:
            validate(model, {name: value}, "")
        except InputError:
            continue
        usable[name] = value
    usable.pop("customCleanUpCommands", None)
    return validate(model, usable, "")
