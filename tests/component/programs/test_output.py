"""A step's output is bounded on the host while the step runs, and no service that writes it is held up or ended."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import payload, programs, results
from capra.runs.ssh import bounded_ssh
from tests.component.programs.host import Host, alive, command, states, wait_for

LIMIT, KEPT = 1048576, 262144
"""Those of output.sh."""

BLOCKS = 2 * 4096
"""What two files may take in addition."""


def _kept(host: Host) -> int:
    """Bytes on the host's disk of all outputs; holes take none."""
    return sum(path.stat().st_blocks * 512 for path in host.base.glob("one/*.output*"))


def test_the_newest_step_is_told_more_of_than_others(host: Host) -> None:
    """Of all together a report holds no more than a session passes on."""
    said = [command(f"echo {'x' * 100}{number}; exit {number // 2}") for number in range(3)]
    ended = host.run(*said, tail=50, share=3)
    assert [step.output for step in ended] == ["x0\n", "x1\n", f"{'x' * 48}2\n"]
    assert states(ended) == ["ok", "ok", "failed"]


@pytest.mark.parametrize("steps", [1, 10, 255, 256, 1000, 20_000])
@pytest.mark.parametrize("wanted", [0, 4096, 2**30])
def test_a_report_fits_into_what_a_session_passes_on(steps: int, wanted: int) -> None:
    limits = payload.limits(wanted, steps, diff=True)
    in_base64 = 4 / 3 * (1 + 1 / 76)
    [journal] = re.findall(r"^JOURNAL_TOLD=(\d+)$", programs.session(), re.MULTILINE)
    told = (limits["tail"] + steps * (limits["share"] + limits["diff"])) * in_base64
    assert told + int(journal) < bounded_ssh.LIMIT
    assert limits["tail"] == min(wanted, payload.REPORTED)


def test_what_bounds_the_output_says_nothing_in_it(host: Host) -> None:
    """Not even a shell that tells of a signal: the command ends the naps of who watches its output."""
    naps = 'for one in $(pgrep -P "$PPID"); do pkill -x -P "$one" sleep; done; sleep 0.05'
    [ended] = host.finished(command("\n".join([naps] * 10)))
    assert ended.output == ""


def test_a_flood_leaves_its_end_and_the_steps_status(host: Host) -> None:
    flood = command("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 3")
    [ended] = host.run(flood, tail=8)
    assert (ended.state, ended.rc) == ("failed", 3)
    assert ended.output == "the end\n"
    assert _kept(host) <= LIMIT + 2 * KEPT + BLOCKS


def test_the_end_is_told_in_order_across_a_cut(host: Host) -> None:
    lines = "i=0; while [ $i -lt 12000 ]; do i=$((i+1)); echo $i".ljust(60) + f"{'x' * 100}; done; sleep 0.7; echo last"
    [ended] = host.finished(command(lines), tail=200_000)
    told = [line.split("x")[0] for line in ended.output.splitlines()[1:]]
    assert told[-1] == "last"
    numbers = [int(line) for line in told[:-1]]
    assert numbers == list(range(numbers[0], 12001))
    assert len(ended.output) == 200_000


@pytest.mark.parametrize("how", ["| tee -a /dev/stderr >/dev/null", ">>/proc/self/fd/1", "| cat >>/dev/stdout"])
def test_an_output_that_the_command_opens_again_is_bounded(host: Host, how: str) -> None:
    [ended] = host.finished(command(f"(head -c 3000000 /dev/zero | tr '\\0' x; echo; echo the end) {how}"), tail=8)
    assert ended.output == "the end\n"
    assert _kept(host) <= LIMIT + 2 * KEPT + BLOCKS


def test_the_end_of_an_output_is_told_however_it_was_written_before(host: Host) -> None:
    """Where standard output was written to last tells nothing of what came by another way since."""
    flood = "head -c 3000000 /dev/zero | tr '\\0' x; sleep 0.6"
    [ended] = host.run(
        command(f"{flood}; ({flood}; echo; echo the end) | tee -a /dev/stderr >/dev/null; exit 3"), tail=8
    )
    assert (ended.state, ended.output) == ("failed", "the end\n")


def test_an_output_that_is_opened_again_is_cut_while_the_step_runs(host: Host) -> None:
    flood = command("while :; do head -c 100000 /dev/zero; sleep 0.02; done | tee /dev/stderr >/dev/null")
    session = host.session(host.text("run", [flood], "one"))
    started, seen = time.monotonic(), []
    while time.monotonic() - started < 6:
        seen.append(_kept(host))
        time.sleep(0.05)
    assert max(seen) > LIMIT  # it did write more
    assert min(seen[seen.index(max(seen)) :]) < LIMIT + 2 * KEPT + BLOCKS
    host.kill_program()
    session.kill()
    session.communicate(timeout=60)


def test_a_long_flood_is_cut_while_the_step_runs(host: Host) -> None:
    session = host.session(host.text("run", [command("while :; do head -c 100000 /dev/zero; sleep 0.02; done")], "one"))
    seen = []
    started = time.monotonic()
    while time.monotonic() - started < 4:
        seen.append(_kept(host))
        time.sleep(0.05)
    assert max(seen) > LIMIT  # it did write more
    assert seen[-1] < 4 * LIMIT
    assert max(seen) < 6 * LIMIT
    host.kill_program()
    session.kill()
    session.communicate(timeout=60)


def test_a_service_that_goes_on_writing_neither_holds_up_nor_dies(host: Host) -> None:
    pid_file = host.work / "pid"
    service = f"(while :; do echo still here; sleep 0.05; done) & echo $! > {pid_file}"
    started = time.monotonic()
    ended = host.finished(command(service), command("head -c 3000000 /dev/zero"), command("sleep 0.5"))
    assert states(ended) == ["ok"] * 3
    assert time.monotonic() - started < 15
    pid = int(pid_file.read_text())
    assert alive(pid)
    os.kill(pid, signal.SIGTERM)


def test_nobody_watches_any_more_when_the_step_has_ended(host: Host) -> None:
    [ended] = host.finished(command("sleep 0.2"))
    assert ended.state == "ok"
    wait_for(lambda: not _processes(host))


def _processes(host: Host) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(host.base) in line:
            found.append(line)
    return found


def test_a_second_attempt_shows_nothing_of_the_first(host: Host) -> None:
    marker = host.work / "marker"
    step = command(f"test -e {marker} || {{ head -c 3000000 /dev/zero | tr '\\0' x; exit 1; }}; echo fine")
    host.run(step, tail=300_000)
    marker.touch()
    [ended] = host.finished(step, tail=300_000)
    assert ended.output == "fine\n"


def test_a_signal_that_was_ignored_from_the_beginning(host: Host) -> None:
    """No shell can hear it then, and nobody waits for that."""
    session = host.session(
        host.text("run", [command("echo 1"), command("echo 2")], "one"),
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    )
    report = host.heard(session)
    assert results.finished(report)
    wait_for(lambda: not _processes(host))
