"""Whether a host has had a bootstrap: what only looks, and a part of a cleanup, say nothing of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import programs
from tests.component.programs.host import SHELLS, Host, command, hosts, states
from tests.component.programs.test_claims import owner

ONE = owner("uid-1", "default/one")
CLEAR, FORGET, VERIFY = {"kind": "clear"}, {"kind": "forget"}, {"kind": "verify"}
LOOK: dict[str, Any] = {"kind": "k3s_cleanup", "run_id": "look", "flags": ["looks", "part", "repeat"]} | ONE
WHOLE: dict[str, Any] = {"kind": "k3s_cleanup", "run_id": "k3s_cleanup-1", "flags": ["repeat", "verifies"]} | ONE
BOOTSTRAP: dict[str, Any] = {"kind": "bootstrap", "run_id": "bootstrap-1"} | ONE
NOTHING_KNOWN = "clear: nothing to do (nothing is known of a bootstrap on this host)"


def _only(host: Host, text: str) -> str:
    """A program for which this machine has nothing of a distribution but what the test puts into its own directory."""
    place = host.work / "rancher"
    looks = (
        f"TRACE_DIRECTORIES={place} SHARED_DIRECTORIES=\n"
        "list_traces() {\n    TRACES='' SHARED='' TRACE_PIDS='' UNKNOWN='' MOUNTS=''\n    find_directories\n}\n"
    )
    return text + looks


@pytest.fixture(params=sorted(SHELLS))
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A host with a distribution that somebody else has installed."""
    for made in hosts(request):
        calls = '\nprogram "$@"\n'
        assert made.program.endswith(calls)
        made.program = _only(made, made.program.removesuffix(calls)) + calls
        session = programs.session(dry_run=True)
        only = _only(made, session)
        monkeypatch.setattr(programs, "session", lambda dry_run=False, only=only: only)
        _install(made, "theirs")
        yield made


def _install(host: Host, name: str) -> None:
    (host.work / "rancher").mkdir(exist_ok=True)
    (host.work / "rancher" / name).touch()


def _there(host: Host) -> list[str]:
    place = host.work / "rancher"
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


def _failed_look(host: Host) -> None:
    assert states(host.run(VERIFY, **LOOK)) == ["failed"]


def _check(host: Host) -> str:
    return host.exchange("check", [CLEAR, FORGET, VERIFY], **WHOLE).outputs[0].decode().strip()


def test_a_look_makes_no_host_one_that_capra_knows(host: Host) -> None:
    assert _check(host) == NOTHING_KNOWN
    _failed_look(host)
    assert _check(host) == NOTHING_KNOWN
    ended = host.run(CLEAR, FORGET, VERIFY, **WHOLE)
    assert (ended[0].output.strip(), states(ended)) == (NOTHING_KNOWN, ["ok", "ok", "failed"])
    assert _there(host) == ["theirs"]


@pytest.mark.parametrize("other", ["part", "whole", "steps", "begun"])
def test_nor_does_anything_else_that_is_no_bootstrap(host: Host, other: str) -> None:
    if other == "part":
        host.finished(command("true"), kind="k3s_cleanup", run_id="part", flags=["cleans", "part"], **ONE)
    elif other == "whole":
        assert states(host.run(FORGET, VERIFY, **WHOLE | {"run_id": "whole"}))[-1] == "failed"
    elif other == "steps":
        host.finished(command("true"), run_id="steps", **ONE)
    else:
        # One that was cancelled before it began.
        (host.base / "bootstrap-0").mkdir(parents=True)
        (host.base / "bootstrap-0" / "journal").write_text("cut 0 cancelled\n")
    assert _check(host) == NOTHING_KNOWN
    assert host.run(CLEAR, **WHOLE)[0].output.strip() == NOTHING_KNOWN
    assert _there(host) == ["theirs"]


