"""The wheel alone is enough: it carries the collection, and finds it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's contents in a directory of their own."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(place), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = place.glob("capra-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return place / "site"


def test_the_wheel_carries_the_collection_and_names_its_place(unpacked: Path) -> None:
    # -P and an explicit path, so that the checkout is not what is found.
    program = f"import sys; sys.path.insert(0, {str(unpacked)!r}); from capra.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, "ansible-path"], capture_output=True, text=True, check=True, cwd=unpacked
    )
    path = Path(done.stdout.strip())
    assert path == unpacked / "capra" / "ansible"
    collection = path / "ansible_collections" / "capra" / "machine"
    for kind in ("playbooks", "roles", "plugins"):
        here = {str(file.relative_to(ROOT)) for file in (ROOT / kind).rglob("*") if _shipped(file)}
        there = {str(file.relative_to(collection)) for file in (collection / kind).rglob("*") if _shipped(file)}
        assert here == there


def _shipped(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts
