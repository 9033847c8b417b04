"""A cleanup whose answer was lost runs no command again; another one, or one after something else, does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import results
from tests.component.programs.host import (
    SHELLS,
    RootsHost,
    command,
    count,
    counted,
    hosts,
    needs_root,
    tree,
    wait_for,
    write,
)

pytestmark = needs_root


@pytest.fixture(params=sorted(SHELLS))
def clean(request: pytest.FixtureRequest) -> Iterator[RootsHost]:
    """A host on which nothing has ever happened."""
    for made in hosts(request, RootsHost):
        yield cast(RootsHost, made)


@pytest.fixture(params=["by the session", "by another session"])
def host(clean: RootsHost, request: pytest.FixtureRequest) -> RootsHost:
    """A host that was bootstrapped, cleaned and forgotten, and nobody has heard of the end."""
    host, by = clean, request.param
    _bootstrap(host)
    _clean(host, forget=int(by == "by the session"))
    assert host.report.forgotten == (by == "by the session")
    assert (count(host, "clean"), host.report.already) == (1, False)
    assert not host.base.exists()
    assert {path.stat().st_mode & 0o77 for path in (host.ends, *host.ends.rglob("*"))} == {0}
    return host


COMMON: dict[str, Any] = {"run_id": "cleanup", "kind": "custom_cleanup", "uid": "u", "claim": 1, "owner": "u -"}


def _bootstrap(host: RootsHost) -> None:
    host.finished(write(host.work / "f", b"1"), run_id="bootstrap", kind="bootstrap", uid="u", claim=1, owner="u -")


def _clean(host: RootsHost, *more: dict[str, Any], request: str = "1700000000.5", **settings: Any) -> None:
    """As the action does it."""
    common = COMMON | {"request": request}
    host.finished(counted(host, "clean"), *more, {"kind": "forget"}, **common, **settings)
    if not host.report.forgotten:
        host.exchange("drop", None, **common)


def test_it_runs_nothing_again(host: RootsHost) -> None:
    before = tree(host.work)
    for _ in range(2):
        _clean(host)
        assert host.report.already
        assert [line[:3] for line in host.report.journal if line[0] == "end"] == [("end", "0", "0"), ("end", "1", "0")]
    assert tree(host.work) == before
    assert not host.base.exists()


def test_who_follows_it_after_a_lost_answer_hears_of_the_end(host: RootsHost) -> None:
    report = host.exchange("attach", [counted(host, "clean"), {"kind": "forget"}], **COMMON, request="1700000000.5")
    assert [line[0] for line in report.journal][-1] == "finished"
    other = host.exchange("attach", [counted(host, "clean"), {"kind": "forget"}], **COMMON, request="2")
    assert other.journal == ()


@pytest.mark.parametrize("request_id", ["-", "1"])
def test_what_looks_again_each_time_does_so(clean: RootsHost, request_id: str) -> None:
    for number in range(1, 3):
        _clean(clean, request=request_id, flags=["repeat"], forget=1)
        assert (count(clean, "clean"), clean.report.forgotten) == (number, True)


def test_a_session_forgets_nothing_that_would_run_again(clean: RootsHost) -> None:
    clean.finished(counted(clean, "clean"), {"kind": "forget"}, **COMMON, forget=1)
    assert not clean.report.forgotten
    clean.run(command("exit 3"), {"kind": "forget"}, **COMMON | {"run_id": "other"}, request="1", forget=1)
    assert not clean.report.forgotten
    assert (clean.base / "cleanup" / "journal").exists()
    assert (clean.base / "other" / "journal").exists()


def test_a_session_that_does_not_see_the_end_forgets_nothing(clean: RootsHost) -> None:
    steps = [counted(clean, "clean", f"until [ -e {clean.work}/go ]; do sleep 0.05; done"), {"kind": "forget"}]
    report = clean.exchange("run", steps, **COMMON, request="1", forget=1, follow=1)
    assert (report.running, report.forgotten) == (True, False)
    (clean.work / "go").touch()
    wait_for(lambda: not clean.exchange("attach", steps, **COMMON, request="1").running)
    assert (clean.base / "cleanup" / "journal").exists()


def test_a_session_that_has_told_that_it_runs_forgets_nothing(clean: RootsHost) -> None:
    """Though it has ended since."""
    steps = [counted(clean, "clean", f"until [ -e {clean.work}/go ]; do sleep 0.05; done"), {"kind": "forget"}]
    text = clean.text("run", steps, **COMMON, request="1", forget=1, follow=1)
    ends = f"report\n        touch {clean.work}/go; while program_running; do nap; done\n        forget_finished\n"
    late = text.replace(b"report\n        forget_finished\n", ends.encode())
    assert late != text
    report = clean.heard(clean.session(late))
    assert (report.running, report.forgotten) == (True, False)
    assert (clean.base / "cleanup" / "journal").exists()


def test_without_room_to_keep_it_the_journal_stays_until_somebody_has_the_answer(clean: RootsHost) -> None:
    (clean.root / "full").touch()
    blocked = clean.root / "full" / "ends"
    clean.program = clean.program.replace(str(clean.ends), str(blocked))
    clean.ends = blocked
    clean.finished(counted(clean, "clean"), {"kind": "forget"}, **COMMON, request="1", forget=1)
    assert not clean.report.forgotten
    assert (clean.base / "cleanup" / "journal").exists()
    clean.exchange("drop", None, **COMMON, request="1")
    assert not clean.base.exists()


def test_a_kept_end_is_not_forgotten(host: RootsHost) -> None:
    """Another session has made the directory again, and was lost."""
    (host.base / "other").mkdir(parents=True)
    _clean(host, forget=1)
    assert (host.report.already, host.report.forgotten) == (True, False)
    assert list(host.ends.glob("*/journal"))


def _late(host: RootsHost, text: bytes) -> bytes:
    """A session that says when it follows, and looks late for what has become of the run."""
    late = text.replace(b"start\n        follow\n", f"start; touch {host.work}/follows; follow; sleep 1\n".encode())
    assert late != text
    return late


def test_two_sessions_that_follow_one_cleanup_hear_of_its_end(clean: RootsHost) -> None:
    steps = [counted(clean, "clean", f"until [ -e {clean.work}/go ]; do sleep 0.05; done"), {"kind": "forget"}]
    text = clean.text("run", steps, **COMMON, request="1", forget=1)
    late = _late(clean, text)
    first = clean.session(text)
    wait_for(lambda: count(clean, "clean") == 1)
    second = clean.session(late)
    wait_for((clean.work / "follows").exists)
    (clean.work / "go").touch()
    assert clean.heard(first).forgotten
    assert [line[0] for line in clean.heard(second).journal][-1:] == ["finished"]
    assert count(clean, "clean") == 1


@pytest.mark.parametrize("request_id", ["-", "2"])
@pytest.mark.parametrize("flags", [[], ["repeat"]], ids=["once", "repeat"])
def test_who_asks_for_something_else_follows_it_to_its_end_as_well(
    clean: RootsHost, request_id: str, flags: list[str]
) -> None:
    """In its first session, and in the next."""
    steps = [counted(clean, "clean", f"until [ -e {clean.work}/go ]; do sleep 0.05; done"), {"kind": "forget"}]
    common = COMMON | {"flags": flags}
    first = clean.session(clean.text("run", steps, **common, request="1", forget=1))
    wait_for(lambda: count(clean, "clean") == 1)
    follows = clean.text("run", steps, **common, request=request_id)
    late = _late(clean, follows)
    share = clean.exchange("run", steps, **common, request=request_id, follow=1)
    assert share.running
    second = clean.session(late)
    wait_for((clean.work / "follows").exists)
    (clean.work / "go").touch()
    assert clean.heard(first).forgotten
    attached = clean.exchange("attach", steps, **common, request=request_id, since=share.since)
    for report in (clean.heard(second), attached):
        assert [line[0] for line in report.journal][-1:] == ["finished"]
        assert results.finished(report, share.since)
    assert count(clean, "clean") == 1


def test_a_session_that_is_killed_leaves_no_end_that_another_request_had(host: RootsHost) -> None:
    """Behind what it tells of itself, before it has started anything."""
    steps = [counted(host, "clean"), {"kind": "forget"}]
    common = COMMON | {"request": "1700000009.5", "flags": ["repeat"]}
    tells = b'    echo "since $SINCE"\n'
    killed = host.text("run", steps, **common).replace(tells, tells + b"    kill -9 $$\n")
    told = host.heard(host.session(killed))
    assert (told.since, told.complete) == ("0", False)
    report = host.exchange("attach", steps, **common, since=told.since)
    assert not results.finished(report, told.since)
    host.finished(*steps, **common)
    assert count(host, "clean") == 2


@pytest.mark.parametrize("same", [False, True], ids=["another run", "the same run"])
def test_locks_that_begin_anew_meanwhile(clean: RootsHost, same: bool) -> None:
    """A session has looked at the newest lock; then another one removes all that there is."""
    _bootstrap(clean)
    left = "bootstrap" if same else "other"
    clean.finished(command("true"), run_id="other", claim=1, owner="u -")
    clean.exchange("drop", None, "other" if same else "bootstrap")
    steps = [counted(clean, "a")]
    common: dict[str, Any] = {"run_id": "bootstrap", "kind": "bootstrap", "uid": "u", "claim": 1, "owner": "u -"}
    text = clean.text("run", steps, **common)
    waits = f"touch {clean.work}/here; until [ -e {clean.work}/go ]; do sleep 0.05; done"
    late = text.replace(b"\n    unpack\n", f"\n    {waits}; unpack\n".encode())
    assert late != text
    session = clean.session(late)
    wait_for((clean.work / "here").exists)
    clean.exchange("drop", None, left)
    assert not list(clean.base.glob("lock.*"))
    (clean.work / "go").touch()
    report = clean.heard(session)
    assert (results.finished(report, report.since), report.error) == (True, "")


def test_another_request_runs_again(host: RootsHost) -> None:
    _clean(host, request="1700000009.5")
    assert (count(host, "clean"), host.report.already) == (2, False)


def test_one_that_names_no_request_runs_again(host: RootsHost) -> None:
    _clean(host, request="-")
    assert count(host, "clean") == 2


def test_other_commands_run(host: RootsHost) -> None:
    _clean(host, counted(host, "more"))
    assert [count(host, name) for name in ("clean", "more")] == [2, 1]


def test_all_steps_are_to_run_again(host: RootsHost) -> None:
    _clean(host, flags=["restart"])
    assert count(host, "clean") == 2


def test_after_a_bootstrap_it_is_another_state(host: RootsHost) -> None:
    _bootstrap(host)
    assert not host.ends.exists()
    _clean(host)
    assert (count(host, "clean"), host.report.already) == (2, False)


def test_after_another_boot_it_may_be_another_state(host: RootsHost) -> None:
    [journal] = host.ends.glob("*/journal")
    text = journal.read_text()
    journal.write_text(text.replace(host.report.boot, "another-boot.1"))
    _clean(host)
    assert count(host, "clean") == 2


def test_one_that_failed_is_no_end(host: RootsHost) -> None:
    _bootstrap(host)
    failing = counted(host, "clean", "exit 3")
    common: dict[str, Any] = {"run_id": "cleanup", "claim": 1, "owner": "u -", "request": "1"}
    host.run(failing, {"kind": "forget"}, **common)
    host.exchange("drop", None, **common)
    assert not host.ends.exists()


@pytest.mark.parametrize("found", [True, False])
def test_a_look_in_between_leaves_the_end_as_it_is(host: RootsHost, found: bool) -> None:
    """It changes nothing on the host: whoever asked for the cleanup does not run its commands again."""
    look: dict[str, Any] = COMMON | {"run_id": "look", "flags": ["looks", "part", "repeat"]}
    steps = [{"kind": "script", "content": f"exit {int(found)}"}]
    host.run(*steps, **look)
    host.exchange("drop", None, **look)
    assert not host.base.exists()
    _clean(host)
    assert (count(host, "clean"), host.report.already) == (1, True)
