"""Logins that a host refuses, ends or holds up: told apart by evidence, with the host's own words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine
from tests.hosts import Host
from tests.hosts.fixtures import bring_up


@pytest.fixture(scope="module")
def shared() -> Iterator[Host]:
    """One host for all; each test puts back what it changes."""
    with bring_up(1) as hosts:
        # bash alone reads ~/.bashrc for a command.
        hosts[0].ssh("usermod -s /bin/bash ops", check=True)
        yield hosts[0]


BASHRC = "/home/ops/.bashrc"
CASES = {
    "nologin": ("usermod -s /usr/sbin/nologin ops", "usermod -s /bin/bash ops", "LoginFailed", "not available"),
    "expired account": ("chage -E 1 ops", "chage -E -1 ops", "LoginFailed", "account has expired"),
    "expired password": (
        "echo ops:secret | chpasswd; chage -d 0 ops",
        "chage -d 20000 ops",
        "LoginFailed",
        "assword change required",
    ),
    "booting": (
        "echo 'System is booting up.' > /run/nologin",
        "rm /run/nologin",
        "LoginFailed",
        "System is booting up",
    ),
    "a shell that prints and ends": (
        f"echo 'echo Bye for now; exit 7' > {BASHRC}",
        f"rm {BASHRC}",
        "LoginFailed",
        "status 7 instead of running the program: Bye for now",
    ),
    "words of sudo in a login script": (
        f"echo 'echo sudo: a password is required; exit 1' > {BASHRC}",
        f"rm {BASHRC}",
        "LoginFailed",
        "a password is required",
    ),
    "sudo is not there": (
        "mv /usr/bin/sudo /usr/bin/sudo.off",
        "mv /usr/bin/sudo.off /usr/bin/sudo",
        "BecomeRefused",
        "sudo: not found",
    ),
    "sudo refuses": (
        "mv /etc/sudoers.d /etc/sudoers.off",
        "mv /etc/sudoers.off /etc/sudoers.d",
        "BecomeRefused",
        "a password is required",
    ),
    "status 255": (f"echo 'echo gone >&2; exit 255' > {BASHRC}", f"rm {BASHRC}", "LoginFailed", "gone"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_login_that_does_not_work(name: str, shared: Host, capra: Capra) -> None:
    spoil, mend, outcome, words = CASES[name]
    manifest = capra.manifests(machine(shared, user="ops"), key_secret(shared))
    shared.ssh(spoil, check=True)
    try:
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config()), code=1)
        [looked] = capra.json("preflight", "-f", manifest, code=1)
    finally:
        shared.ssh(mend, check=True)
    assert (report["outcome"], words in report["message"]) == (outcome, True), report["message"]
    for chatter in ("Permanently added", "Connection closed", "capra login", "setlocale"):
        assert chatter not in report["message"]
    if outcome == "LoginFailed":
        assert (looked["outcome"], words in looked["message"]) == (outcome, True), looked["message"]
        assert "sudo" not in report["message"].replace("sudo: a password", "")


@pytest.mark.parametrize("user", ["root", "ops"])
@pytest.mark.parametrize("reader", ["cat > /dev/null", "head -c 20000 > /dev/null", "read -r line"])
def test_a_login_script_that_reads_standard_input(reader: str, user: str, shared: Host, capra: Capra) -> None:
    home = "/root" if user == "root" else "/home/ops"
    manifest = capra.manifests(machine(shared, user=user), key_secret(shared))
    data = capra.data(cloud_config(commands=[counted("never")]))
    # root's own sessions read it, too: the host is changed from outside.
    file = shared.path(f"{home}/.bashrc")
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{reader}\n")
    try:
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
        # The same protocol; with sudo each takes half a minute.
        looked = capra.json("preflight", "-f", manifest, code=1) if user == "root" else []
    finally:
        file.write_text(before)
    for one in (report, *looked):
        assert one["outcome"] == "LoginFailed"
        assert "standard input" in one["message"]
    assert count(shared, "never") == 0
    assert not list(Path(shared.path("/var/lib/capra")).glob("*/journal"))


def test_a_login_that_takes_longer_than_sudo_may(shared: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(shared, user="ops"), key_secret(shared))
    shared.ssh(f"echo 'sleep 40' > {BASHRC}", check=True)
    try:
        [report] = capra.json("preflight", "-f", manifest, code=1)
    finally:
        shared.ssh(f"rm {BASHRC}", check=True)
    assert report["outcome"] == "LoginFailed"
    assert "within 32 s" in report["message"]
