"""What a release is made of: one commit of a clean checkout, whose files say the version that is asked for."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.version import Version

from .command import ReleaseError, output

NUMBER = r"(?:0|[1-9]\d*)"
SEMANTIC = re.compile(rf"v{NUMBER}\.{NUMBER}\.{NUMBER}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
"""Semantic Versioning 2.0.0 with a v, as clusterctl takes it. No build metadata: a `+` can be in no image's tag."""


@dataclass(frozen=True)
class Source:
    """A commit, and what of it stands in a release's files."""

    version: str
    """With its v."""
    commit: str
    """All 40 digits."""
    epoch: int
    """When it was committed, in seconds since 1970."""
    tagged: bool
    """Whether there is a tag with the version's name."""

    @property
    def number(self) -> str:
        """The version without its v."""
        return self.version.removeprefix("v")


def examine(root: Path, version: str) -> Source:
    """The commit of this checkout. Raises ReleaseError where it is not what would be released: uncommitted files,
    another version in its files, a tag of this name that leads elsewhere."""
    if SEMANTIC.fullmatch(version) is None:
        raise ReleaseError(f"VERSION={version} is no semantic version with a v: give one like VERSION=v0.2.0")
    changed = output("git", "-C", root, "status", "--porcelain", "--untracked-files=all").splitlines()
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise ReleaseError(f"the checkout has changes that are in no commit: {changed[0].strip()}{more}; commit them")
    commit = output("git", "-C", root, "rev-parse", "HEAD")
    named = subprocess.run(
        ["git", "-C", root, "rev-parse", "--verify", "--quiet", f"refs/tags/{version}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if named and named != commit:
        raise ReleaseError(f"the tag {version} is commit {named}, and the checkout is {commit}: check the tag out")
    _compare(root, version)
    epoch = int(output("git", "-C", root, "log", "-1", "--format=%ct", commit))
    return Source(version, commit, epoch, tagged=bool(named))


def _compare(root: Path, version: str) -> None:
    """That the package and the collection have this version; a Python package writes `0.2.0rc1` for `v0.2.0-rc.1`."""
    number = version.removeprefix("v")
    path = Path("provider", "capra", "__init__.py")
    found = re.search(r'__version__ = "(.+)"', (root / path).read_text())
    if found is None or Version(found[1]) != Version(number):
        raise ReleaseError(f"{path}: __version__ is {found and found[1]}: it must be {number} for VERSION={version}")
    galaxy = str(yaml.safe_load((root / "galaxy.yml").read_text())["version"])
    if galaxy != number:
        raise ReleaseError(f"galaxy.yml: version is {galaxy}: it must be {number} for VERSION={version}")


def export(root: Path, source: Source, place: Path) -> None:
    """The commit's files, and nothing else that lies in the checkout, below a directory that is made."""
    packed = subprocess.run(
        ["git", "-C", root, "-c", "tar.umask=0022", "archive", "--format=tar", source.commit],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    place.mkdir()
    subprocess.run(["tar", "-x", "-C", place], input=packed, check=True)
