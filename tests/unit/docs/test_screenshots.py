"""The pictures of the documentation show what is printed now. Those of a browser are not compared: fonts differ."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.support.script_modules import load_script

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "docs" / "images"
LARGEST = 150_000


@pytest.fixture(scope="module")
def screenshots() -> ModuleType:
    return load_script("screenshots")


def test_pictures_of_a_terminal_are_up_to_date(screenshots: ModuleType) -> None:
    for name, make in screenshots.TERMINAL.items():
        assert (IMAGES / name).read_text() == make(), f"docs/images/{name}: make screenshots makes it anew"


def test_no_picture_loads_anything_or_is_large() -> None:
    pictures = sorted(IMAGES.iterdir())
    assert pictures
    for path in pictures:
        assert path.stat().st_size < LARGEST, path.name
        if path.suffix == ".svg":
            assert "url(" not in path.read_text().replace("url(#", ""), path.name


def test_every_picture_is_shown_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = "\n".join(page.read_text() for page in pages)
    assert [path.name for path in IMAGES.iterdir() if f"images/{path.name})" not in shown] == []
