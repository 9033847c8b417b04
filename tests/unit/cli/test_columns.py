"""Rows of text in columns."""

from __future__ import annotations

from capra.cli.output.report import columns


def test_columns_stand_below_each_other_whatever_is_in_them() -> None:
    rows: list[list[object]] = [["STEP", "TITLE", "BYTES"], [1, "schreibe 文件", 7], [22, "run\x1b[31m", ""]]
    rows.append([333, "", ""])
    assert columns(rows).splitlines() == [
        "  STEP   TITLE           BYTES",
        "  1      schreibe 文件   7",
        "  22     run",  # what moves a terminal's cursor is left out
        "  333",
    ]


def test_nothing_is_folded() -> None:
    assert columns([["a", "x" * 1000]]) == f"  a   {'x' * 1000}"
