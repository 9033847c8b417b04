"""What a host says of itself is data of a stranger: bounded, printable, of the right type, or left out."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capra.engine.probes.facts import LIST_LENGTH, WORD_LENGTH, entry_facts
from capra.model.probe import EntryFacts

TOLD = {
    "os.id": "debian",
    "os.version": "12",
    "kernel": "6.1.0-18-amd64",
    "architecture": "x86_64",
    "cpus": "4",
    "memory": "2031616",
    "disk./var/lib": "20000000 41943040",
    "init": "systemd",
    "virtualization": "kvm",
    "machine_id": "0123456789abcdef0123456789abcdef",
    "addresses": "192.0.2.1 2001:DB8::1 192.0.2.1",
    "here.services": "k0sworker",
    "here.processes": "k0s kubelet",
    "here.programs": "/usr/local/bin/k0s",
}


def test_all_of_them() -> None:
    assert entry_facts(TOLD) == EntryFacts(
        os="debian",
        os_version="12",
        kernel="6.1.0-18-amd64",
        architecture="amd64",
        cpus=4,
        memory=1984,
        disk=40960,
        init="systemd",
        virtualization="kvm",
        machine_id="0123456789abcdef0123456789abcdef",
        addresses=("192.0.2.1", "2001:db8::1"),
        kubernetes=("k0sworker", "k0s", "kubelet"),
    )


def test_a_host_that_says_nothing() -> None:
    assert entry_facts({}) == EntryFacts()


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("os.id", "{{ lookup('pipe', 'id') }}", "os"),
        ("os.id", "a" * (WORD_LENGTH + 1), "os"),
        ("os.version", "12\x1b[31m", "os_version"),
        ("kernel", "6.1 0", "kernel"),
        ("architecture", "", "architecture"),
        ("cpus", "-1", "cpus"),
        ("cpus", "9" * 40, "cpus"),
        ("cpus", "\u0664", "cpus"),
        ("memory", "much", "memory"),
        ("disk./var/lib", "12", "disk"),
        ("machine_id", "0123456789ABCDEF0123456789abcdef", "machine_id"),
        ("addresses", "fe80::1%x 127.0.0.1 ::1 169.254.0.1 0.0.0.0 host", "addresses"),
        ("here.processes", "$(id)", "kubernetes"),
    ],
)
def test_what_cannot_be_true_is_left_out(name: str, text: str, field: str) -> None:
    assert not getattr(entry_facts({name: text}), field)


@given(st.dictionaries(st.sampled_from(sorted(TOLD)), st.text(max_size=300) | st.integers() | st.lists(st.text())))
def test_whatever_it_says(told: dict[str, object]) -> None:
    facts = entry_facts(told)
    for one in fields(facts):
        value = getattr(facts, one.name)
        assert isinstance(value, type(one.default))
        for word in value if isinstance(value, tuple) else (value,):
            assert not isinstance(word, str) or (len(word) <= WORD_LENGTH and word.isprintable())
            assert not isinstance(word, int) or 0 <= word < 2**53
    assert len(facts.addresses) <= LIST_LENGTH
    assert len(facts.kubernetes) <= LIST_LENGTH
