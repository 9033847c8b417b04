"""Units that a bootstrap's commands have installed: a cleanup finds all of them, however the commands ended."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import programs, results
from tests.component.programs.host import Host, command, count, counted, own, sleepers, states, wait_for, write
from tests.component.programs.test_ends import reboot

FORGET = {"kind": "forget", "services": "all"}
PLACES = (
    "/etc/systemd/system",
    "/run/systemd",
    "/usr/local/lib/systemd",
    "/usr/lib/systemd",
    "/lib/systemd",
    "/etc/init.d",
)
"""All that a host may have."""


def units(host: Host, *places: str) -> Path:
    """Where this host's units are: a directory of the test's own, in the place of these."""
    directory = host.work / "system"
    directory.mkdir()
    host.program = programs.detached()
    for number, place in enumerate(places or PLACES[:1]):
        host.program = host.program.replace(place, str(directory) if number == 0 else f"{host.work}/none{number}")
    return directory


def install(directory: Path, name: str, then: str = "") -> dict[str, Any]:
    """A command that installs a unit."""
    return command(f'printf "[Service]\\nExecStart=/bin/true\\n" >{directory}/{name}.service\n{then}')


def cleaned(host: Host, directory: Path) -> None:
    """A cleanup finds every unit that the test's commands have installed."""
    host.finished(FORGET, run_id="cleanup", takeover=1)
    assert [path.name for path in directory.iterdir() if path.name != "own.service"] == []


def cut_off(host: Host, steps: list[dict[str, Any]], end: str, number: int) -> None:
    """Run these, of which one sleeps so many seconds, and end it in one of the ways that there are."""
    session = host.session(host.text("run", steps, "one", timeout=1 if end == "timeout" else 0))
    wait_for(lambda: sleepers(number))
    if end == "cancelled":
        host.exchange("cancel")
    elif end == "killed":
        host.kill_program()
    elif end == "taken over":
        host.finished(command("true"), run_id="other", takeover=1)
    host.heard(session)


@pytest.mark.parametrize("anew", ["restart", "other list"])
def test_a_run_that_begins_anew(host: Host, anew: str) -> None:
    directory = units(host)
    (directory / "own.service").write_text("[Service]\n")
    host.run(command("true"), command("false"))
    if anew == "restart":
        host.finished(command("true"), install(directory, "app"), flags=["restart"])
    else:
        host.finished(command("true # mended"), install(directory, "app"))
    assert (host.base / "one~1").is_dir()
    cleaned(host, directory)
    assert (directory / "own.service").exists()


def test_a_host_without_any_unit(host: Host) -> None:
    directory = units(host, *PLACES)
    host.finished(install(directory, "app"))
    cleaned(host, directory)


def test_each_is_noted_once(one_host: Host) -> None:
    directory = units(one_host)
    one_host.finished(*(install(directory, name) for name in "abc"))
    noted = (one_host.base / "one/services").read_text().splitlines()
    assert noted == [f"service {directory}/{name}.service" for name in "abc"]
    cleaned(one_host, directory)


@pytest.mark.parametrize("between", ["nothing", "a reboot"])
def test_no_room_to_note_them(host: Host, between: str) -> None:
    """Nothing goes on, and nothing is forgotten, until there is. Then the step is run again, and ends."""
    directory = units(host)
    noting = 'record "$RUN/services" '
    assert noting in host.program
    host.program = host.program.replace(noting, f"test -e {host.root}/room && {noting}")
    steps = [counted(host, "a", install(directory, "app")["command"]), counted(host, "b")]
    for _ in range(3):
        ended = host.run(*steps)
        assert not results.finished(host.report)
        assert states(ended) == ["cut", "pending"]
        if between == "a reboot":
            reboot(host)
    assert [count(host, name) for name in "ab"] == [1, 0]
    (host.root / "room").touch()
    assert states(host.finished(*steps)) == ["ok", "ok"]
    assert [count(host, name) for name in "ab"] == [2, 1]
    cleaned(host, directory)


def test_the_process_that_carries_a_step_out_is_killed(host: Host) -> None:
    directory = units(host)
    step = install(directory, "app", f"test -e {host.work}/ready || kill -9 $PPID")
    assert states(host.run(step)) == ["failed"]
    (host.work / "ready").touch()
    host.finished(step)
    cleaned(host, directory)


