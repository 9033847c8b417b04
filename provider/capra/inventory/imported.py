"""Hosts of somebody else's inventory, as RemoteMachines or PooledRemoteMachines with their Secrets. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capra.errors import InputError, InputErrors, renamed
from capra.model.checks import same_address
from capra.model.host_port import join_host_port
from capra.model.keys.ssh_key import public_fingerprint
from capra.model.machine import GROUP
from capra.model.manifest.validation import to_document

API_VERSION = f"{GROUP}/v1beta2"
DIGEST_LENGTH = 12
"""Hexadecimal digits, which tell keys apart in the names of Secrets."""

_OTHER = re.compile(r"[^a-z0-9.-]+")
_EDGES = re.compile(r"^[.-]+|[.-]+$")


@dataclass(frozen=True)
class ImportedHost:
    """subject: what errors call it. name: of the object. fields: of `spec` or `spec.machine`, without `sshKeyRef`.
    key_file: path of its SSH private key. own_names: what these fields are called in the inventory, below the subject,
    where that has other names."""

    subject: str
    name: str
    fields: Mapping[str, Any]
    key_file: str
    own_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def field_names(self) -> dict[str, str]:
        """For `renamed`: fields of a machine to those of the inventory, from its root."""
        place = self.subject.rpartition(": ")[2]
        return {f"spec.{name}": f"{place}.{own}" for name, own in self.own_names.items()}


@dataclass(frozen=True)
class Imported:
    """hosts: in their order. notes: what has no counterpart, a sentence each."""

    hosts: tuple[ImportedHost, ...]
    notes: tuple[str, ...] = ()


@dataclass
class Problems:
    """Collects what is wrong, so that a person can mend it all at once."""

    errors: list[InputError] = field(default_factory=list)

    def add(self, problem: str, subject: str, place: str = "") -> None:
        """One of them."""
        self.errors.append(InputError(problem, subject=subject, field=place))

    def raise_all(self) -> None:
        """Raise InputErrors, if there are any."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InputErrors(self.errors)


def as_object_name(text: str) -> str:
    """The text as the name of an object: `Node_1.example.com` is `node-1.example.com`. It may still be none."""
    return _EDGES.sub("", _OTHER.sub("-", text.lower()))


def documents(
    hosts: Sequence[ImportedHost], keys: Mapping[str, str], *, namespace: str = "", pool: str = ""
) -> list[dict[str, Any]]:
    """The Secrets, one for each key, and then the machines. keys: SSH private keys, by path. namespace: empty for
    none in the documents. pool: makes PooledRemoteMachines of them.

    Raises InputErrors for what no such object may have, and for two hosts with one name or at one place.
    """
    problems = Problems()
    _refuse_twins(hosts, problems)
    names = secret_names({host.key_file: keys[host.key_file] for host in hosts})
    where = {"namespace": namespace} if namespace else {}
    made = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, **where},
            "stringData": {"value": key},
        }
        for name, key in {names[path]: keys[path] for path in names}.items()
    ]
    for host in hosts:
        document = _machine(host, names[host.key_file], where, pool)
        try:
            to_document(document, host.subject)
        except InputErrors as several:
            problems.errors += [_of_host(error, host) for error in several.errors]
        except InputError as error:
            problems.errors.append(_of_host(error, host))
        made.append(document)
    problems.raise_all()
    return made


def _of_host(error: InputError, host: ImportedHost) -> InputError:
    """The error with the field's name in the inventory. Its subject is the host already."""
    names = {f"spec.{name}": own for name, own in host.own_names.items()}
    field = renamed(error.field.replace("spec.machine.", "spec."), names) if names else error.field
    return InputError(error.problem, subject=error.subject, field=field, reason=error.reason)


def _machine(host: ImportedHost, secret: str, where: Mapping[str, str], pool: str) -> dict[str, Any]:
    fields = {**host.fields, "sshKeyRef": {"name": secret}}
    return {
        "apiVersion": API_VERSION,
        "kind": "PooledRemoteMachine" if pool else "RemoteMachine",
        "metadata": {"name": host.name, **where},
        "spec": {"pool": pool, "machine": fields} if pool else fields,
    }


def _refuse_twins(hosts: Iterable[ImportedHost], problems: Problems) -> None:
    names: dict[str, str] = {}
    places: dict[tuple[str, object], str] = {}
    for host in hosts:
        if host.name in names:
            problems.add(f"becomes {host.name!r}, as {names[host.name]} does; rename one", host.subject)
        address, port = host.fields.get("address"), host.fields.get("port", 22)
        place = (same_address(str(address)), port)
        if place in places and isinstance(port, int):
            at = join_host_port(str(address), port)
            problems.add(f"is at {at}, as {places[place]} is; each host is one machine", host.subject)
        names.setdefault(host.name, host.subject)
        places.setdefault(place, host.subject)


def secret_names(keys: Mapping[str, str]) -> dict[str, str]:
    """A name for the Secret of each key file, after the file and the public half of its key: `~/.ssh/id_ed25519` is
    `id-ed25519-3f0c9a1b72de`. The same key in files of one name is one Secret; another key has another one, whichever
    inventory it is of. keys: SSH private keys in OpenSSH's format, by path."""
    return {path: _secret_name(path, key) for path, key in keys.items()}


def _secret_name(path: str, key: str) -> str:
    digest = hashlib.sha256(public_fingerprint(key).encode()).hexdigest()[:DIGEST_LENGTH]
    plain = as_object_name(path.rpartition("/")[2]) or "ssh-key"
    # The file that an export has written is named after the Secret.
    return plain if plain.endswith(f"-{digest}") else f"{plain}-{digest}"
