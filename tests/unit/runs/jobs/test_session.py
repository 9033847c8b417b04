"""What a Job carries, and what its Pod tells; the script of the host is run here."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capra.model.jobs.job import JobWay, ProvisionJob
from capra.model.machine import MachineKey
from capra.model.run import Connection, Playbook, RunRequest, RunSecrets
from capra.runs.jobs.session import MOST_HIDDEN, PLACE, hidden_words, job_data, read_told

SECRET = "Zx9-hidden-credential"
SECRETS = RunSecrets(credentials=(SECRET,))


def request(address: str = "192.0.2.7", **job: Any) -> RunRequest:
    way = Connection(address, 2222, "ops", job=JobWay(ProvisionJob(**job), "m-1", "u-1"))
    return RunRequest(MachineKey("ns", "m"), Playbook.BOOTSTRAP, way, {}, SECRETS, 90.0)


def recorded(command: str = "sh -s", sent: bytes = b"follow 4\nx") -> str:
    return json.dumps({"command": command, "input": base64.b64encode(sent).decode()})


def test_the_session_lasts_as_long_as_its_run() -> None:
    assert job_data(request(), recorded(), "")["session"] == b"follow 150\nx"


def test_commands_are_the_users_words() -> None:
    entrypoint = job_data(request(ssh_command='tsh "a b"', scp_command="tsh scp"), recorded(), "/run/it is")[
        "k0smotron-entrypoint.sh"
    ].decode()
    assert 'on_host() { tsh "a b" -p 2222 ops@192.0.2.7 "$1" </dev/null; }' in entrypoint
    assert 'to_host() { tsh scp -P 2222 "$@" ops@192.0.2.7:"$PLACE/" </dev/null; }' in entrypoint
    assert SECRET not in entrypoint
    subprocess.run(["sh", "-n"], input=entrypoint.encode(), check=True, timeout=10)


def test_an_ipv6_address_has_brackets_for_scp_alone() -> None:
    entrypoint = job_data(request("2001:db8::7"), recorded(), "")["k0smotron-entrypoint.sh"].decode()
    assert "-p 2222 ops@2001:db8::7 " in entrypoint
    assert "'ops@[2001:db8::7]':" in entrypoint


def told_by(tmp_path: Path, report: str, shell: str = "sh", secrets: RunSecrets = SECRETS) -> str:
    """What the host's script makes of a report."""
    (tmp_path / "report").write_text(report)
    files = job_data(replace(request(), secrets=secrets), recorded(f"cat {tmp_path}/report; echo to stderr >&2"), "")
    place = tmp_path / "place"
    place.mkdir()
    for name in ("start", "session", "hidden"):
        (place / name).write_bytes(files[name])
    done = subprocess.run([shell, str(place / "start")], capture_output=True, text=True, timeout=60, check=True)
    assert not place.exists()
    return done.stdout


def _report(steps: int, said: str, status: int = 1) -> str:
    lines = ["capra shell", "", "capra begin", "state ended", "since 0", "host a 192.0.2.7", "begin - boot-1 5 1"]
    for number in range(steps):
        lines += [f"start {number} boot-1 5.1 x", f"process {number} 1 2", f"end {number} 0 6.2"]
    lines += [f"start {steps} boot-1 7.1 x", f"end {steps} {status} 8.2"]
    block = base64.encodebytes(said.encode()).decode().strip()
    return "\n".join(
        [
            *lines,
            "output 0",
            base64.b64encode(b"of another").decode(),
            ".",
            f"output {steps}",
            block,
            ".",
            "capra end",
            "",
        ]
    )


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_what_has_failed_is_told_without_what_is_hidden(tmp_path: Path, shell: str) -> None:
    told = read_told(told_by(tmp_path, _report(2, f"first\ntoken {SECRET}\nlast line\n"), shell))
    session = json.loads(told.answer)
    assert session["status"] == "0"
    assert "to stderr" in session["stderr"]
    lines = session["stdout"].splitlines()
    assert [line for line in lines if line.startswith(("start", "end"))][2:] == [
        "start 1 - 5.1",
        "end 1 0 6.2",
        "start 2 - 7.1",
        "end 2 1 8.2",
    ]
    assert "capra shell" in lines[: lines.index("capra begin")]
    block = "".join(lines[lines.index("output 2") + 1 : lines.index(".")])
    assert base64.b64decode(block).decode() == "first\n[hidden]\nlast line\n"
    assert "output 0" not in lines
    assert lines[-1] == "capra end"


@pytest.mark.parametrize("steps", [40, 900])
def test_a_message_has_room_in_a_pods_status(tmp_path: Path, steps: int) -> None:
    """4,096 bytes. Where there is no room for all steps, the one that has failed is told."""
    message = told_by(tmp_path, _report(steps, "".join(f"line {number} {'x' * 500}\n" for number in range(50))))
    assert len(message.encode()) < 4096
    session = json.loads(read_told(message).answer)
    assert {f"end {steps} 1 8.2", "begin - boot-1 5 1"} <= set(session["stdout"].splitlines())


