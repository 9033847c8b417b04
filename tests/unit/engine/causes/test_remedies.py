"""What usually mends a failure: for the words that programs, OpenSSH and sudo say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capra.engine.causes.sessions import (
    remedy_of_become,
    remedy_of_key,
    remedy_of_login,
    remedy_of_unreachable,
)
from capra.engine.causes.steps import remedy_of_step
from capra.model.run import Connection

ROOT = Connection("192.0.2.7")
PLAIN = Connection("192.0.2.7", 2222, "ops")
SUDO = Connection("192.0.2.7", user="ops", become=True)
SET_SUDO = "user ops is not root: set spec.useSudo: true"


@pytest.mark.parametrize(
    ("cause", "rc", "remedy"),
    [
        ("tar: x: Cannot write: No space left on device", 1, "the host's disk is full"),
        ("E: Could not get lock /var/lib/dpkg/lock. It is held by process 7 (apt)", 100, "another package manager"),
        ("E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?", 100,
         "another package manager"),
        ("ERROR: Unable to lock database: Resource temporarily unavailable", 99, "another package manager"),
        ("E: Unable to locate package foo", 100, "package_update: true"),
        ("Error: Unable to find a match: foo", 1, "package_update: true"),
        ("x509: certificate has expired or is not yet valid: current time 1970-01-01T00:00:00Z", 1, "`date -u`"),
        ("E: Release file for http://a/InRelease is not valid yet (invalid for another 3h)", 100, "`date -u`"),
        ("curl: (6) Could not resolve host: get.k0s.sh", 6, "/etc/resolv.conf"),
        ("wget: bad address 'get.k0s.sh'", 1, "/etc/resolv.conf"),
        ("dial tcp 192.0.2.1:6443: connect: no route to host", 1, "routes, proxy and firewall"),
        ("touch: cannot touch '/x': Read-only file system", 1, "use another path"),
        ("[ERROR Port-10250]: Port 10250 is in use", 1, "an earlier installation"),
        ("[ERROR Swap]: running with swap on is not supported", 1, "swapoff -a"),
        ("foo: not found", 127, "install it before"),
        ("./foo: Permission denied", 126, "see its mode (0755)"),
        ("Killed", 137, "run out of memory"),
        ("something else", 1, ""),
        ("", 1, ""),
    ],
)  # fmt: skip
def test_a_step(cause: str, rc: int, remedy: str) -> None:
    told = remedy_of_step(cause, rc, ROOT, "spec.useSudo")
    assert (remedy in told) if remedy else not told


@pytest.mark.parametrize(
    "cause",
    [
        "/etc/foo cannot be written: Permission denied",
        "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?",
        "mount: must be superuser to use mount: Operation not permitted",
        "[ERROR IsPrivilegedUser]: user is not running as root",
        "Failed to start k0s.service: Interactive authentication required.",
    ],
)
def test_a_user_who_is_not_root(cause: str) -> None:
    assert remedy_of_step(cause, 1, PLAIN, "spec.useSudo") == SET_SUDO
    for connection in (ROOT, SUDO):
        assert "useSudo" not in remedy_of_step(cause, 1, connection, "spec.useSudo")


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("ssh: connect to host 192.0.2.7 port 2222: Connection refused", "that spec.port (2222) is its port"),
        (
            "ssh: connect to host 192.0.2.7 port 2222: Connection timed out",
            "that spec.address (192.0.2.7) is its address",
        ),
        ("ssh: connect to host 192.0.2.7 port 2222: No route to host", "that no firewall is between"),
        ("ssh: Could not resolve hostname a.example: Name or service not known", "correct spec.address"),
        ("kex_exchange_identification: Connection closed by remote host", "that spec.port (2222) is sshd's"),
        ("no reason was given", ""),
    ],
)
def test_a_host_that_is_not_reached(message: str, remedy: str) -> None:
    told = remedy_of_unreachable(message, PLAIN, "spec")
    assert (remedy in told) if remedy else not told


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("Your account has expired; please contact your system administrator", "`chage -E -1 ops`"),
        ("WARNING: Your password has expired.", "`chage -M -1 ops`"),
        ("Password change required but no TTY available.", "`chage -M -1 ops`"),
        ("This account is currently not available.", "`usermod -s /bin/sh ops`"),
        ("System is booting up. Unprivileged users are not permitted to log in yet.", "try again later"),
        ("a login script (such as ~/.bashrc) reads standard input", ""),
    ],
)
def test_a_login(message: str, remedy: str) -> None:
    told = remedy_of_login(message, PLAIN, "spec")
    assert (remedy in told) if remedy else not told


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("sudo: 3 incorrect password attempts", "is not that of ops"),
        ("Incorrect sudo password", "is not that of ops"),
        ("sh: 1: sudo: not found", "install sudo on the host, or set spec.machine.user: root"),
        ("ops is not in the sudoers file.", "`ops ALL=(ALL) NOPASSWD: ALL`"),
        ("sudo: sorry, you must have a tty to run sudo", "take `requiretty` out"),
        ("sudo has not answered within 12 s", "resolve its own name (/etc/hosts)"),
        ("something else", "spec.machine.useSudo needs sudo without a password, and a host that resolves its own name"),
    ],
)
def test_a_user_who_cannot_become_root(message: str, remedy: str) -> None:
    assert remedy in remedy_of_become(message, SUDO, "spec.machine", terminal=True)


@pytest.mark.parametrize(
    ("method", "message", "remedy"),
    [
        ("su", "su: Authentication failure", "the password that is given is not that of root: correct it (key"),
        ("su", "su has not answered within 32 s: Password:", "needs a password for su: give it as key becomePassword"),
        ("su", "su: not found", "install su on the host"),
        ("doas", "doas: Authentication required", "`permit nopass ops as root`"),
        ("doas", "doas: a tty is required", "spec.useSudo needs a password for doas: let the user run doas without"),
        ("doas", "doas: Operation not permitted", "in the host's /etc/doas.conf: `permit nopass ops as root`"),
        ("sudo", "Incorrect sudo password", "(key becomePassword of the Secret of spec.sshKeyRef, or spec.becomePassw"),
    ],
)
def test_other_ways_to_root(method: str, message: str, remedy: str) -> None:
    connection = replace(SUDO, become_method=method)
    assert remedy in remedy_of_become(message, connection, "spec", terminal=False)


def test_a_password_has_its_places() -> None:
    for message in ("sudo: a password is required", "Missing sudo password"):
        terminal = remedy_of_become(message, SUDO, "spec", terminal=True)
        cluster = remedy_of_become(message, SUDO, "spec", terminal=False)
        assert "give it with --become-password-file FILE" in terminal
        assert "--become-password-file" not in cluster
        assert "give it as key becomePassword of the Secret of spec.sshKeyRef" in cluster
        assert "`ops ALL=(ALL) NOPASSWD: ALL`" in terminal
        assert "`ops ALL=(ALL) NOPASSWD: ALL`" in cluster
    assert "--ssh-key or the Secret" in remedy_of_key(SUDO, "spec", terminal=True)
    assert "--ssh-key" not in remedy_of_key(SUDO, "spec", terminal=False)
