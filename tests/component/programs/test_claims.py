"""The host remembers who uses it, and refuses everybody else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import parts, results
from ansible_collections.capra.machine.plugins.plugin_utils.claims import Claimant
from tests.component.programs.host import Host, command, count, counted, mode, states, tree, wait_for, write

FORGET = {"kind": "forget", "keep_files": False}


def owner(uid: str = "", name: str = "", seize: str = "") -> dict[str, Any]:
    """The settings of a run for this machine."""
    words = (parts.encode(text) or "-" for text in (uid, name))
    return {"claim": 1, "owner": " ".join(words), "seize": parts.encode(seize) or "-"}


ONE, TWO = owner("uid-1", "default/one"), owner("uid-2", "default/two")


def refused(host: Host, *steps: dict[str, Any], run_id: str, **settings: object) -> Claimant:
    """A run that another machine's claim keeps away: nothing on the host differs afterwards."""
    before = {name: value for name, value in tree(host.base).items() if not name.startswith("lock.")}
    ended = host.run(*steps, run_id=run_id, **settings)
    assert host.report.claimed is not None, (host.report, host.errors)
    assert not results.finished(host.report)
    assert results.failure(ended, host.report)["reason"] == "claimed"
    after = {name: value for name, value in tree(host.base).items() if not name.startswith("lock.")}
    assert after == before
    return host.report.claimed


def test_the_first_machine_has_the_host_until_it_is_clean(host: Host) -> None:
    started = int(time.time())
    host.finished(write(host.work / "file", b"1"), run_id="boot-1", **ONE)
    assert mode(host.base / "claim") == 0o600
    found = refused(host, counted(host, "two"), run_id="boot-2", **TWO)
    assert (found.uid, found.name) == ("uid-1", "default/one")
    assert started <= found.since <= time.time()
    refused(host, FORGET, run_id="clean-2", takeover=1, **TWO)
    assert (host.work / "file").exists()
    assert count(host, "two") == 0
    host.finished(counted(host, "one"), run_id="boot-1-again", **ONE)
    host.finished(FORGET, run_id="clean-1", takeover=1, **ONE)
    assert not (host.work / "file").exists()
    assert not (host.base / "claim").exists()
    host.finished(counted(host, "two"), run_id="boot-2", **TWO)
    assert refused(host, FORGET, run_id="clean-1b", **ONE).name == "default/two"


def test_another_machines_cleanup_ends_no_run(host: Host) -> None:
    """A cleanup may end its own machine's bootstrap, and no other."""
    waits = counted(host, "one", f"while [ ! -e {host.work}/go ]; do sleep 0.05; done")
    session = host.session(host.text("run", [waits], "boot-1", **ONE))
    wait_for(lambda: count(host, "one"))
    refused(host, FORGET, run_id="clean-2", takeover=1, **TWO)
    (host.work / "go").touch()
    assert results.finished(host.heard(session))
    assert count(host, "one") == 1


def test_a_finished_run_is_not_another_machines(one_host: Host) -> None:
    """Who asks again after the host was taken over is not told that all is well."""
    host = one_host
    host.finished(counted(host, "one"), run_id="boot-1", **ONE)
    host.finished(counted(host, "two"), run_id="boot-2", **owner("uid-2", "default/two", "uid-1"))
    assert refused(host, counted(host, "one"), run_id="boot-1", **ONE).uid == "uid-2"
    assert [count(host, name) for name in ("one", "two")] == [1, 1]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (owner(), owner(), True),
        (owner(), owner(name="a/one"), True),
        (owner(name="a/one"), owner(), True),
        (owner(name="a/one"), owner(name="a/one"), True),
        (owner(name="a/one"), owner(name="a/two"), False),
        (owner("u", "a/one"), owner("u", "a/two"), True),
        (owner("u", "a/one"), owner("v", "a/one"), False),
        (owner("u", "a/one"), owner(name="a/one"), False),
        (owner(name="a/one"), owner("u", "a/one"), False),
        (owner(), owner("u"), False),
    ],
)
def test_who_is_the_same(one_host: Host, first: dict[str, Any], second: dict[str, Any], same: bool) -> None:
    host = one_host
    host.finished(counted(host, "one"), run_id="boot-1", **first)
    if same:
        host.finished(counted(host, "two"), run_id="boot-2", **second)
    else:
        refused(host, counted(host, "two"), run_id="boot-2", **second)


