"""The pictures of the documentation show what is printed now. Those of a browser are not compared: fonts differ."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "docs" / "images"
LARGEST = 150_000


@pytest.fixture(scope="module")
def screenshots() -> ModuleType:
    specification = importlib.util.spec_from_file_location("screenshots", ROOT / "scripts" / "screenshots.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["screenshots"] = module
    specification.loader.exec_module(module)
    return module


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
