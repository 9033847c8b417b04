"""`capra pool export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from capra.cli.errors import ExitCode, note
from capra.cli.yaml_output import print_yaml
from capra.errors import InputError
from capra.inventory.ansible import to_ansible
from capra.local.inventories.keys import write_keys
from capra.local.reading.manifests import Manifests, load_manifests
from capra.model.keys.ssh_key import check_key
from capra.model.machine import RemoteMachine

EXAMPLES = (
    "kubectl get pooledremotemachines -o yaml | capra pool export -f -",
    "capra pool export -f pool.yaml -f key.yaml --key-directory keys",
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `capra pool export`."""

    file: Annotated[
        list[str],
        typer.Option("--file", "-f", metavar="FILE", help="Manifest, YAML or JSON; - is standard input. Repeatable."),
    ]
    pool: Annotated[str, typer.Option(metavar="NAME", help="Only this pool.", show_default="all")] = ""
    key_directory: Annotated[
        str, typer.Option(metavar="DIR", help="Write the SSH keys of the Secrets here, and name them in the inventory.")
    ] = ""


def pool_export(options: Options) -> int:
    """Print an inventory of Ansible made of pool entries.

    Without a directory for keys no key is read, and the inventory names none. Contacts no host.
    """
    manifests = load_manifests(options.file)
    chosen = [placed.machine for placed in manifests.machines if placed.machine.spec.pool]
    chosen = [one for one in chosen if one.key.kind != "RemoteMachine" and options.pool in ("", one.spec.pool)]
    if not chosen:
        of = f" of pool {options.pool}" if options.pool else ""
        raise InputError(f"no PooledRemoteMachine{of} is in there", subject=", ".join(options.file))
    _refuse_namespaces(chosen)
    for one in chosen:
        if one.spec.ansible:
            note(f"warning: {one.key}: spec.machine.ansible has no counterpart: it is playbooks of its own")
    keys = _keys(chosen, manifests, Path(options.key_directory)) if options.key_directory else {}
    print_yaml(to_ansible([(one.key.name, one.spec) for one in chosen], keys))
    return ExitCode.DONE


def _refuse_namespaces(machines: Sequence[RemoteMachine]) -> None:
    """An inventory has one host of a name."""
    found = sorted({one.key.namespace for one in machines})
    if len(found) > 1:
        problem = f"the entries are of several namespaces: {', '.join(found)}; give those of one"
        raise InputError(problem, subject="--file")


def _keys(machines: Sequence[RemoteMachine], manifests: Manifests, directory: Path) -> Mapping[str, str]:
    """The paths of the keys that were written, by the name of their Secret."""
    keys = {}
    for one in machines:
        place = (one.key.namespace, one.spec.ssh_key_name)
        document = manifests.secrets.get(place)
        value = document.values().get("value") if document else None
        if value is None:
            problem = f"Secret {one.spec.ssh_key_name!r} with the key 'value' is not in the files"
            raise InputError(problem, subject=str(one.key), field="spec.machine.sshKeyRef.name")
        keys[one.spec.ssh_key_name] = check_key(value, subject=f"Secret {one.spec.ssh_key_name}").openssh
    return write_keys(directory, keys)
