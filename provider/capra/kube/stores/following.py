"""How a machine follows the entry of the pool that it was given: what is changed there counts for it, too. Pure.

Otherwise a key that is rotated in the entry would leave the host without a cleanup (the reference follows, too).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from capra.kube.cache import claims
from capra.kube.client.resources import POOL_COMMANDS, POOL_ENTRY, POOL_FIELDS, Raw, annotations_of, labels_of, name_of
from capra.kube.objects import record
from capra.kube.objects.fields import pool_of
from capra.kube.objects.pool_entries import to_entry_machine
from capra.kube.objects.remote_machines import to_remote_machine
from capra.model.bastion import with_new_keys
from capra.model.checks import same_address
from capra.model.machine import Ansible, BecomeMethod, MachineSpec
from capra.model.manifest.ansible import dump_ansible
from capra.model.manifest.machines import dump_bastion
from capra.model.observation import Phase, Record
from capra.model.pool import PoolEntry

GIVEN = (
    "address",
    "port",
    "user",
    "useSudo",
    "becomeMethod",
    "becomePasswordRef",
    "commandsAsScript",
    "workingDir",
    "sshKeyRef",
    "cleanUpCommands",
    "customCleanUpCommands",
    "cleanUp",
    "hostKeys",
    "ansible",
    "bastion",
)
"""Fields of `spec` that a machine gets from its entry."""

COMMANDS = frozenset({"cleanUpCommands", "customCleanUpCommands"})
"""The cleanup commands, in either spelling."""


def given_by(raw: Raw) -> str:
    """The entry that the machine has its fields from; empty where they are its own, or it has none."""
    annotations = annotations_of(raw)
    given = POOL_COMMANDS in annotations and pool_of(raw) and (raw.get("spec") or {}).get("address")
    return annotations.get(POOL_ENTRY, "") if given else ""


def with_keys_of(entry: PoolEntry, kept: Record) -> Record:
    """What is kept of a machine, with the host keys that its entry knows where it has none of its own."""
    return replace(
        kept,
        host_keys=kept.host_keys or entry.host_keys,
        bastion_keys=with_new_keys(kept.bastion_keys, entry.bastion_keys),
    )


def followed(raw: Raw, entry_raw: Raw, spec: MachineSpec, kept: Record) -> MachineSpec:
    """The machine's spec with what its entry says now. An entry with a mistake is not followed. kept: see with_keys_of.

    Another address, or the same one behind another bastion, may be another host: it is followed when that one must show
    a key that is known, or while nothing has been sent to the one before.
    """
    entry, problem = to_entry_machine(entry_raw)
    theirs = entry.spec
    uses = annotations_of(raw).get(POOL_ENTRY) == name_of(entry_raw) or _place(theirs) == _place(spec)
    if not spec.address or not uses or problem is not None:
        return spec
    keys = theirs.host_keys or spec.host_keys
    known = bool(keys or kept.host_keys) or (kept.phase in {Phase.NEW, Phase.CLEAN} and not spec.provider_id)
    place = (theirs.address, theirs.port) if known else (spec.address, spec.port)
    bastion = theirs.bastion or (None if "bastion" in _noted(raw) else spec.bastion)
    return replace(
        spec,
        address=place[0],
        port=place[1],
        user=theirs.user,
        use_sudo=theirs.use_sudo,
        become_method=theirs.become_method,
        become_secret=theirs.become_secret,
        become_key=theirs.become_key,
        ssh_key_name=theirs.ssh_key_name or spec.ssh_key_name,
        host_keys=keys,
        clean_up=theirs.clean_up or (None if "cleanUp" in _noted(raw) else spec.clean_up),
        bastion=bastion if known else spec.bastion,
        ansible=theirs.ansible or (Ansible() if "ansible" in _noted(raw) else spec.ansible),
        clean_up_commands=claims.newest_commands(raw, spec.clean_up_commands, theirs.clean_up_commands),
    )


def _place(spec: MachineSpec) -> tuple[str, int]:
    return same_address(spec.address), spec.port


def spec_changes(own: MachineSpec, wanted: MachineSpec) -> dict[str, Any]:
    """The merge patch of the machine's `spec` that writes down what it follows; empty if that is there. Commands
    are not written: the machine's own count unless the entry's have changed."""
    if replace(own, clean_up_commands=()) == replace(wanted, clean_up_commands=()):
        return {}
    return {
        "address": wanted.address,
        "port": wanted.port,
        "user": wanted.user,
        "useSudo": wanted.use_sudo,
        "becomeMethod": wanted.become_method.value if wanted.become_method is not BecomeMethod.SUDO else None,
        "becomePasswordRef": {"name": wanted.become_secret, "key": wanted.become_key} if wanted.become_secret else None,
        "sshKeyRef": {"name": wanted.ssh_key_name} if wanted.ssh_key_name else None,
        "cleanUp": wanted.clean_up.value if wanted.clean_up else None,
        "hostKeys": list(wanted.host_keys) or None,
        "ansible": dump_ansible(wanted.ansible),
        "bastion": dump_bastion(wanted.bastion),
    }


def taken_back(raw: Raw, entry_raw: Raw | None) -> dict[str, Any]:
    """The merge patch of a machine that gives back what it had from the entry: the fields that it got, and labels and
    annotations that are still the entry's. Its record is one of a machine that has not begun."""
    spec, entry = raw.get("spec") or {}, entry_raw or {"metadata": {}}
    fields = {name: None for name in _given(raw, (entry.get("spec") or {}).get("machine") or {}) if name in spec}
    labels = _same(labels_of(raw), labels_of(entry))
    notes = dict.fromkeys((POOL_ENTRY, POOL_COMMANDS, POOL_FIELDS))
    annotations = {**notes, **_same(annotations_of(raw), annotations_of(entry))}
    return {
        "metadata": {"labels": labels, "annotations": annotations | record.dump_record(Record())},
        "spec": fields,
    }


def _given(raw: Raw, theirs: Mapping[str, Any]) -> Iterator[str]:
    """The fields that the machine has from its entry, which may say something else by now, or be gone. Commands that it
    has since got of its own stay. theirs: what the entry says now."""
    spec, annotations = raw.get("spec") or {}, annotations_of(raw)
    noted = _noted(raw)
    own, _ = to_remote_machine(raw)
    copied = claims.commands_digest(own.spec.clean_up_commands) == annotations.get(POOL_COMMANDS)
    for name in GIVEN:
        same = name == "address" or (name in theirs and spec.get(name) == theirs[name])
        if same or (copied if name in COMMANDS else name in noted):
            yield name


def _noted(raw: Raw) -> list[str]:
    """The fields that the machine got from its entry."""
    return annotations_of(raw).get(POOL_FIELDS, "").split(",")


def _same(mine: Any, theirs: Any) -> dict[str, None]:
    return {name: None for name, value in claims.passed_on(theirs).items() if mine.get(name) == value}
