"""Fingerprints of host keys."""

from __future__ import annotations

import pytest

from capra.model.keys.host_key import fingerprint, known_hosts_line, plain_keys, shown_pin


@pytest.mark.parametrize("comment", ["", " root@host", " a comment of three words"])
def test_a_comment_changes_nothing(comment: str) -> None:
    shown = fingerprint(f"ssh-ed25519 AAAA{comment}")
    assert shown == "SHA256:cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw"


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 AAA", "ssh-ed25519 AA*AA", "ssh-ed25519 ÄÄÄÄ"])
def test_what_is_no_key_is_unreadable(text: str) -> None:
    assert fingerprint(text) == "unreadable"


SHOWN = "SHA256:cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw"


def test_what_stands_for_a_key() -> None:
    pins = ("ssh-ed25519 AAAA", SHOWN, "@cert-authority ssh-rsa AAAA")
    assert [fingerprint(pin) for pin in pins] == [SHOWN] * 3
    assert plain_keys(pins) == ("ssh-ed25519 AAAA",)
    assert [shown_pin(pin) for pin in pins] == [f"ssh-ed25519 {SHOWN}", SHOWN, f"authority ssh-rsa {SHOWN}"]
    assert known_hosts_line("h", pins[2]) == "@cert-authority h ssh-rsa AAAA"
    assert known_hosts_line("h", pins[0]) == "h ssh-ed25519 AAAA"
