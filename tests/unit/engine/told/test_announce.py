"""What a step announces: what happened, once, and nothing that comes by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capra.engine.decisions import BackOff, Bootstrap, Cleanup, Decision, GiveBack, Keep, Refuse, Release, Reserve, Wait
from capra.engine.engine import Reconciliation
from capra.engine.told.announce import MESSAGE_LENGTH, NORMAL, WARNING, Announcement, announce, entry_concerned
from capra.model.observation import Phase, Record
from capra.model.run import Outcome, OutcomeKind
from tests.unit.engine.examples import READY, observation

CLEANUP = Cleanup(custom=False)


def taken(decision: Decision, outcome: Outcome | None = None, **more: Any) -> Reconciliation:
    return Reconciliation(READY, decision, more.pop("record", Record()), outcome, **more)


@pytest.mark.parametrize("news", [True, False])
@pytest.mark.parametrize(
    ("step", "told"),
    [
        pytest.param(
            taken(Bootstrap(), running=True),
            Announcement(NORMAL, "BootstrapStarted", "bootstrap of 192.0.2.7:22 has begun"),
            id="a bootstrap begins",
        ),
        pytest.param(
            taken(CLEANUP, running=True, record=Record(attempts=2)),
            Announcement(NORMAL, "CleanupStarted", "cleanup of 192.0.2.7:22 has begun, attempt 3"),
            id="a cleanup begins for the third time",
        ),
        pytest.param(
            taken(CLEANUP, running=True, record=Record(attempts=1)),
            Announcement(NORMAL, "CleanupStarted", "cleanup of 192.0.2.7:22 has begun, attempt 2"),
            id="a cleanup begins again",
        ),
        pytest.param(
            taken(Bootstrap(), Outcome(OutcomeKind.FINISHED, "4 steps finished")),
            Announcement(NORMAL, "BootstrapSucceeded", "bootstrap of 192.0.2.7:22: 4 steps finished"),
            id="a bootstrap has succeeded",
        ),
        pytest.param(
            taken(Cleanup(custom=True), Outcome(OutcomeKind.FINISHED, "clean")),
            Announcement(NORMAL, "CleanupSucceeded", "cleanup of 192.0.2.7:22: clean"),
            id="a cleanup has succeeded",
        ),
        pytest.param(
            taken(CLEANUP, Outcome(OutcomeKind.FINISHED, "clean; reset: warning: x", warnings=("x",))),
            Announcement(WARNING, "CleanupSucceeded", "cleanup of 192.0.2.7:22: clean; reset: warning: x"),
            id="a cleanup has succeeded and warns",
        ),
        pytest.param(
            taken(Bootstrap(), Outcome(OutcomeKind.STEP_FAILED, "step 1 failed")),
            Announcement(WARNING, "BootstrapFailed", "bootstrap of 192.0.2.7:22: StepFailed: step 1 failed"),
            id="a bootstrap has failed",
        ),
        pytest.param(
            taken(CLEANUP, Outcome(OutcomeKind.UNREACHABLE, "no route")),
            Announcement(WARNING, "CleanupFailed", "cleanup of 192.0.2.7:22: Unreachable: no route"),
            id="a cleanup has failed",
        ),
        pytest.param(
            taken(Reserve("host-3")),
            Announcement(NORMAL, "HostReserved", "PooledRemoteMachine host-3 is reserved"),
            id="an entry is reserved",
        ),
        pytest.param(
            taken(Release("the cleanup was given up after 100 s", dirty=True)),
            Announcement(WARNING, "CleanupGivenUp", "the cleanup was given up after 100 s"),
            id="a cleanup is given up",
        ),
        pytest.param(
            taken(Keep(adopted=True)),
            Announcement(NORMAL, "Adopted", "the machine was provisioned before; nothing is run on its host"),
            id="a machine is adopted",
        ),
        pytest.param(taken(Keep()), None, id="a machine stays provisioned"),
        pytest.param(taken(BackOff(1)), None, id="a back-off goes on"),
        pytest.param(taken(Release("the host was cleaned")), None, id="a machine is let go"),
        pytest.param(taken(Release("moved", moved=True, dirty=True)), None, id="a machine has moved"),
    ],
)
def test_what_happens_is_announced_whether_the_status_says_so_or_not(
    step: Reconciliation, told: Announcement | None, news: bool
) -> None:
    assert announce(step, news=news) == told


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        (Refuse("MissingFields", "spec.address", "is required"), ("MissingFields", "spec.address is required")),
        (Refuse("Invalid", "runcmd", "Secret d: runcmd is no list"), ("Invalid", "Secret d: runcmd is no list")),
        (Refuse("Invalid", "", "is empty"), ("Invalid", "is empty")),
        (Wait("PoolExhausted", "no entry"), ("PoolExhausted", "no entry")),
        (Wait("HostInUse", "by another"), ("HostInUse", "by another")),
        *((Wait(reason, "it comes"), None) for reason in ("Paused", "WaitingForMachine", "WaitingForRun")),
        (Wait("ExternallyManaged", "by others"), None),
    ],
)
def test_what_somebody_should_mend_is_announced_when_it_is_news(
    decision: Decision, told: tuple[str, str] | None
) -> None:
    assert announce(taken(decision), news=True) == (Announcement(WARNING, *told) if told else None)
    assert announce(taken(decision), news=False) is None


def test_a_long_message_is_cut_to_what_the_api_takes() -> None:
    longest = taken(Refuse("Invalid", "", "x" * MESSAGE_LENGTH))
    longer = taken(Bootstrap(), Outcome(OutcomeKind.STEP_FAILED, "x" * 5000))

    cut = announce(longer, news=True)
    whole = announce(longest, news=True)

    assert cut is not None
    assert whole is not None
    assert (len(cut.message), cut.message[-2:]) == (MESSAGE_LENGTH, "x…")
    assert whole.message == "x" * MESSAGE_LENGTH


def test_the_host_is_named_as_it_is_reached() -> None:
    seen = observation(spec={"address": "2001:db8::7", "port": 2222})

    told = announce(replace(taken(Bootstrap(), running=True), observation=seen), news=False)

    assert told is not None
    assert "[2001:db8::7]:2222" in told.message


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (Record(attempts=1, unreached=1), "NeverReached: no host was ever reached, in 1 attempt"),
        (Record(attempts=2, unreached=2), "NeverReached: no host was ever reached, in 2 attempts"),
        (Record(attempts=2, unreached=0), "NothingSent: nothing was ever sent to the host, in 2 attempts"),
        (Record(attempts=3, unreached=2), "NothingSent: nothing was ever sent to the host, in 3 attempts"),
        (Record(), ""),
        (Record(phase=Phase.CLEAN, attempts=1, unreached=1), ""),
    ],
)
def test_a_machine_that_no_host_was_ever_reached_for_says_so(record: Record, told: str) -> None:
    record = replace(record, message="no route")
    seen = replace(READY, record=record)
    step = Reconciliation(seen, Release("nothing was ever sent to a host"), replace(record, phase=Phase.CLEAN))
    announced = announce(step, news=False)
    if not told:
        assert announced is None
        return
    reason, _, message = told.partition(": ")
    message += " at 192.0.2.7:22: there is nothing to clean. Last: no route"
    assert announced == Announcement(NORMAL, reason, message)


def test_what_an_entry_is_not_any_more_is_told_of_it_as_well() -> None:
    seen = observation(entry={"name": "e-1"})
    for decision, concerned in (
        (GiveBack("e-1", "no route"), True),
        (Release("the cleanup was given up", dirty=True), True),
        (Release("clean"), False),
        (Reserve("e-1"), False),
    ):
        step = Reconciliation(seen, decision, seen.record)
        assert (entry_concerned(step) == ("default", "e-1")) is concerned, decision
    assert entry_concerned(Reconciliation(observation(), Release("given up", dirty=True), seen.record)) is None
