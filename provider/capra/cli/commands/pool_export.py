"""`capra pool export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from capra.cli.errors import ExitCode, note
from capra.cli.options.pool_export import Options
from capra.cli.output.yaml_output import print_yaml
from capra.errors import InputError
from capra.inventory.ansible import to_ansible
from capra.local.inventories.keys import write_keys
from capra.local.reading.manifests import Manifests, load_manifests
from capra.model.keys.ssh_key import check_key
from capra.model.machine import RemoteMachine


def pool_export(options: Options) -> int:
    """Returns the exit code."""
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
