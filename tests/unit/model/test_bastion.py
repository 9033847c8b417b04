"""Chains of bastions, and the keys that are known of them."""

from __future__ import annotations

from capra.model.bastion import Bastion, bastion_field, known_keys, with_new_keys

OUTER = Bastion("2001:DB8::1", 2222)
INNER = Bastion("bastion.example.org", bastion=OUTER)
KEY, OTHER = "ssh-ed25519 AAAA", "ssh-ed25519 BBBB"


def test_a_chain_goes_outwards() -> None:
    assert INNER.chain == (INNER, OUTER)
    assert OUTER.chain == (OUTER,)
    assert OUTER.place == "[2001:DB8::1]:2222"
    assert [bastion_field("spec.machine", number) for number in (0, 2)] == [
        "spec.machine.bastion",
        "spec.machine.bastion.bastion.bastion",
    ]


def test_keys_are_known_by_the_name_that_openssh_has_for_a_place() -> None:
    lines = (f"[2001:db8::1]:2222 {KEY}", f"[2001:db8::1]:2222 {OTHER}", f"2001:db8::1 {KEY}")
    assert known_keys(lines, OUTER) == (KEY, OTHER)
    assert known_keys(lines, INNER) == ()


def test_a_key_that_is_known_is_never_replaced() -> None:
    assert with_new_keys(("a k1",), ("a k2", "b k3")) == ("a k1", "b k3")
    assert with_new_keys((), ("a k1", "a k2")) == ("a k1", "a k2")