@pytest.mark.parametrize("before", ["look", "part", "cancelled", ""])
def test_a_bootstrap_after_it_notes_what_was_there(host: Host, before: str) -> None:
    """What was there before it is not taken for its own afterwards, and stays."""
    if before == "look":
        _failed_look(host)
    elif before == "part":
        host.finished(command("true"), kind="k3s_cleanup", run_id="part", flags=["cleans", "part"], **ONE)
    elif before == "cancelled":
        (host.base / "bootstrap-1").mkdir(parents=True)
        (host.base / "bootstrap-1" / "journal").write_text("cut 0 cancelled\n")
    host.finished(command("true"), **BOOTSTRAP)
    assert f"there {host.work}/rancher/theirs" in (host.base / "before").read_text()
    _install(host, "ours")
    assert f"would remove directory {host.work}/rancher" in _check(host)
    host.finished(CLEAR, FORGET, VERIFY, **WHOLE)
    assert _there(host) == ["theirs"]
    assert not {"before", "claim", "bootstrapped"} & {path.name for path in host.base.iterdir()}


def test_a_bootstrap_that_goes_on_notes_nothing_again(host: Host) -> None:
    host.run(command("exit 1"), **BOOTSTRAP)
    noted = (host.base / "before").read_text()
    _install(host, "ours")
    host.finished(command("true"), **BOOTSTRAP)
    _failed_look(host)
    host.finished(command("true"), **BOOTSTRAP | {"run_id": "bootstrap-2"})
    assert (host.base / "before").read_text() == noted


@pytest.mark.parametrize("journal", ["now", "an earlier version's"])
def test_a_bootstrap_is_known_without_a_note_of_what_was_there(host: Host, journal: str) -> None:
    host.finished(command("true"), **BOOTSTRAP)
    (host.base / "before").unlink()
    if journal != "now":
        path = host.base / "bootstrap-1" / "journal"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.startswith("for ")))
        assert len(path.read_text().splitlines()) == len(lines) - 1
    _failed_look(host)
    assert "would remove" in _check(host)
    host.finished(CLEAR, FORGET, VERIFY, **WHOLE)
    assert _there(host) == []


@pytest.mark.parametrize("note", [True, False], ids=["with a note", "without"])
def test_a_cleanup_that_goes_on_still_knows_its_bootstrap(host: Host, note: bool) -> None:
    """Whose journal is gone by then: another distribution's cleanup, with another id, is the next attempt."""
    host.finished(command("true"), **BOOTSTRAP)
    if not note:
        (host.base / "before").unlink()
    _install(host, "ours")
    first = WHOLE | {"kind": "k0s_cleanup", "run_id": "k0s_cleanup-1"}
    assert states(host.run(FORGET, VERIFY, **first)) == ["ok", "failed"]
    assert not (host.base / "bootstrap-1").exists()
    assert "would remove" in _check(host)
    host.finished(CLEAR, FORGET, VERIFY, **WHOLE)
    assert _there(host) == (["theirs"] if note else [])
    assert not {"before", "claim", "bootstrapped"} & {path.name for path in host.base.iterdir()}


@pytest.mark.parametrize("version", ["this", "an earlier"])
def test_a_bootstrap_after_a_cleanup_that_failed_does_not_take_what_is_left_for_the_hosts(
    host: Host, version: str
) -> None:
    host.finished(command("true"), **BOOTSTRAP)
    noted = (host.base / "before").read_text()
    _install(host, "ours")
    assert states(host.run(FORGET, VERIFY, **WHOLE)) == ["ok", "failed"]
    if version != "this":
        (host.base / "bootstrapped").unlink()
    host.finished(command("true"), **BOOTSTRAP)
    assert (host.base / "before").read_text() == noted


def test_a_part_that_nobody_verifies_keeps_the_host_for_its_machine(host: Host) -> None:
    host.finished(command("true"), **BOOTSTRAP)
    claim, noted = ((host.base / name).read_text() for name in ("claim", "before"))
    _install(host, "ours")
    host.finished(FORGET, **WHOLE | {"run_id": "part", "flags": ["repeat", "part"]})
    assert [(host.base / name).read_text() for name in ("claim", "before")] == [claim, noted]
    assert not (host.base / "bootstrap-1").exists()
    host.finished(CLEAR, FORGET, VERIFY, **WHOLE)
    assert _there(host) == ["theirs"]


def test_a_look_that_is_forgotten_leaves_the_host_to_its_machine(host: Host) -> None:
    host.finished(command("true"), **BOOTSTRAP)
    host.exchange("drop", None, "bootstrap-1")
    kept = {name: (host.base / name).read_text() for name in ("claim", "before")}
    host.run(VERIFY, **LOOK)
    host.exchange("drop", None, "look")
    assert not (host.base / "look").exists()
    assert {name: (host.base / name).read_text() for name in kept} == kept
