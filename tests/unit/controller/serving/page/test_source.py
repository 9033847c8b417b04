"""Where the page looks: nowhere, until this process works."""

from __future__ import annotations

from pathlib import Path

from capra.controller.serving.page.source import PageSource
from capra.kube.client.resources import MACHINES, name_of
from capra.model.machine import MachineKey
from capra.runs.kept.kept_runs import KeptRuns
from capra.settings.values import KeepLimits
from tests.support import fleet

KEY = MachineKey(fleet.NAMESPACE, "workers-3", MACHINES)


def test_before_and_after_the_work_there_is_nothing() -> None:
    source = PageSource(None)
    assert "the leader" in source.missing
    assert (source.objects(""), source.one(KEY), source.runs(KEY, 5)) == (([], []), None, [])
    source.serve(fleet.filled_cache(), lambda: False)
    assert "still reading" in source.missing
    source.serve(fleet.filled_cache(), lambda: True)
    assert source.missing == ""
    source.stop()
    assert source.missing
    assert source.objects("") == ([], [])


def test_one_namespace_or_all() -> None:
    source = PageSource(None)
    source.serve(fleet.filled_cache(2, 1, ("team-a", "team-b")), lambda: True)
    assert [len(part) for part in source.objects("")] == [4, 2]
    assert [len(part) for part in source.objects("team-b")] == [2, 1]
    assert [len(part) for part in source.objects("nowhere")] == [0, 0]
    found = source.one(MachineKey("team-b", "workers-1", MACHINES))
    assert found is not None
    assert name_of(found) == "workers-1"


def test_the_newest_runs_and_no_file_that_cannot_be_read(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path, KeepLimits(), lambda: 3000.0)
    runs = list(fleet.runs())
    for run in runs:
        kept.write(run)
    source = PageSource(kept)
    assert source.runs(KEY, 9) == runs[::-1]
    assert source.runs(KEY, 1) == [runs[1]]
    (path,) = tmp_path.rglob(f"{runs[1].name}.json")
    path.write_text("{")
    assert source.runs(KEY, 9) == [runs[0]]
