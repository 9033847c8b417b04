"""Fingerprints of host keys."""

from __future__ import annotations

import pytest

from capra.model.keys.host_key import fingerprint


@pytest.mark.parametrize("comment", ["", " root@host", " a comment of three words"])
def test_a_comment_changes_nothing(comment: str) -> None:
    shown = fingerprint(f"ssh-ed25519 AAAA{comment}")
    assert shown == "SHA256:cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw"


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 AAA", "ssh-ed25519 AA*AA", "ssh-ed25519 ÄÄÄÄ"])
def test_what_is_no_key_is_unreadable(text: str) -> None:
    assert fingerprint(text) == "unreadable"
