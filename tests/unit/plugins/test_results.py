"""From journals to what became of each step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import causes, results
from ansible_collections.capra.machine.plugins.plugin_utils.payload import Report
from capra.model.run import StepReport

STEPS = [{"kind": "write", "title": "write /a"}, {"kind": "command"}]


def seen(journal: str, **more: Any) -> Report:
    lines = tuple(tuple(line.strip().split(" ")) for line in journal.strip().split("\n") if line.strip())
    return Report(begun=True, complete=True, journal=lines, **more)


def test_a_run_that_went_well() -> None:
    report = seen(
        "begin 0 b 1.0 9 1\nstart 0 b 1.0\nend 0 0 1.5\nstart 1 b 1.5\nend 1 0 4.0\nfinished 0 0",
        outputs={1: b"\xff"},
    )
    first, second = results.step_results(STEPS, report)
    assert first == results.StepResult(0, "write /a", "write", "ok", 0, 0.5)
    assert second == results.StepResult(1, "command", "command", "ok", 0, 2.5, "\ufffd")
    assert results.finished(report)


@pytest.mark.parametrize(
    ("journal", "running", "state", "rc", "cuts", "reason"),
    [
        ("", False, "pending", -1, (), "no_report"),
        ("start 0 b 1", True, "running", -1, (), "no_report"),
        ("start 0 b 1", False, "cut", -1, ("lost",), "cut_off"),
        ("start 0 b 1\ncut 0 reboot", False, "cut", -1, ("reboot",), "cut_off"),
        ("start 0 b 1\ncut 0 timeout", False, "cut", -1, ("timeout",), "timeout"),
        ("start 0 b 1\ncut 0 cancelled", False, "cut", -1, ("cancelled",), "cancelled"),
        ("start 0 b 1\nend 0 3 x", False, "failed", 3, (), "step_failed"),
        ("start 0 b 1\nend 0 3 2\nstart 0 b 3", True, "running", -1, (), "no_report"),
        ("start 0 b 1\ncut 0 lost\nstart 0 b 3\nend 0 0 4", False, "ok", 0, ("lost",), "no_report"),
        ("start 0 b 1\nend 0 0 2\ncut 0 cancelled", False, "ok", 0, (), "cancelled"),
        ("start 0 b 1\nend 0 0 2\ncut 0 timeout\nbegin 0 b 3 9 2", False, "ok", 0, (), "no_report"),
        (
            "start 0 b 1\ncut 0 reboot\nstart 0 b 2\nend 0 1 3\nstart 0 b 4\ncut 0 reboot",
            False,
            "cut",
            -1,
            ("reboot",),
            "cut_off",
        ),
        ("start 7 b 1\nend x 0 2\nend 0", False, "pending", -1, (), "no_report"),
    ],
)
def test_first_step(journal: str, running: bool, state: str, rc: int, cuts: tuple[str, ...], reason: str) -> None:
    report = seen(journal, running=running) if journal else Report()
    ended = results.step_results(STEPS, report)
    assert (ended[0].state, ended[0].rc, ended[0].cuts) == (state, rc, cuts)
    assert not results.finished(report)
    assert results.failure(ended, report)["reason"] == reason


@pytest.mark.parametrize(("cuts", "told"), [(1, "was cut off: the program"), (2, "2 times. Each time it was killed")])
def test_a_step_that_kills_what_runs_it_is_told(cuts: int, told: str) -> None:
    report = seen("start 0 b 1\ncut 0 lost\n" * cuts)
    assert told in results.failure(results.step_results(STEPS, report), report)["msg"]


def test_a_step_that_failed_where_there_was_no_room() -> None:
    report = seen("start 0 b 1\nfull 0 0\nend 0 1 2")
    told = results.failure(results.step_results(STEPS, report), report)["msg"]
    assert told == f"step 1 of 2 failed: write /a (exit status 1); {causes.NO_ROOM}"


@pytest.mark.parametrize(
    ("rc", "told"),
    [
        (1, "status 1"),
        (128, "status 128"),
        (137, "status 137 (killed by signal 9)"),
        (143, "status 143 (killed by signal 15)"),
        (192, "status 192 (killed by signal 64)"),
        (193, "status 193"),
        (255, "status 255"),
    ],
)
def test_a_status_that_a_signal_has_made(rc: int, told: str) -> None:
    report = seen(f"start 0 b 1\nend 0 {rc} 2")
    assert results.failure(results.step_results(STEPS, report), report)["msg"] == (
        f"step 1 of 2 failed: write /a (exit {told.replace(' (', ', ').removesuffix(')')})"
    )
    assert StepReport(0, "write /a", "failed", rc).told == f"failed, {told}"


def test_messages() -> None:
    report = seen(
        "start 0 b 1\nend 0 0 2\nstart 1 b 2\nend 1 7 3",
        outputs={1: b"\n".join(b"%d" % n for n in range(20))},
    )
    failure = results.failure(results.step_results(STEPS, report), report)
    tail = "\n".join(str(n) for n in range(10, 20))
    assert failure["msg"] == f"step 2 of 2 failed: command: 19 (exit status 7)\n{tail}"
    assert failure["cause"] == "19"
    assert failure["step"]["number"] == 1
    placed = replace(report, place="/var/lib/capra/runs/x")
    told = results.failure(results.step_results(STEPS, placed), placed)["msg"]
    assert told == f"{failure['msg']}\n(all of it is on the host, in /var/lib/capra/runs/x/1.output)"
    short = replace(placed, outputs={1: b"1\n2\n"})
    assert "on the host" not in results.failure(results.step_results(STEPS, short), short)["msg"]
    report = seen("start 0 b 1\nend 0 7 2")
    assert (
        results.failure(results.step_results(STEPS, report), report)["msg"]
        == "step 1 of 2 failed: write /a (exit status 7)"
    )
    assert results.failure([], Report(error="no room"))["reason"] == "host_error"
    assert results.failure([], Report(busy="other"))["reason"] == "busy"
    report = seen("start 0 b 1\ncut 0 odd")
    assert results.failure(results.step_results(STEPS, report), report)["msg"] == "step 1 of 2 (write /a) was cut off"


@pytest.mark.parametrize("kind", ["script", "command"])
def test_a_script_that_says_why_it_has_failed_is_told_by_that(kind: str) -> None:
    """A table shows one line. What a command prints is in no order that is known."""
    told = (
        "found: binary none\nleave: warning: k0s does not run\nverify: failed: directory /var/lib/k0s\nand that is all"
    )
    report = seen("start 0 b 1\nend 0 1 2", outputs={0: told.encode()})
    message = results.failure(results.step_results([{"kind": kind, "title": "it"}], report), report)["msg"]
    first, *others = message.splitlines()
    assert first == "step 1 of 1 failed: it: verify: failed: directory /var/lib/k0s (exit status 1)"
    if kind == "command":
        assert others == told.splitlines()
    else:
        assert others == ["verify: failed: directory /var/lib/k0s", *told.splitlines()[:2], "and that is all"]


def test_warnings_are_those_of_scripts() -> None:
    steps = [{"kind": "script"}, {"kind": "command"}, {"kind": "forget"}]
    report = seen(
        "start 0 b 1\nend 0 0 2\nstart 1 b 2\nend 1 0 3\nstart 2 b 3\nend 2 0 4\nfinished 0 0",
        outputs={
            0: b"found: it\nreset: warning: busy\nleave: left etcd\nstop: warning: slow\n",
            1: b"any: warning: at all\n",
            2: b"services: warning: stays\n",
        },
    )
    told = results.warnings(results.step_results(steps, report))
    assert told == ["reset: warning: busy", "stop: warning: slow", "services: warning: stays"]


BOTH = [*STEPS, {"kind": "sentinel"}]


@pytest.mark.parametrize(
    ("journal", "told"),
    [
        ("start 0 b 1 k\nend 0 0 2", ""),
        ("kept 0 b k one", "data has changed: goes on at step 2; step 1 is unchanged"),
        (
            "changed 0 one\nchanged 1 one",
            "data has changed: goes on at step 1; steps 1 to 2 had finished and run again",
        ),
        (
            "kept 0 b k one\nchanged 1 one\nstart 1 b 1 k\nend 1 0 2",
            "data has changed: goes on at step 2; step 1 is unchanged; step 2 had finished and runs again",
        ),
        (
            "kept 0 b k one\nkept 1 b k one\nkept 2 b k one",
            "data has changed: every step has been done; steps 1 to 3 are unchanged",
        ),
        (
            "again 0 tmpfs\nstart 0 b 1 k\nend 0 0 2\nagain 2 tmpfs",
            "the host was rebooted, which took what steps 1, 3 had made: done again",
        ),
    ],
)
def test_what_became_of_earlier_ends(journal: str, told: str) -> None:
    assert results.changes(results.step_results(BOTH, seen(journal)), "data") == told


@pytest.mark.parametrize(
    ("journal", "reason"),
    [
        ("start 0 a 1\ncut 0 reboot\nstart 0 b 1\ncut 0 reboot", "reboots"),
        ("start 0 a 1\ncut 0 reboot\nstart 0 b 1", "reboots"),
        ("start 0 a 1\ncut 0 reboot", "cut_off"),
        ("start 0 a 1\ncut 0 lost\nstart 0 b 1\ncut 0 reboot", "cut_off"),
        ("start 0 a 1\ncut 0 reboot\nstart 0 b 1\ncut 0 reboot\nstart 0 c 1\nend 0 1 1", "step_failed"),
    ],
)
def test_a_step_that_reboots(journal: str, reason: str) -> None:
    report = seen(journal, boot="c")
    assert results.failure(results.step_results(STEPS, report), report)["reason"] == reason


@pytest.mark.parametrize(
    ("more", "since", "expected"),
    [
        ({}, "", True),
        ({}, "6", True),
        ({}, "7", False),
        ({"already": True}, "7", True),
        ({"busy": "other"}, "6", False),
        ({"error": "why"}, "6", False),
    ],
)
def test_an_end_under_an_older_lock_is_another_runs(more: dict[str, Any], since: str, expected: bool) -> None:
    report = seen("begin 0 b 1.0 9 7\nstart 0 b 1\nend 0 0 2\nfinished 0 k", **more)
    assert results.finished(report, since) == expected


def test_only_what_was_run_is_a_change() -> None:
    assert results.did_something(seen("begin 0 b 1 9 1\nstart 0 b 1 k\nend 0 0 2"))
    assert not results.did_something(seen("begin 0 b 1 9 1\nstart 0 b 1 k\nend 0 0 2\nbegin 0 b 3 9 2\nfinished 0 k"))
    assert not results.did_something(seen("begin 0 b 1 9 1\nkept 0 b k one\nfinished 0 k"))


def test_an_end_that_an_earlier_program_has_noted_is_none_of_the_last_one() -> None:
    earlier = "begin 0 b 1 9 1\nstart 0 b 1 k\nend 0 0 2\nfinished 0 k"
    assert results.finished(seen(earlier))
    assert not results.finished(seen(f"{earlier}\nbegin 0 b 3 9 2\nstart 1 b 3 l\nend 1 3 4"))
    assert results.finished(seen(f"{earlier}\nbegin 0 b 3 9 2\nstart 1 b 3 l\nend 1 0 4\nfinished 0 l"))


VERIFICATION = [{"kind": "forget"}, {"kind": "verify", "title": "look"}]


def test_what_is_left_on_a_host_is_no_failure_of_a_step() -> None:
    journal = "begin 0 b 1 9 1\nstart 0 b 1\nend 0 0 2\nstart 1 b 2\nend 1 1 8"
    said = (
        b"verify: there before the bootstrap: port 1\nverify: failed: still on the host: process kubelet, port 10250\n"
    )
    report = seen(journal, outputs={1: said})
    ended = results.step_results(VERIFICATION, report)
    failure = results.failure(ended, report)
    assert failure["reason"] == "not_clean"
    assert failure["msg"].startswith("still on the host: process kubelet, port 10250")
    assert failure["step"]["number"] == 1
    # It was ended by something: it has not found anything.
    report = seen(journal.replace("end 1 1", "end 1 137"), outputs={1: b""})
    assert results.failure(results.step_results(VERIFICATION, report), report)["reason"] == "step_failed"


def test_what_only_lies_there_is_a_warning() -> None:
    journal = "begin 0 b 1 9 1\nstart 1 b 2\nend 1 0 3\nfinished 0 0"
    said = b"verify: warning: still on the host: directory /etc/kubernetes\n"
    ended = results.step_results(VERIFICATION, seen(journal, outputs={1: said}))
    assert results.warnings(ended) == [said.decode().strip()]


FAILS_AFTER = "begin 0 b 1 9 1\nstart 0 b 1 k\nsentinel 0 b\nend 0 0 2\nstart 1 b 2 k\nend 1 3 3\n"
BY_ITSELF = "begin 0 b 1 9 1\nstart 0 b 1 k\nend 0 0 2\nstart 1 b 2 k\nsentinel 0 b\nend 1 3 3\n"
ANEW = "begin 0 b 4 9 2\nanew 0 b\nstart 0 b 4 k\nend 0 0 5\nstart 1 b 5 k\nend 1 3 6\n"


@pytest.mark.parametrize(
    ("journal", "proven"),
    [
        (FAILS_AFTER, True),
        (
            FAILS_AFTER.replace("sentinel 0 b\nend 0 0 2\nstart 1 b 2 k\n", "end 0 0 2\nstart 1 b 2 k\nsentinel 0 b\n"),
            True,
        ),
        (FAILS_AFTER.replace("sentinel 0 b\n", ""), False),
        # It was there before.
        (FAILS_AFTER.replace("sentinel 0 b", "sentinel 0 b stale"), False),
        # An earlier list's run has made it.
        ("begin 0 b 1 9 1\nkept 0 b k other\nsentinel 0 b\nstart 1 b 2 k\nend 1 3 3\n", False),
        # All steps have been begun anew since.
        (
            f"{FAILS_AFTER}begin 0 b 4 9 2\nanew 0 b\nstart 0 b 4 k\nend 0 0 5\nstart 1 b 5 k\nend 1 3 6\n",
            False,
        ),
        (f"{FAILS_AFTER}begin 0 b 4 9 2\nstart 1 b 5 k\nend 1 3 6\n", True),
    ],
)
def test_a_command_that_fails_after_the_proof(journal: str, proven: bool) -> None:
    steps: list[dict[str, Any]] = [{"kind": "command", "title": "x"}] * 3 + [{"kind": "sentinel"}]
    report = seen(journal, outputs={1: b"no such unit\n"})
    told = results.failed_after_proof(results.step_results(steps, report), report, {0, 1, 2})
    failed = "step 2 of 4 failed: x: no such unit (exit status 3)"
    expected = f"the sentinel file is there, but {failed}; 1 step after it was not run"
    assert told == (expected if proven else "")
    for late in ({0}, {1}, {2}, set()):
        # Another step has failed, or has made the file: a step of Capra's own, or a file of the document.
        told = results.failed_after_proof(results.step_results(steps, report), report, late)
        assert bool(told) is (proven and late == {1} and "end 0 0 2\nstart 1 b 2 k\nsentinel" in journal)
