"""Lines of the programs that nothing else would miss: each test fails when its line is gone."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import parts, programs, results
from tests.component.programs.host import SHELLS, Host, command, mode, wait_for, write


def shell(host: Host, text: str) -> str:
    """What the functions of the session's half say, called one by one."""
    script = f"BASE={host.base}\nRUN=$BASE/one\nID=one\nboot_mark\n{text}\n"
    done = subprocess.run(
        [shutil.which(SHELLS[host.shell][0]) or "", *SHELLS[host.shell][1:], "-s"],
        input=f"{programs.session()}\n{script}".encode(),
        env=host.environment,
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == b""
    return done.stdout.decode()


def test_a_holder_of_an_earlier_boot_is_dead(host: Host) -> None:
    """Process id and start time may be the same by chance."""
    host.base.mkdir()
    alive = 'newest_lock "$BASE"; if holder_alive; then echo alive; else echo dead; fi'
    assert shell(host, f'process_start $$; ln -s "$$:$START:$BOOT:one" "$BASE/lock.1"; {alive}') == "alive\n"
    assert shell(host, f'process_start $$; ln -s "$$:$START:earlier:one" "$BASE/lock.2"; {alive}') == "dead\n"


def test_a_lock_that_is_older_than_another_is_worth_nothing(host: Host) -> None:
    """Others take and leave two locks between this one's look and its link, so its number is free again."""
    host.base.mkdir()
    other = 'process_start 1; command ln -s "1:$START:$BOOT:other" "$BASE/lock.7"'
    race = f"""ln() {{ command ln "$@" || return 1; if [ ! -h "$BASE/lock.7" ]; then {other}; fi; }}
if take_lock one; then echo "holds $NEXT"; else newest_lock "$BASE"; echo "$HOLDER_ID $LOCK"; fi"""
    assert shell(host, race) == "other 7\n"
    assert not (host.base / "lock.1").is_symlink()


def test_what_a_program_makes_is_private_whatever_the_session_allows(host: Host) -> None:
    host.program = host.program.replace('\nprogram "$@"', '\numask 000\nprogram "$@"')
    host.finished(command("echo secret"), write(host.work / "f", b"1"))
    made = {path.name: mode(path) for path in (host.base / "one").iterdir()}
    assert {"journal", "0.output"} <= made.keys()
    assert all(bits & 0o077 == 0 for bits in made.values()), made


def test_content_that_does_not_arrive_whole_is_not_used(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = write(host.work / "f", b"a" * 50), command("touch ran")
    monkeypatch.setattr(parts.Part, "digest", "0" * 64)
    report = host.exchange("run", [good, bad])
    ended = results.step_results([good, bad], report)
    assert [step.state for step in ended] == ["failed", "pending"]
    assert "could not be written whole" in ended[0].output
    assert not (host.work / "f").exists()


def test_a_step_that_begins_while_its_run_is_ended_is_noted_as_cut(host: Host) -> None:
    """Between the first note and the stop of the program it has ended one step and begun the next."""
    run = host.base / "one"
    run.mkdir(parents=True)
    sleeper = subprocess.Popen(["sleep", "60"])
    wait_for(lambda: os.path.exists(f"/proc/{sleeper.pid}/stat"))
    begun = 'printf "end 0 0 2.0\\nstart 1 $BOOT 2.0 k\\n" >>"$RUN/journal"; unset -f kill'
    said = shell(
        host,
        f"""printf 'begin 0 %s 1.0 1 1\\nstart 0 %s 1.0 k\\n' "$BOOT" "$BOOT" >"$RUN/journal"
process_start {sleeper.pid}
ln -s "{sleeper.pid}:$START:$BOOT:one" "$BASE/lock.1"
newest_lock "$BASE"
kill() {{ case $1 in -STOP) {begun} ;; esac; command kill "$@"; }}
end_holder cancelled
cat "$RUN/journal" """,
    )
    sleeper.wait(60)
    assert [line.split()[:3:2] for line in said.splitlines() if line.startswith("cut")] == [["cut", "cancelled"]] * 2
    assert said.splitlines()[-1] == "cut 1 cancelled"
