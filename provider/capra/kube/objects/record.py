"""The record of a machine as an annotation: what must survive a restart, a move and the loss of status."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from capra.kube.client.resources import BASTION_HOST_KEYS, FINALIZER, HOST_KEYS, RECORD, Raw, annotations_of
from capra.model import checks
from capra.model.observation import Phase, PlaybookRun, Record
from capra.model.saved_record import Count, Moment, SavedRecord

MESSAGE_LENGTH = 1500
"""Characters of a message that are kept: all annotations of an object share 256 KiB."""


class _SavedRun(BaseModel):
    """The fields of a PlaybookRun."""

    model_config = SavedRecord.model_config

    id: str = ""
    attempts: Count = 0
    not_before: Moment = 0.0
    reason: str = ""
    message: str = ""
    under_way: bool = False


class _Saved(SavedRecord):
    """The annotation's content."""

    not_before: Moment = 0.0
    playbook: _SavedRun | None = None


def load_record(raw: Raw) -> Record:
    """The record of an object.

    An object with the finalizer and without a record was the reference's, or somebody has damaged it: a bootstrap may
    have begun, and so its host counts as used.
    """
    text = annotations_of(raw).get(RECORD)
    keys, of_bastions = host_keys(raw), bastion_keys(raw)
    if text is not None:
        try:
            saved = _Saved.model_validate_json(text)
            run = PlaybookRun(**dict(saved.playbook)) if saved.playbook is not None else None
            found = dict(saved) | {"phase": saved.believed_phase, "playbook": run}
            return Record(**found | {"host_keys": keys, "bastion_keys": of_bastions})
        except ValidationError:
            return Record(phase=_unknown(raw), host_keys=keys, bastion_keys=of_bastions)
    unknown = FINALIZER in raw["metadata"].get("finalizers", ())
    return Record(phase=_unknown(raw) if unknown else Phase.NEW, host_keys=keys, bastion_keys=of_bastions)


def _unknown(raw: Raw) -> Phase:
    """With a provider ID it was provisioned, as `decide` sees by itself; without an address nothing was contacted."""
    spec = raw.get("spec") or {}
    return Phase.NEW if spec.get("providerID") or not spec.get("address") else Phase.BOOTSTRAPPING


def dump_record(record: Record) -> dict[str, str | None]:
    """The annotations of a record; None removes one."""
    values = {name: getattr(record, name) for name in _Saved.model_fields}
    values["message"] = record.message[:MESSAGE_LENGTH]
    values["playbook"] = _SavedRun(**vars(record.playbook)) if record.playbook is not None else None
    saved = _Saved(**values)
    return {
        RECORD: saved.model_dump_json(by_alias=True, exclude_defaults=True),
        **dump_keys(record),
    }


def dump_keys(record: Record) -> dict[str, str | None]:
    """The annotations of the keys alone; None removes one."""
    return {
        HOST_KEYS: "\n".join(record.host_keys) or None,
        BASTION_HOST_KEYS: "\n".join(record.bastion_keys) or None,
    }


def record_changes(before: Record, now: Record, after: Record) -> dict[str, str | None]:
    """The annotations of a record, without host keys where somebody has changed those meanwhile: what a person says
    takes precedence over what a host has shown. before: as it was loaded. now: as it is."""
    annotations = dump_record(after)
    if now.host_keys != before.host_keys:
        del annotations[HOST_KEYS]
    if now.bastion_keys != before.bastion_keys:
        del annotations[BASTION_HOST_KEYS]
    return annotations


def host_keys(raw: Raw) -> tuple[str, ...]:
    """The annotation's keys, one per line; what is not a key is left out."""
    return tuple(_valid_keys(annotations_of(raw).get(HOST_KEYS, "").splitlines()))


def bastion_keys(raw: Raw) -> tuple[str, ...]:
    """The keys of bastions of their annotation, each `NAME TYPE BASE64`; what is none is left out."""
    lines = []
    for line in annotations_of(raw).get(BASTION_HOST_KEYS, "").splitlines():
        name, _, key = line.strip().partition(" ")
        lines += [f"{name} {valid}" for valid in _valid_keys([key])]
    return tuple(lines)


def _valid_keys(lines: Iterable[str]) -> list[str]:
    keys = []
    for line in lines:
        try:
            keys.append(checks.host_key(line))
        except ValueError:
            continue
    return keys
