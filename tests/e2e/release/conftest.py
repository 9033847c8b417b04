"""A release of the checkout as it is, built once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import capra
from scripts.release.image import NATIVE, runs
from scripts.release.oci import Image
from tests.missing import missing
from tests.support.image import Unpacked

ROOT = Path(__file__).resolve().parents[3]
VERSION = f"v{capra.__version__}"


@dataclass(frozen=True)
class Made:
    """The files of a release, and the repository of one commit that it was made of."""

    directory: Path
    repository: Path

    def image(self) -> Path:
        """Of this machine's architecture."""
        return self.directory / f"capra-{capra.__version__}-linux-{NATIVE[os.uname().machine]}.oci.tar"


def commit_of_the_checkout(place: Path) -> None:
    """A repository with one commit: all files of the checkout, changed or not, that git does not ignore."""
    names = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_symlink() or (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name, follow_symlinks=False)
    git: list[str | Path] = ["git", "-C", place, "-c", "user.name=test", "-c", "user.email=test@example.com"]
    dates = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "As it is"], ["tag", VERSION]):
        subprocess.run([*git, *words], check=True, env={**os.environ, **dates})


def make(repository: Path, output: Path, *options: str, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
    """`make release`'s command in that repository; standard output and error together."""
    command: list[str | Path] = [sys.executable, "-m", "scripts.release", "--output", output, *options]
    return subprocess.run(
        command,
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout,
    )


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Of this machine's architecture alone."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        missing("a release (it takes root and Debian)")
    architecture = NATIVE[os.uname().machine]
    assert runs(architecture)
    place = tmp_path_factory.mktemp("made")
    repository, output = place / "repository", place / "release"
    repository.mkdir()
    commit_of_the_checkout(repository)
    done = make(repository, output, "--version", VERSION, "--architecture", architecture)
    assert done.returncode == 0, done.stdout
    return Made(output, repository)


@pytest.fixture(scope="session")
def unpacked(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    """Its image."""
    root = tmp_path_factory.mktemp("image") / "root"
    image = Image.read(made.image())
    image.unpack(root)
    return Unpacked(image, root)