def test_a_claim_without_a_name_gets_one(one_host: Host) -> None:
    """A run of plain Ansible that gave no name, then a machine with one: from then on the host is that machine's."""
    one_host.finished(command("true"), run_id="plain", **owner())
    since = (one_host.base / "claim").read_text().split()[-1]
    one_host.finished(command("true"), run_id="named", **owner(name="default/one"))
    assert (one_host.base / "claim").read_text() == f"claim 1 - default/one {since}\n"
    assert refused(one_host, command("true"), run_id="other", **owner(name="default/two")).name == "default/one"
    one_host.finished(command("true"), run_id="plain-again", **owner())
    assert (one_host.base / "claim").read_text() == f"claim 1 - default/one {since}\n"


@pytest.mark.parametrize(
    ("first", "value", "taken"),
    [
        (owner("u-1", "a/one"), "u-1", True),
        (owner("u-1", "a/one"), "a/one", True),
        (owner("u-1", "b/one"), "one", True),
        (owner("u-1", "a/one"), "one", False),
        (owner("u-1", "b/one"), "two", False),
        (owner(name="one"), "one", True),
        (owner("u-1", "a/one"), "u-2", False),
        (owner("u-1", "a/one"), "*", False),
        (owner("u-1", "a/one"), "-", False),
        (owner("u-1", "a/one"), "unknown", False),
        (owner(name="a/one"), "a/one", True),
        (owner(name="a/one"), "unknown", False),
        (owner(), "unknown", True),
        (owner(), "-", False),
    ],
)
def test_taking_over(host: Host, first: dict[str, Any], value: str, taken: bool) -> None:
    host.finished(counted(host, "one"), run_id="boot-1", **first)
    second = owner("u-9", "b/nine", value)
    if not taken:
        refused(host, counted(host, "two"), run_id="boot-2", **second)
        return
    host.finished(counted(host, "two"), run_id="boot-2", **second)
    # The one that had it is refused from now on, and what it had left is cleaned with the rest.
    assert refused(host, FORGET, run_id="clean-1", **first).uid == "u-9"
    host.finished(FORGET, run_id="clean-2", **owner("u-9"))
    assert not (host.base / "boot-1").exists()


@pytest.mark.parametrize("content", [b"", b"claim", b"claim 1 u", b"claim 1 u n 1 x\n", b"\0\n", b"claim 2 u n 1\n"])
def test_a_claim_that_cannot_be_read_is_somebodys(host: Host, content: bytes) -> None:
    host.base.mkdir()
    (host.base / "claim").write_bytes(content)
    for party in (ONE, owner()):
        assert refused(host, counted(host, "one"), run_id="boot-1", **party) == Claimant("unknown")
    host.finished(counted(host, "one"), run_id="boot-1", **owner("uid-1", "default/one", "unknown"))
    assert (host.base / "claim").read_bytes().startswith(b"claim 1 uid-1 default/one ")


def test_a_host_of_an_older_capra(one_host: Host) -> None:
    """Journals without a claim are nobody's: the machine that is bootstrapped or cleaned next has the host."""
    host = one_host
    host.finished(write(host.work / "file", b"1"), run_id="boot-1")
    assert not (host.base / "claim").exists()
    host.finished(FORGET, run_id="clean-1", **ONE)
    assert not (host.work / "file").exists()
    host.finished(counted(host, "a"), run_id="boot-1")
    host.finished(counted(host, "b"), run_id="boot-2", **TWO)
    refused(host, counted(host, "b"), run_id="boot-3", **ONE)


def test_forgetting_without_a_name_is_not_for_another_machines_host(one_host: Host) -> None:
    host = one_host
    host.finished(write(host.work / "file", b"1"), run_id="boot-1", **ONE)
    (ended,) = host.run(FORGET, run_id="tidy")
    assert ended.state == "failed"
    assert "used by another machine" in ended.output
    assert (host.work / "file").exists()
    assert (host.base / "claim").exists()


def test_a_cleanup_that_fails_leaves_the_claim(host: Host) -> None:
    host.finished(write(host.work / "file", b"1"), run_id="boot-1", **ONE)
    host.run(command("false"), FORGET, run_id="clean-1", **ONE)
    refused(host, counted(host, "two"), run_id="boot-2", **TWO)


