"""Manifest files → machines, Secrets and owners. Reads files, contacts nobody."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from capra.errors import InputError, InputErrors
from capra.local.reading.bounded import read_bounded_file, too_large
from capra.local.reading.documents import RawDocument, read_documents
from capra.local.reading.exposed import exposed_keys
from capra.model.checks import same_address
from capra.model.machine import MachineKey, RemoteMachine
from capra.model.manifest.machines import PooledRemoteMachineDocument
from capra.model.manifest.others import ConfigMapDocument, CoreMachineDocument, SecretDocument
from capra.model.manifest.validation import Document, to_document

STANDARD_INPUT = "-"
MAX_BYTES = 64 * 2**20
"""Of one file. A cluster of 1,000 machines has 2 MiB."""

_Result = TypeVar("_Result")
_Named = TypeVar("_Named", SecretDocument, ConfigMapDocument)


@dataclass(frozen=True)
class Placed:
    """A machine and where it was read. subject, place: as in RawDocument. field: the path of its machine fields, `spec`
    or `spec.machine`. directory: of the file; the caller's for standard input."""

    machine: RemoteMachine
    subject: str
    field: str
    place: str
    directory: Path = Path()


@dataclass(frozen=True)
class Manifests:
    """What the files say. secrets, config_maps: by namespace and name. owners: the Machine of each RemoteMachine.
    ignored: how many documents of each kind say nothing about a machine. exposed: see exposed_keys."""

    machines: tuple[Placed, ...]
    secrets: Mapping[tuple[str, str], SecretDocument] = field(repr=False)
    owners: Mapping[MachineKey, CoreMachineDocument]
    ignored: Mapping[str, int]
    config_maps: Mapping[tuple[str, str], ConfigMapDocument] = field(default_factory=dict)
    exposed: tuple[str, ...] = ()


def load_manifests(files: Sequence[str]) -> Manifests:
    """Everything in the files, checked. files: paths, `-` for standard input.

    Raises InputErrors with every problem found.
    """
    errors: list[InputError] = []
    documents: list[tuple[RawDocument, Document]] = []
    ignored: Counter[str] = Counter()
    for file in files:
        for raw in _collect(errors, partial(read_file, file)) or ():
            before = len(errors)
            document = _collect(errors, partial(to_document, raw.content, raw.subject))
            if document is not None:
                documents.append((raw, document))
            elif len(errors) == before:
                ignored[str(raw.content["kind"])] += 1
    machines = _machines(documents, errors)
    secrets = _named(SecretDocument, documents, errors)
    config_maps = _named(ConfigMapDocument, documents, errors)
    owners = _owners(documents, errors)
    if not machines and not errors:
        problem = "no machine is in there: a RemoteMachine or PooledRemoteMachine document is needed"
        errors.append(InputError(problem, subject=", ".join(files)))
    raise_all(errors)
    held = [(raw.source, one) for raw, one in documents if isinstance(one, SecretDocument)]
    exposed = exposed_keys((source, one) for source, one in held if source != STANDARD_INPUT)
    return Manifests(tuple(machines), secrets, owners, ignored, config_maps, exposed)


def raise_all(errors: Sequence[InputError]) -> None:
    """Raise them together, if there are any."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise InputErrors(errors)


def _collect(errors: list[InputError], read_one: Callable[[], _Result]) -> _Result | None:
    """The result, or None with the errors put to the others."""
    try:
        return read_one()
    except InputErrors as several:
        errors.extend(several.errors)
    except InputError as error:
        errors.append(error)
    return None


def read_file(file: str) -> list[RawDocument]:
    """The documents of a file; `-` is standard input. Raises InputError."""
    name = "standard input" if file == STANDARD_INPUT else file
    try:
        if file == STANDARD_INPUT:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            data = read_bounded_file(Path(file), MAX_BYTES, name)
        if len(data) > MAX_BYTES:
            raise too_large(MAX_BYTES, name)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=name) from None
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text: byte {error.start + 1}", subject=name) from None
    documents = [replace(one, source=file) for one in read_documents(text, name)]
    if not documents:
        raise InputError("is empty", subject=name)
    return documents


def _machines(documents: Iterable[tuple[RawDocument, Document]], errors: list[InputError]) -> list[Placed]:
    placed: list[Placed] = []
    for raw, document in documents:
        if isinstance(document, SecretDocument | ConfigMapDocument | CoreMachineDocument):
            continue
        pooled = isinstance(document, PooledRemoteMachineDocument)
        directory = Path(raw.source).parent if raw.source != STANDARD_INPUT else Path()
        one = Placed(document.to_machine(), raw.subject, "spec.machine" if pooled else "spec", raw.place, directory)
        problem = _refused(one, placed)
        if problem is not None:
            errors.append(problem)
        else:
            placed.append(one)
    return placed


def _refused(one: Placed, others: Iterable[Placed]) -> InputError | None:
    """Why this machine cannot stand beside the others."""
    machine, spec = one.machine, one.machine.spec
    address = f"{one.field}.address"
    if not spec.address and spec.pool:
        problem = (
            "is required here: only the controller in a cluster hands out machines of a pool; give the"
            " PooledRemoteMachine documents instead"
        )
        return InputError(problem, subject=one.subject, field=address)
    if not spec.address:
        return InputError("is required", subject=one.subject, field=address)
    for other in others:
        if other.machine.key == machine.key:
            problem = f"is given twice: {other.place} and {one.place}; keep one"
            return InputError(problem, subject=one.subject, field="metadata.name")
        if _place(other.machine) == _place(machine):
            problem = f"has the same address and port as {other.machine.key}: {spec.place}; each host is one machine"
            return InputError(problem, subject=one.subject, field=address)
    return None


def _place(machine: RemoteMachine) -> tuple[str, int]:
    return same_address(machine.spec.address), machine.spec.port


def _named(
    kind: type[_Named], documents: Iterable[tuple[RawDocument, Document]], errors: list[InputError]
) -> dict[tuple[str, str], _Named]:
    """The Secrets, or the ConfigMaps."""
    found: dict[tuple[str, str], _Named] = {}
    read: dict[tuple[str, str], str] = {}
    for raw, document in documents:
        if not isinstance(document, kind):
            continue
        place = (document.metadata.namespace, document.metadata.name)
        if place in found:
            problem = f"is given twice: {read[place]} and {raw.place}; keep one"
            errors.append(InputError(problem, subject=raw.subject, field="metadata.name"))
        found[place] = document
        read[place] = raw.place
    return found


def _owners(
    documents: Iterable[tuple[RawDocument, Document]], errors: list[InputError]
) -> dict[MachineKey, CoreMachineDocument]:
    owners: dict[MachineKey, CoreMachineDocument] = {}
    for raw, document in documents:
        if not isinstance(document, CoreMachineDocument):
            continue
        key = document.infrastructure
        if key in owners:
            problem = f"a second Machine refers to {key}; the first is {owners[key].metadata.name}"
            errors.append(InputError(problem, subject=raw.subject, field="spec.infrastructureRef"))
        owners[key] = document
    return owners