@pytest.mark.parametrize(
    ("message", "begun", "why"),
    [
        ("capra unsent\nssh: no route\n", False, "ssh: no route"),
        ("capra lost\ngone", True, "gone"),
        ("Killed\n", True, "Killed"),
        ("", True, ""),
    ],
)
def test_what_is_no_answer(message: str, begun: bool, why: str) -> None:
    told = read_told(message)
    assert (told.answer, told.begun, told.why) == ("", begun, why)


@pytest.mark.parametrize("said", ["x" * 3990 + f" {SECRET[5:]}", f"{SECRET[5:]} {'x' * 4000}\nlast"])
def test_what_has_lost_its_beginning_is_not_told(tmp_path: Path, said: str) -> None:
    session = json.loads(read_told(told_by(tmp_path, _report(1, said))).answer)
    block = session["stdout"].partition("output 1\n")[2].partition("\n.")[0]
    assert base64.b64decode(block).decode() in {"[hidden]\n", "last\n"}


def test_words_that_are_hidden() -> None:
    secrets = RunSecrets(
        credentials=("user:pw12 token=abcd-1234",), hidden=("/usr/local/bin/k0s Qm9vdHN0cmFwLXRva2Vu",)
    )
    assert hidden_words(secrets) == ["user:pw12", "token", "abcd-1234", "Qm9vdHN0cmFwLXRva2Vu"]


def test_where_too_many_words_are_hidden_no_line_is_shown(tmp_path: Path) -> None:
    """Long texts come first, and a password would be among those that there is no room for."""
    many = " ".join(f"Qz{number:08}" for number in range(MOST_HIDDEN))
    report = "BECOME-SUCCESS-abc\nBECOME-SUCCESS-abc welcome\n" + _report(1, f"first\ntoken {SECRET}\n")
    secrets = RunSecrets(credentials=(many, SECRET))
    session = json.loads(read_told(told_by(tmp_path, report, secrets=secrets)).answer)
    block = session["stdout"].partition("output 1\n")[2].partition("\n.")[0]
    assert set(base64.b64decode(block).decode().splitlines()) == {"[hidden]"}
    assert session["stdout"].splitlines()[:3] == ["BECOME-SUCCESS-abc", "[hidden]", "capra shell"]
    assert session["stderr"].split() == ["[hidden]"]


def test_nothing_is_told_without_the_words_that_are_hidden(tmp_path: Path) -> None:
    """A later attempt has removed the directory."""
    files = job_data(request(), recorded("cat; echo started"), "")
    for name in ("start", "session"):
        (tmp_path / name).write_bytes(files[name])
    done = subprocess.run(["sh", str(tmp_path / "start")], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def pod(tmp_path: Path, *, copied: str, removed: str) -> tuple[str, str]:
    """What a Pod tells, and what it leaves on the host, whose commands run here. copied: what comes after copying, a
    command of the shell; removed: the same before a directory is removed."""
    host = tmp_path / "host"
    host.mkdir()
    (tmp_path / "ssh").write_text(
        f"case $4 in 'rm -rf '*) {removed} ;; esac\n"
        f"eval \"$(printf '%s' \"$4\" | sed 's,/dev/shm,{host},g; s,/tmp/\\.,{host}/.,g')\"\n"
    )
    (tmp_path / "scp").write_text(
        f'shift 2\nfor last; do :; done\nset -- "$1" "$2" "$3"\ncp "$@" "${{last#*:}}"\n{copied}\n'
    )
    commands = {name: f"sh {shlex.quote(str(tmp_path / name))}" for name in ("ssh", "scp")}
    files = job_data(request(ssh_command=commands["ssh"], scp_command=commands["scp"]), recorded(), "")
    data = tmp_path / "data"
    data.mkdir()
    for name, content in files.items():
        (data / name).write_bytes(content.replace(b"sleep ", b": ") if name.endswith(".sh") else content)
    entrypoint = [str(data / "k0smotron-entrypoint.sh"), str(tmp_path / "message")]
    done = subprocess.run(["sh", *entrypoint], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    return (tmp_path / "message").read_text(), " ".join(one.name for one in host.glob(".capra-*/*"))


def test_what_was_copied_is_removed_where_not_all_of_it_came(tmp_path: Path) -> None:
    message, left = pod(tmp_path, copied="echo no room >&2; exit 1", removed="true")
    assert message.splitlines() == ["capra unsent", "no room"]
    assert left == ""


def test_what_could_not_be_removed_was_sent(tmp_path: Path) -> None:
    """Then the host is one that was reached, and is cleaned in the end."""
    message, left = pod(tmp_path, copied="echo no room >&2; exit 1", removed="exit 255")
    assert message.splitlines() == ["capra lost", "no room"]
    assert left


def test_a_session_that_was_lost_takes_nothing_from_the_next_one(tmp_path: Path) -> None:
    places = []
    for _ in range(2):
        command = PLACE.format(uid="u-1").replace("/dev/shm", str(tmp_path))
        said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=10, check=True).stdout
        places.append(Path(said.strip().removeprefix("capra place ")))
    assert places[0] != places[1]
    assert [one.exists() for one in places] == [False, True]
    assert places[1].stat().st_mode & 0o777 == 0o700
    shutil.rmtree(places[0], ignore_errors=True)  # as the one that was lost does at its end
    assert places[1].exists()
