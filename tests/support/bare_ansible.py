"""A virtual environment that holds some distributions, what they require, and nothing else, made without a network:
links to what is installed here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.missing import missing
from tests.support.installed_collections import ROOT


def make_environment(place: Path, names: Iterable[str]) -> Path:
    """Its Python. names: requirements, as in a requirements.txt. The test is skipped where one is not installed."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    [site] = place.glob("lib/python3*/site-packages")
    for one in _required(names):
        for top in {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}:
            link, target = site / top, Path(str(one.locate_file(top)))
            if not link.exists():
                link.symlink_to(target)
    return place / "bin" / "python"


def oldest_ansible_core(place: Path, names: Iterable[str]) -> Path:
    """The same with the oldest ansible-core that is supported, in the version of `scripts/sanity.sh`, which installs it
    in the cache. names: requirements beside it. The test is skipped where it is not there."""
    [series] = re.findall(r"^oldest=(\S+)$", (ROOT / "scripts" / "sanity.sh").read_text(), re.MULTILINE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / "capra" / f"ansible-core-{series}"
    library = f"lib/python3.{sys.version_info.minor}/site-packages"
    if not (found / ".ready").exists() or not (found / library).is_dir():
        missing(f"there is no ansible-core {series} for this Python in {found}: `make collection-checks` installs it")
    python = make_environment(place, names)
    for one in (found / library).iterdir():
        link = place / library / one.name
        if not link.exists():
            link.symlink_to(one)
    return python


def _required(names: Iterable[str]) -> Iterable[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        if wanted.name.lower() in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            one = distribution(wanted.name)
        except PackageNotFoundError:
            missing(f"{wanted.name} is not installed")
        assert wanted.specifier.contains(one.version), f"{wanted} is wanted, and {one.version} is installed"
        found[wanted.name.lower()] = one
        waiting += [Requirement(text) for text in one.requires or ()]
    return found.values()
