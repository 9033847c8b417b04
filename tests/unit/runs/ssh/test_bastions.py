"""The files that lead through bastions, as OpenSSH itself reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from capra.model.bastion import Bastion
from capra.model.run import Connection
from capra.runs.ssh.bastions import SAID_LIMIT, bastions_said, lay_out_bastions, new_bastion_keys

KEY = "ssh-ed25519 AAAA"
INNER = Bastion("fe80::1%eth0", 22, "ops%h")
OUTER = Bastion("192.0.2.9", 2222, "jump", host_keys=(KEY,))
CONNECTION = Connection("10.2.0.1", bastions=(INNER, OUTER))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With what a private directory's path may have."""
    place = tmp_path / "run %h time'"
    place.mkdir()
    return place


def _read(directory: Path, number: int) -> dict[str, str]:
    """The configuration of one bastion, as OpenSSH understands it."""
    command = ["ssh", "-F", str(directory / f"bastion-{number}" / "ssh_config"), "-G", "--", "10.9.9.9"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in told.splitlines() if " " in line)


def test_each_has_its_own_key_and_known_hosts(directory: Path) -> None:
    way = lay_out_bastions(directory, CONNECTION, ("inner key", "outer key"))

    inner, outer = _read(directory, 0), _read(directory, 1)
    assert (outer["stricthostkeychecking"], inner["stricthostkeychecking"]) == ("true", "accept-new")
    assert (directory / "bastion-1" / "known_hosts").read_text() == f"[192.0.2.9]:2222 {KEY}\n"
    assert (directory / "bastion-0" / "key").read_text() == "inner key"
    for told in (inner, outer):
        assert (told["identitiesonly"], told["identityagent"], told["forwardagent"]) == ("yes", "none", "no")
        assert (told["batchmode"], told["updatehostkeys"], told["globalknownhostsfile"]) == (
            "yes",
            "false",
            "/dev/null",
        )
    assert (outer["connecttimeout"], inner["connecttimeout"]) == ("10", "20")
    assert "proxycommand" not in outer
    assert "bastion-1" in inner["proxycommand"]
    assert "'bastion-0'" in way or "bastion-0" in way


def test_what_the_command_gets(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH fills its tokens in, and a shell reads the rest: a path or a user with either is what it was."""
    way = lay_out_bastions(directory, CONNECTION, ("", ""))
    (directory / "ssh_config").write_text(way)
    program = tmp_path / "ssh"
    program.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word" >> "$SEEN"; done\nulimit -f >> "$SEEN"\n')
    program.chmod(0o755)
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    arguments = ["-F", str(directory / "ssh_config"), "-o", "BatchMode=yes", "--", "10.2.0.1", "true"]
    subprocess.run(["/usr/bin/ssh", *arguments], check=False, capture_output=True)

    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen == [
        "-F",
        str(directory / "bastion-0" / "ssh_config"),
        "-W",
        "[10.2.0.1]:22",
        "-l",
        "ops%h",
        "-p",
        "22",
        "--",
        "fe80::1%eth0",
        seen[-1],
    ]
    assert int(seen[-1]) <= 1024


def test_what_was_learnt_and_what_was_said(directory: Path) -> None:
    lay_out_bastions(directory, CONNECTION, ("", ""))
    assert new_bastion_keys(directory, CONNECTION) == ()
    assert bastions_said(directory, CONNECTION) == ("", "")
    (directory / "bastion-0" / "known_hosts").write_text(f"fe80::1%eth0 {KEY}\n")
    (directory / "bastion-0" / "said").write_text("x" * 2 * SAID_LIMIT + "\nthe end\n")

    assert new_bastion_keys(directory, CONNECTION) == (f"fe80::1%eth0 {KEY}",)
    said = bastions_said(directory, CONNECTION)
    assert said[0].endswith("the end")
    assert (len(said[0]) <= SAID_LIMIT, said[1]) == (True, "")


def test_without_bastions_there_is_nothing(directory: Path) -> None:
    assert lay_out_bastions(directory, Connection("10.2.0.1"), ()) == ""
    assert list(directory.iterdir()) == []


def test_a_certificate_is_beside_its_key(directory: Path) -> None:
    lay_out_bastions(directory, CONNECTION, ("inner key", "outer key"), ("", "TYPE CERT"))
    assert (directory / "bastion-1" / "key-cert.pub").read_text() == "TYPE CERT\n"
    assert not (directory / "bastion-0" / "key-cert.pub").exists()
