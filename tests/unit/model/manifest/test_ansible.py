"""`spec.ansible`: what it means, in both versions, and that it can be written down as it was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capra.local.reading.manifests import load_manifests
from capra.model.machine import Ansible, Hook, TextSource
from capra.model.manifest.ansible import AnsibleFields, dump_ansible
from capra.model.manifest.validation import validate
from tests.unit.local.examples import machine, write

GIVEN: dict[str, Any] = {
    "beforeBootstrap": [
        {
            "name": "harden",
            "playbook": {"configMapRef": {"name": "site", "key": "harden.yml"}},
            "variables": {"secretRef": {"name": "site-secrets"}},
            "collections": ["community.general", "community.general"],
        },
        {"name": "more", "playbook": {"configMapRef": {"name": "site"}, "secretRef": None}},
    ],
    "beforeCleanUp": [{"name": "harden", "playbook": {"file": "bye.yml"}}],
}
READ = Ansible(
    before_bootstrap=(
        Hook(
            "harden",
            TextSource("ConfigMap", "site", "harden.yml"),
            TextSource("Secret", "site-secrets", "variables.yml"),
            ("community.general",),
        ),
        Hook("more", TextSource("ConfigMap", "site", "playbook.yml")),
    ),
    before_clean_up=(Hook("harden", TextSource("file", "bye.yml")),),
)


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_hooks_of_a_machine_and_of_an_entry(tmp_path: Path, version: str) -> None:
    one = machine(version=version, ansible=GIVEN)
    entry = machine("entry", version=version)
    entry |= {"kind": "PooledRemoteMachine", "spec": {"pool": "p", "machine": {"address": "b", "ansible": GIVEN}}}
    read = load_manifests([write(tmp_path, one, entry)]).machines
    assert [placed.machine.spec.ansible for placed in read] == [READ, READ]


@pytest.mark.parametrize("nothing", [{}, {"beforeBootstrap": []}, {"beforeBootstrap": None}])
def test_what_asks_for_nothing_is_nothing(nothing: dict[str, Any]) -> None:
    read = validate(AnsibleFields, nothing, "").to_ansible()
    assert not read
    assert dump_ansible(read) is None


def test_what_was_read_is_written_down_whole() -> None:
    dumped = dump_ansible(READ)
    assert dumped is not None
    assert dumped["afterBootstrap"] is None, "a merge patch takes away what stood there"
    assert validate(AnsibleFields, dumped, "").to_ansible() == READ
