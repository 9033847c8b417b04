"""Steps as a file for the role."""

from __future__ import annotations

import zlib

import pytest

from capra.bootstrap.steps import RunCommand, Step, WriteFile, dump_tasks, load_tasks, to_tasks

STEPS: list[Step] = [WriteFile("/etc/a", b"\xff\0", owner="root"), RunCommand("echo 'ü'")]


def test_what_is_written_is_read() -> None:
    assert load_tasks(dump_tasks(STEPS, "/run/s")) == to_tasks(STEPS, "/run/s")


def test_content_that_was_small_when_it_came_is_small_there() -> None:
    """Of 64 MiB, which is what gzip makes of a Secret."""
    assert len(dump_tasks([WriteFile("/etc/a", bytes(64 * 2**20))])) < 2**20


@pytest.mark.parametrize("content", [b"", b"[]", b"\x78\x01", zlib.compress(b"no JSON")])
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # zlib's or json's
        load_tasks(content)
