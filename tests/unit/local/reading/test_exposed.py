"""Manifests with a private key that others may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from capra.local.prepare import notes
from capra.local.reading.manifests import load_manifests
from tests.unit.local.examples import machine, private_key, secret, write


def _noted(file: str) -> tuple[str, ...]:
    return notes(load_manifests([file]))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_told(tmp_path: Path, mode: int) -> None:
    file = write(tmp_path, machine(), secret())
    Path(file).chmod(mode)
    assert _noted(file) == (
        f"{file} holds a private key (Secret key) and can be read by others (mode {mode:04o}): chmod 600 {file}",
    )


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_of_ones_own_is_not(tmp_path: Path, mode: int) -> None:
    file = write(tmp_path, machine(), secret())
    Path(file).chmod(mode)
    assert _noted(file) == ()


def test_a_file_without_a_key_may_be_read(tmp_path: Path) -> None:
    file = write(tmp_path, machine(), secret(value="a token"))
    Path(file).chmod(0o644)
    assert _noted(file) == ()


def test_one_line_a_file_that_can_be_run_as_it_is(tmp_path: Path) -> None:
    directory = tmp_path / "my keys"
    directory.mkdir()
    file = write(directory, machine(), secret(), secret("other", value=private_key()))
    Path(file).chmod(0o644)
    (told,) = _noted(file)
    assert "Secret key, other" in told
    assert told.endswith(f"chmod 600 '{file}'")
    assert "BEGIN" not in told