@pytest.mark.parametrize("then", ["again", "cleanup"])
@pytest.mark.parametrize("end", ["cancelled", "timeout", "killed", "taken over"])
def test_a_command_that_is_cut_off(one_host: Host, end: str, then: str) -> None:
    host = one_host
    directory = units(host)
    steps = [install(directory, "app", f"test -e {host.work}/ready || sleep {own(600)}")]
    cut_off(host, steps, end, 600)
    (host.work / "ready").touch()
    if then == "again":
        host.finished(*steps)
    cleaned(host, directory)


def test_what_comes_after_the_next_run_began_is_nobodys(one_host: Host) -> None:
    """A run that was cut off is looked at once: what an administrator installs later stays."""
    host = one_host
    directory = units(host)
    session = host.session(host.text("run", [install(directory, "app", f"sleep {own(601)}")], "one"))
    wait_for(lambda: sleepers(601))
    host.exchange("cancel")
    host.heard(session)
    host.finished(command("true"), run_id="other")
    (directory / "own.service").write_text("[Service]\n")
    cleaned(host, directory)
    assert (directory / "own.service").exists()


@pytest.mark.parametrize("between", ["nothing", "a bootstrap"])
@pytest.mark.parametrize("end", ["cancelled", "reboot"])
@pytest.mark.parametrize("flags", [["cleans"], ["looks", "part"]], ids=["cleanup", "look"])
def test_what_comes_after_a_cleanup_was_cut_off_is_nobodys(
    one_host: Host, flags: list[str], end: str, between: str
) -> None:
    """A cleanup or a look installs nothing: an administrator repairs the host, and installs a unit."""
    host = one_host
    directory = units(host)
    host.finished(command("true"), run_id="boot")
    session = host.session(host.text("run", [command(f"sleep {own(602)}")], "cleanup0", flags=flags))
    wait_for(lambda: sleepers(602))
    if end == "cancelled":
        host.exchange("cancel", run_id="cleanup0")
    else:
        host.kill_program()
        reboot(host)
    host.heard(session)
    (directory / "own.service").write_text("[Service]\nExecStart=/bin/true\n")
    if between == "a bootstrap":
        host.finished(command("true"), run_id="other")
    cleaned(host, directory)
    assert (directory / "own.service").exists()


