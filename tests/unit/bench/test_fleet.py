"""What bench/fleet makes of what it has measured, and what it has done on hosts."""

from __future__ import annotations

import json
import subprocess

import pytest

from bench import work
from bench.fleets import report
from bench.fleets.capra import mixed
from bench.fleets.figures import LONG, Row, Run
from tests.support.bootstrap_data import parse


def row(*capra: float, floor: float = 2.0) -> Row:
    return Row(10, "created → provisioned", floor=[Run(floor, 1.0)], capra=[Run(one, 20.0) for one in capra])


def test_a_row_is_held_against_the_floor_by_medians() -> None:
    made = row(4.0, 100.0, 5.0)
    assert made.ratio == 2.5
    assert made.cpu(made.capra) == 2.0


@pytest.mark.parametrize(
    ("made", "enough"), [(row(), False), (row(1, 1), False), (row(1, 1, 1), True), (row(LONG), True)]
)
def test_what_takes_long_is_measured_once(made: Row, enough: bool) -> None:
    assert made.enough(3) is enough


def test_table_document_and_picture_say_the_same() -> None:
    rows = [row(5.0), Row(10, "with dead ones", "dead", "Capra alone", [Run(5.0, 1)], [Run(5.5, 1)])]
    told = report.table(rows)
    assert "2.50 x" in told
    assert "1.10 x" in told
    document = json.loads(json.dumps(report.document(rows, {}, {})))
    assert [round(one["ratio"], 2) for one in document["rows"]] == [2.5, 1.1]
    assert [bar.value for bar in next(iter(report.groups(rows))).bars] == [2.0, 5.0]


def test_dead_hosts_are_spread_among_the_others() -> None:
    names = "".join(mixed({"a": "", "b": "", "c": "", "d": ""}, {"x": "", "y": ""}))
    assert names == "axbcyd"
    assert list(mixed({"a": "1"}, {})) == ["a"]


def test_the_floor_does_what_the_bootstrap_data_says() -> None:
    steps = parse(work.cloud_config(3).encode())
    assert len(steps) == len(work.FILES) + len(work.COMMANDS)
    script = work.script(3)
    assert all(file["path"] in script for file in work.FILES)
    assert all(command in script for command in work.commands(3))


@pytest.mark.parametrize("script", [work.script(), work.script(3), work.cleanup_script()])
def test_scripts_are_shell(script: str) -> None:
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0


def test_the_floor_of_a_cleanup_is_the_role_s_own_program() -> None:
    assert 'main "$@"' in work.cleanup_script()
