"""Hosts of somebody else's inventory, as RemoteMachines or PooledRemoteMachines with their Secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capra.errors import InputError, InputErrors
from capra.model.checks import same_address
from capra.model.host_port import join_host_port
from capra.model.machine import GROUP
from capra.model.manifest.validation import to_document

API_VERSION = f"{GROUP}/v1beta2"
_OTHER = re.compile(r"[^a-z0-9.-]+")
_EDGES = re.compile(r"^[.-]+|[.-]+$")


@dataclass(frozen=True)
class ImportedHost:
    """subject: what errors call it. name: of the object. fields: of `spec` or `spec.machine`, without `sshKeyRef`.
    key_file: path of its SSH private key."""

    subject: str
    name: str
    fields: Mapping[str, Any]
    key_file: str


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
    """The Secrets, one for each key file, and then the machines. keys: SSH private keys, by path. namespace: empty for
    none in the documents. pool: makes PooledRemoteMachines of them.

    Raises InputErrors for what no such object may have, and for two hosts with one name or at one place.
    """
    problems = Problems()
    _refuse_twins(hosts, problems)
    names = secret_names(host.key_file for host in hosts)
    where = {"namespace": namespace} if namespace else {}
    made = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, **where},
            "stringData": {"value": keys[path]},
        }
        for path, name in names.items()
    ]
    for host in hosts:
        document = _machine(host, names[host.key_file], where, pool)
        try:
            to_document(document, host.subject)
        except InputErrors as several:
            problems.errors += several.errors
        except InputError as error:
            problems.errors.append(error)
        made.append(document)
    problems.raise_all()
    return made


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


def secret_names(paths: Iterable[str]) -> dict[str, str]:
    """A name for the Secret of each key file, after the file: `~/.ssh/id_ed25519` is `id-ed25519`; the second one of a
    name ends with `-2`."""
    names: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        plain = as_object_name(path.rpartition("/")[2]) or "ssh-key"
        name, number = plain, 2
        while name in names.values():
            name, number = f"{plain}-{number}", number + 1
        names[path] = name
    return names
