"""A run that was killed in a write, whose name other steps have got since: a cleanup finds what it left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import results
from tests.component.programs.host import Host, append, command, count, counted, tree, wait_for, write
from tests.component.programs.test_whose import STOP_AFTER_RENAME, STOP_BEFORE_RENAME, killed

FORGET: dict[str, object] = {"kind": "forget"}
STOP_BEFORE_COPY = 'cp() { : >"$RUN/../../reached"; sleep 60; command cp "$@"; }\n'
"""A replaced file is about to be kept."""

MOMENTS = {"before copy": STOP_BEFORE_COPY, "before rename": STOP_BEFORE_RENAME, "behind rename": STOP_AFTER_RENAME}


def left(host: Host) -> list[Path]:
    """Private directories."""
    return list(host.work.rglob(".capra*"))


@pytest.mark.parametrize("moment", list(MOMENTS))
@pytest.mark.parametrize("name", ["replaced", "appended", "new/file"])
@pytest.mark.parametrize("then", ["same path", "other path"])
def test_nothing_is_left(one_host: Host, moment: str, name: str, then: str) -> None:
    host = one_host
    if moment == "before copy" and name == "new/file":
        pytest.skip("nothing is copied there")
    for there in ("replaced", "appended"):
        (host.work / there).write_bytes(b"old")
    before = tree(host.work)
    kind = append if name == "appended" else write
    killed(host, MOMENTS[moment], command(":"), kind(host.work / name, b"first"))
    assert left(host)
    other = host.work / (name if then == "same path" else "other")
    host.finished(command("true"), kind(other, b"second"))
    host.finished(command("true"), kind(other, b"third"), command("true"))
    assert sorted(path.name for path in host.base.glob("one*")) == ["one", "one~1", "one~2"]
    # What was about to be written may be secret: it does not wait for a cleanup.
    assert left(host) == []
    host.finished(FORGET, run_id="cleanup")
    assert tree(host.work) == before
    assert list(host.base.glob("one*")) == []


def test_a_cleanup_killed_where_it_puts_back(host: Host) -> None:
    """Another cleanup gets its name; the private directory is in the records of the run that was renamed."""
    (host.work / "file").write_bytes(b"old")
    before = tree(host.work)
    host.finished(write(host.work / "file", b"1"))
    host.finished(write(host.work / "file", b"2"), command("true"))
    killed(host, STOP_BEFORE_RENAME, command(":"), FORGET, run_id="cleanup")
    assert left(host)
    host.finished(command("true"), FORGET, run_id="cleanup")
    wait_for(lambda: tree(host.work) == before)
    assert left(host) == []


@pytest.mark.parametrize("moment", ["killed", "no room"])
def test_cut_off_where_the_new_journal_is_to_come(host: Host, moment: str) -> None:
    """The old run has its other name already. What has ended stays done, in a run that carries nothing over, too; and
    its content, which may be secret, does not stay."""
    head = counted(host, "a")
    host.run(head, command("true # two"), command("exit 1"))
    whole = host.program
    making = 'mkdir "$RUN" || return 1'
    assert making in whole
    what = f"{{ : >{host.root}/reached; sleep 60; }}" if moment == "killed" else "false"
    host.program = whole.replace(making, f"{what} || return 1")
    steps = [head, command("true # two, mended"), write(host.work / "f", b"secret")]
    session = host.session(host.text("run", steps, "one"))
    if moment == "killed":
        wait_for((host.root / "reached").exists)
        host.kill_program()
    report = host.heard(session)
    host.program = whole
    assert not results.finished(report)
    assert (host.base / "one~1/journal").exists()
    assert not (host.base / "one/journal").exists()
    if moment == "no room":
        assert list(host.base.glob("one*/p*.*")) == []
    ended = host.finished(*steps)
    assert [step.before for step in ended] == ["kept", "changed", ""]
    assert count(host, "a") == 1
    assert list(host.base.glob("one*/p*.*")) == []
    host.finished(FORGET, run_id="cleanup")
    assert tree(host.work) == {"count.a": (0o100644, b"x\n")}


def test_nothing_of_an_older_cleanup_of_that_name_stays(one_host: Host) -> None:
    host = one_host
    cleanup: dict[str, Any] = {"run_id": "cleanup", "kind": "custom_cleanup", "uid": "u"}
    host.finished(command("true"), FORGET, **cleanup)
    whole, making = host.program, 'mkdir "$RUN" || return 1'
    host.program = whole.replace(making, "return 1")
    host.run(command("true"), FORGET, flags=["restart"], **cleanup)
    host.program = whole
    host.finished(command("true"), FORGET, **cleanup)
    host.exchange("drop", run_id="cleanup")
    assert not host.base.exists()
