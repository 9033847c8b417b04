"""What every ssh of a run has in common."""

from __future__ import annotations

from pathlib import Path

from capra.runs.ssh.options import one_file, session_options


def test_a_known_key_is_the_only_one() -> None:
    options = session_options(Path("/run"), "192.0.2.1", 2222, ("ssh-ed25519 AAAA",))
    assert (options["StrictHostKeyChecking"], options["HostKeyAlias"]) == ("yes", "[192.0.2.1]:2222")
    assert session_options(Path("/run"), "a", 22, ())["StrictHostKeyChecking"] == "accept-new"


def test_nothing_of_the_caller_opens_a_door() -> None:
    options = session_options(Path("/run"), "a", 22, ())
    assert (options["IdentityAgent"], options["ForwardAgent"], options["BatchMode"]) == ("none", "no", "yes")


def test_a_path_is_one_word_to_openssh() -> None:
    assert one_file(Path("/run time/100%/x")) == '"/run time/100%%/x"'
