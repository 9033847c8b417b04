"""What the program on the host says of the host itself: its name, and the address that SSH has reached."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import programs
from ansible_collections.capra.machine.plugins.plugin_utils.facts import host_facts
from ansible_collections.capra.machine.plugins.plugin_utils.payload import Report, parse_report
from tests.component.programs.host import SHELLS, Host, command
from tests.missing import missing

NEAR = "198.51.100.9 40000 192.0.2.7 22"
FAR = "198.51.100.9 40000 192.0.2.8 22"
DROPPED = ["env", "-u", "SSH_CONNECTION"]
"""As sudo does it."""


def below(host: Host, connection: str, *wrappers: list[str]) -> Report:
    """What a session says that stands below wrappers, the outermost of which has the variable."""
    command = [shutil.which(SHELLS[host.shell][0]) or "", *SHELLS[host.shell][1:], "-s"]
    for wrapper in reversed(wrappers):
        # The shell stays: a second command keeps it from making way for the first.
        command = ["dash", "-c", '"$@"; exit $?', "dash", *wrapper, *command]
    done = subprocess.run(
        command,
        input=host.text("attach", [], "one"),
        env=host.environment | {"SSH_CONNECTION": connection},
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert done.stderr == b""
    return parse_report(done.stdout.decode())


def test_a_run_tells_the_name_and_the_address_that_ssh_has_reached(host: Host) -> None:
    host.environment["SSH_CONNECTION"] = NEAR

    host.finished(command("true"))

    assert host.report.host == host_facts([os.uname().nodename, "192.0.2.7"])
    assert host.report.host.addresses == ("192.0.2.7",)


def test_below_sudo_a_process_above_tells_the_address(host: Host) -> None:
    assert below(host, NEAR, DROPPED).host.addresses == ("192.0.2.7",)
    assert below(host, NEAR, DROPPED, ["env"], ["env"]).host.addresses == ("192.0.2.7",)


def test_the_nearest_process_that_has_the_variable_counts(host: Host) -> None:
    assert below(host, FAR, ["env", f"SSH_CONNECTION={NEAR}"], DROPPED).host.addresses == ("192.0.2.7",)


@pytest.mark.parametrize("connection", ["x", "a b * 22", "a b\n192.0.2.9", "a b 192.0.2.7.8 22", "$(id) `id` $HOME 22"])
def test_a_variable_that_says_nothing_gives_no_address(host: Host, connection: str) -> None:
    report = below(host, connection)

    assert report.complete
    assert report.host.addresses == ()
    assert report.host.hostname == host_facts([os.uname().nodename]).hostname


def test_ipv6(host: Host) -> None:
    assert below(host, "2001:db8::9 40000 2001:db8:0::7 22", DROPPED).host.addresses == ("2001:db8::7",)


def test_no_file_is_written_for_a_large_environment(host: Host) -> None:
    """Some shells keep a here-document in one, and an environment may hold secrets."""
    host.environment["LARGE"] = "x" * 100_000
    limit = ["sh", "-c", 'ulimit -f 0 && exec "$@"', "sh"]
    assert below(host, NEAR, limit, DROPPED).host.addresses == ("192.0.2.7",)


def test_what_may_not_be_read_is_passed_over(host: Host) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        missing("root and setpriv")
    other = ["setpriv", "--reuid=65534", "--clear-groups", *DROPPED]

    report = below(host, NEAR, other)

    assert report.complete
    assert report.host.addresses == ()


@pytest.mark.parametrize("told_by", ["the kernel", "uname"])
@pytest.mark.parametrize("name", ["a b", "-\\nstate running\\ncapra end", "", "-", "%s", "caf\\0303\\0251"])
def test_a_name_that_is_none_is_left_out(host: Host, name: str, told_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool, kernel = host.root / "bin" / "uname", host.root / "hostname"
    tool.write_text(f"#!/bin/sh\nprintf '%b\\n' '{name}'\n")
    tool.chmod(0o755)
    if told_by == "the kernel":
        kernel.write_bytes(subprocess.run([tool], capture_output=True, check=True).stdout)
        tool.unlink()
    session = programs.session().replace("/proc/sys/kernel/hostname", str(kernel))
    assert session != programs.session()
    monkeypatch.setattr(programs, "session", lambda dry_run=False: session)

    report = below(host, NEAR)

    assert report.host.hostname == ""
    assert report.host.addresses == ("192.0.2.7",)
    assert report.complete
    assert not report.running
