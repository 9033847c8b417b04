"""A run that looks at what is there each time, in phases: where an attempt after one that did not end goes on."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import parts, payload, results
from tests.component.programs.host import Host, count, journal_problems, wait_for
from tests.component.programs.test_ends import reboot

CLEANUP: dict[str, Any] = {"run_id": "cleanup", "flags": ["repeat"]}
SCRIPT = """\
echo x >>"$1/count.$2"
case $2 in
slow) while [ -e "$1/wait" ]; do sleep 0.02; done ;;
fails) [ ! -e "$1/fails" ] ;;
esac
"""


def phases(host: Host) -> list[dict[str, Any]]:
    """As the role of the k0s cleanup has them: one script."""
    steps: list[dict[str, Any]] = [{"kind": "script", "arguments": [name]} for name in ("first", "slow", "fails")]
    steps.append({"kind": "script", "arguments": ["verify"], "always": True})
    return [*parts.with_script(steps, SCRIPT, [str(host.work)]), {"kind": "forget"}]


def counts(host: Host) -> list[int]:
    return [count(host, name) for name in ("first", "slow", "fails", "verify")]


def under_way(host: Host, name: str) -> Any:
    """A session, once this phase has begun."""
    (host.work / "wait").touch()
    session = host.session(host.text("run", phases(host), **CLEANUP))
    wait_for(lambda: count(host, name))
    return session


def test_it_goes_on_in_the_phase_in_which_it_was_killed(host: Host) -> None:
    session = under_way(host, "slow")
    host.kill_program()
    host.heard(session)
    (host.work / "wait").unlink()
    host.finished(*phases(host), **CLEANUP)
    assert counts(host) == [1, 2, 1, 1]
    assert journal_problems(host, "cleanup") == []
    # It has finished: it looks at everything again.
    host.finished(*phases(host), **CLEANUP)
    assert counts(host) == [2, 3, 2, 2]


@pytest.mark.parametrize("why", ["fails", "cancelled", "reboot"])
def test_all_phases_run_again_after_anything_else(one_host: Host, why: str) -> None:
    host = one_host
    if why == "fails":
        (host.work / "fails").touch()
        ended = host.run(*phases(host), **CLEANUP)
        assert [step.state for step in ended] == ["ok", "ok", "failed", "pending", "pending"]
        (host.work / "fails").unlink()
    else:
        session = under_way(host, "slow")
        if why == "cancelled":
            host.exchange("cancel", run_id="cleanup")
        else:
            host.kill_program()
        host.heard(session)
        (host.work / "wait").unlink()
        if why == "reboot":
            reboot(host)
    ended = host.finished(*phases(host), **CLEANUP)
    assert [step.state for step in ended] == ["ok"] * 5
    assert counts(host) == [2, 2, 2 if why == "fails" else 1, 1]
    assert journal_problems(host, "cleanup") == []


def test_what_failed_before_is_not_told_of_an_attempt_that_begins_anew(one_host: Host) -> None:
    host = one_host
    (host.work / "fails").touch()
    host.run(*phases(host), **CLEANUP)
    session = under_way(host, "slow")
    wait_for(lambda: count(host, "slow") == 2)
    ended = results.step_results(phases(host), host.exchange("attach", run_id="cleanup", follow=1))
    assert [step.state for step in ended] == ["ok", "running", "pending", "pending", "pending"]
    (host.work / "wait").unlink()
    host.heard(session)


def test_what_verifies_is_carried_out_though_it_has_ended(one_host: Host) -> None:
    """Whoever has been killed behind it may come back a day later."""
    host = one_host
    steps = [*phases(host)[:-1], {"kind": "script", "content": f"echo x >>{host.work}/count.last; sleep 60"}]
    session = host.session(host.text("run", steps, **CLEANUP))
    wait_for(lambda: count(host, "last"))
    os.killpg(host.holder(), signal.SIGKILL)
    host.heard(session)
    steps[-1]["content"] = f"echo x >>{host.work}/count.last; :"
    host.finished(*phases(host), **CLEANUP)
    assert counts(host) == [1, 1, 1, 2]


def test_a_script_that_several_steps_share_is_sent_once(host: Host) -> None:
    long = SCRIPT + "#" * payload.IN_THE_STEP
    steps = parts.with_script(
        [{"kind": "script", "arguments": ["first"]}, {"kind": "script", "content": "true"}, {"kind": "script"}],
        long,
        [str(host.work)],
    )
    sent = payload.build({"mode": "run"}, [parts.to_part(step, number) for number, step in enumerate(steps)])
    lines = [line.split(" ") for line in sent.steps.splitlines()]
    assert lines[0][3:5] == lines[2][3:5] != lines[1][3:5]
    assert len(sent.text) < 1.5 * len(long) * 4 / 3
    host.finished(*steps[:1])
    assert count(host, "first") == 1