@pytest.mark.parametrize("end", ["cancelled", "timeout", "taken over", "killed"])
def test_a_transient_unit_of_a_command_that_is_cut_off(host: Host, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """Its name stands in the command's text only, which goes when the command is ended."""
    directory = units(host, "/run/systemd/transient", *PLACES)
    session_half = programs.session().replace("/run/systemd/transient", str(directory))
    monkeypatch.setattr(programs, "session", lambda dry_run=False: session_half)
    # Text that names the first one only.
    made = f": >{directory}/app.service; : >{directory}/ano''ther.service"
    step = command(f"{made}\n: systemd-run --unit=app true\nsleep {own(603)}")
    cut_off(host, [step], end, 603)
    assert end == "killed" or not list((host.base / "one").glob("*.command"))
    host.run(FORGET, run_id="cleanup", takeover=1)
    noted = (host.base / "one/services").read_text() if (host.base / "one/services").exists() else ""
    left = [path.name for path in directory.iterdir()]
    assert f"service {directory}/app.service" in noted or "app.service" not in left
    assert f"service {directory}/another.service" not in noted
    assert "another.service" in left


@pytest.mark.parametrize("end", ["kill -9 $PPID", "exit 3", "true"])
def test_a_transient_unit_of_a_command_that_has_ended(host: Host, end: str) -> None:
    """Also of one that nobody was left to note the end of."""
    directory = units(host, "/run/systemd/transient", *PLACES)
    host.run(command(f": >{directory}/app.service; : systemd-run --unit=app true\n{end}"))
    assert (host.base / "one/services").read_text() == f"service {directory}/app.service\n"
    assert not [path for path in (host.base / "one").glob("*.command") if path.stat().st_size]


def test_a_unit_without_a_newline_at_its_end(host: Host) -> None:
    directory = units(host)
    host.finished(write(host.work / "tool", b"1"))
    (directory / "starts.service").write_text(f"[Service]\nExecStart={host.work}/tool")
    cleaned(host, directory)


def _tool(host: Host, name: str, body: str) -> Path:
    """A tool of the host's, between whose calls a note is made. body: $TOOL is the real one."""
    noted = host.root / f"calls.{name}"
    tool = host.root / "bin" / name
    tool.write_text(f"#!/bin/sh\necho x >>{noted}\nTOOL={shutil.which(name)}\n{body}\n")
    tool.chmod(0o755)
    return noted


COUNTS_ONLY = 'exec "$TOOL" "$@"'
LOSES_A_LINE = '[ $# -gt 3 ] || exec "$TOOL" "$@"\n"$TOOL" "$@" | tail -n +2'


@pytest.mark.parametrize("sha256sum", [COUNTS_ONLY, LOSES_A_LINE], ids=["whole", "a file has gone, and grep fails"])
def test_copies_and_those_that_start_a_file_are_found_among_many(host: Host, sha256sum: str) -> None:
    directory = units(host)
    program, unit = host.work / "bin" / "app", b"[Service]\nExecStart=/bin/sleep 1\n"
    for number in range(30):
        (directory / f"own{number}\\x2d.service").write_text(f"[Service]\nExecStart=/bin/own{number} {program}\n")
    (directory / "empty.service").write_bytes(b"")
    host.finished(write(program, b"#!/bin/sh\n", mode="0755"), write(host.work / "unit", unit))
    (directory / "copy\\x2dof.service").write_bytes(unit)
    (directory / "starts.service").write_text(f"[Service]\nExecStart=-{program} now\n")
    noted = _tool(host, "sha256sum", sha256sum)
    if sha256sum == LOSES_A_LINE:
        _tool(host, "grep", "exit 2")
    host.finished(FORGET, run_id="cleanup")
    left = sorted(path.name for path in directory.iterdir())
    assert left == sorted(["empty.service", *(f"own{number}\\x2d.service" for number in range(30))])
    if sha256sum == COUNTS_ONLY:
        assert len(noted.read_text().splitlines()) < 20, "each unit takes a process"


def test_a_tool_that_fails_is_a_warning(host: Host) -> None:
    """What counts is what is left in the end."""
    directory = units(host)
    host.finished(install(directory, "app"))
    host.program = host.program.replace("-d /run/systemd/system", f"-d {directory}")
    _tool(host, "systemctl", '[ "$1" = show ] && exit 1; echo systemctl is out of order; exit 7')
    [ended] = host.run(FORGET, run_id="cleanup")
    assert ended.output.endswith("systemd does not answer: nobody knows whether it starts the services again\n")
    _tool(host, "systemctl", '[ "$1" = show ] && exit 0; echo systemctl is out of order; exit 7')
    host.finished(install(directory, "app"), run_id="again")
    [ended] = host.finished(FORGET, run_id="cleanup")
    for words in ("stop app.service", "disable app.service", "daemon-reload"):
        assert f"services: warning: systemctl {words}, status 7: systemctl is out of order" in ended.output
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("ln -sf {other} {unit}", id="an alias that leads elsewhere"),
        pytest.param("rm {unit}; echo >{unit}", id="an alias that has become a file"),
        pytest.param("rmdir {directory}/d.service; echo >{directory}/d.service", id="a directory that has become one"),
        pytest.param("echo >{missing}", id="a link that leads somewhere now"),
        pytest.param(": >'{directory}/odd\nname'; echo >{directory}/new.service", id="beside a name in two lines"),
    ],
)
def test_what_has_become_a_unit_under_a_name_that_was_there(host: Host, change: str) -> None:
    """The names alone tell nothing: a look at them stands before."""
    directory = units(host)
    (directory / "d.service").mkdir()
    # What leads there is an alias, whether it is there or not.
    (directory / "alias.service").symlink_to("/usr/lib/systemd/system/packaged.service")
    (directory / "later.service").symlink_to(host.work / "missing")
    (host.work / "other").write_text("[Service]\n")
    names = {
        "unit": directory / "alias.service",
        "directory": directory,
        "other": host.work / "other",
        "missing": host.work / "missing",
    }
    host.finished(command("true"), command(change.format(**names)), command("true"))
    [noted] = (host.base / "one/services").read_text().splitlines()
    assert noted.startswith(f"service {directory}/")