def test_a_cleanup_of_a_host_that_nobody_uses_has_it_meanwhile(one_host: Host) -> None:
    host = one_host
    host.run(command("false"), FORGET, run_id="clean-1", **ONE)
    assert refused(host, counted(host, "two"), run_id="boot-2", **TWO).uid == "uid-1"


def test_a_cleanup_that_dies_before_its_last_line(one_host: Host) -> None:
    """Everything is gone but the claim: the next cleanup of the same machine takes it away."""
    host = one_host
    host.finished(write(host.work / "file", b"1"), run_id="boot-1", **ONE)
    claim = (host.base / "claim").read_bytes()
    host.finished(FORGET, run_id="clean-1", **ONE)
    (host.base / "claim").write_bytes(claim)
    host.exchange("drop", run_id="clean-1")
    refused(host, counted(host, "two"), run_id="boot-2", **TWO)
    host.finished(FORGET, run_id="clean-1", **ONE)
    host.exchange("drop", run_id="clean-1")
    assert not host.base.exists()


def test_the_claim_stands_before_the_first_step(one_host: Host) -> None:
    host = one_host
    gate = host.work / "gate"
    step = counted(host, "a", f"test -s {host.base}/claim || exit 9; while [ ! -e {gate} ]; do sleep 0.02; done")
    session = host.session(host.text("run", [step], "boot-1", **ONE))
    wait_for(lambda: count(host, "a"))
    # Whoever would end another's run is refused, too, and the run goes on.
    refused(host, FORGET, run_id="clean-2", takeover=1, **TWO)
    gate.touch()
    assert states(results.step_results([step], host.heard(session))) == ["ok"]


def test_half_a_claim_is_none(one_host: Host) -> None:
    """A program that dies while it writes the claim has begun nothing."""
    host = one_host
    host.base.mkdir()
    (host.base / "claim.part").write_bytes(b"claim 1 u")
    host.finished(FORGET, run_id="clean-2", **TWO)
    host.exchange("drop", run_id="clean-2")
    assert not host.base.exists()


def test_two_at_once(host: Host) -> None:
    """Both sessions see a free host; the program looks again under the lock."""
    gate = host.work / "gate"
    steps = [counted(host, "ran", f"while [ ! -e {gate} ]; do sleep 0.02; done")]
    texts = [host.text("run", steps, f"boot-{number}", **owner(f"uid-{number}")) for number in range(4)]
    sessions = [host.session(text) for text in texts]
    wait_for(lambda: count(host, "ran"))
    gate.touch()
    reports = [host.heard(session) for session in sessions]
    assert sum(results.finished(report) for report in reports) == 1
    # The others say that the host is held, or that it is claimed.
    assert all(report.claimed or report.busy for report in reports if not results.finished(report))
    assert count(host, "ran") == 1


def test_the_program_looks_again(one_host: Host) -> None:
    """Another machine claims the host between the session's look and the program's."""
    host = one_host
    host.finished(command("true"), run_id="earlier")  # where there is a lock, only a lock tells who is at work
    program = host.program
    host.program = program.replace('\nprogram "$@"', '\nwhile [ ! -e "$1/../go" ]; do sleep 0.02; done\nprogram "$@"')
    assert host.program != program
    session = host.session(host.text("run", [counted(host, "two")], "boot-2", **TWO))
    wait_for(lambda: list(host.base.glob("boot-2/program.*")))
    host.program = program
    host.finished(counted(host, "one"), run_id="boot-1", **ONE)
    (host.base / "go").touch()
    report = host.heard(session)
    assert report.claimed is not None
    assert report.claimed.uid == "uid-1"
    assert count(host, "two") == 0
    assert not (host.base / "boot-2").exists()


def test_a_dry_run_tells(one_host: Host) -> None:
    host = one_host
    host.finished(counted(host, "one"), run_id="boot-1", **ONE)
    assert host.exchange("check", [command("true")], "boot-2", **TWO).claimed is not None
    assert host.exchange("check", [command("true")], "boot-1b", **ONE).claimed is None


def test_a_killed_program_keeps_its_claim(one_host: Host) -> None:
    host = one_host
    session = host.session(host.text("run", [counted(host, "a", "sleep 30")], "boot-1", **ONE))
    wait_for(lambda: count(host, "a"))
    host.kill_program()
    host.heard(session)
    refused(host, counted(host, "two"), run_id="boot-2", **TWO)
