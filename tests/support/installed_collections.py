"""The collection as scripts/collection.py builds it and ansible-galaxy installs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def install_collection(place: Path) -> Path:
    """Build it and install it below this directory; the directory for ANSIBLE_COLLECTIONS_PATH."""
    build: list[str | Path] = [sys.executable, ROOT / "scripts" / "collection.py", "--output", place]
    subprocess.run(build, check=True, capture_output=True, cwd=place)
    [archive] = place.glob("capra-machine-*.tar.gz")
    target = place / "collections"
    install: list[str | Path] = [sys.executable, "-m", "ansible", "galaxy", "collection", "install", "--offline"]
    install += ["-p", target, archive]
    subprocess.run(install, check=True, capture_output=True, cwd=place)
    return target


def requirements() -> list[str]:
    """What the collection's requirements.txt states."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
