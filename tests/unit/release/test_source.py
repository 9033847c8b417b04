"""What is released: a commit whose files say the version; anything else is refused in one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.release.command import ReleaseError
from scripts.release.source import examine, export


def git(place: Path, *words: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    done = subprocess.run(["git", "-C", place, *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Of a project with version 0.2.0, with one commit."""
    place = tmp_path / "checkout"
    (place / "provider" / "capra").mkdir(parents=True)
    (place / "provider" / "capra" / "__init__.py").write_text('__version__ = "0.2.0"\n')
    (place / "galaxy.yml").write_text("version: 0.2.0\n")
    (place / ".gitignore").write_text("*.key\n")
    git(place, "init", "-q")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "First")
    return place


def test_a_clean_commit(checkout: Path) -> None:
    found = examine(checkout, "v0.2.0")
    assert (found.version, found.number, found.tagged) == ("v0.2.0", "0.2.0", False)
    assert found.commit == git(checkout, "rev-parse", "HEAD")
    assert str(found.epoch) == git(checkout, "log", "-1", "--format=%ct")


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_that_leads_to_it(checkout: Path, annotated: bool) -> None:
    git(checkout, "tag", *(["-a", "-m", "0.2.0"] if annotated else []), "v0.2.0")
    assert examine(checkout, "v0.2.0").tagged


def test_a_tag_that_leads_elsewhere(checkout: Path) -> None:
    git(checkout, "tag", "v0.2.0")
    git(checkout, "commit", "-q", "--allow-empty", "-m", "Second")
    with pytest.raises(ReleaseError, match=r"^the tag v0\.2\.0 is commit \w{40}.*: check the tag out$"):
        examine(checkout, "v0.2.0")


@pytest.mark.parametrize("version", ["", "0.2.0", "v0.2", "v01.2.0", "v0.2.0+build", "v0.2.0-", "v0.2.0\n", "latest"])
def test_what_is_no_semantic_version(checkout: Path, version: str) -> None:
    with pytest.raises(ReleaseError, match=r"is no semantic version with a v: give one like VERSION=v0\.2\.0$"):
        examine(checkout, version)


def test_a_version_that_the_files_do_not_have(checkout: Path) -> None:
    with pytest.raises(ReleaseError, match=r"^provider/capra/__init__\.py: __version__ is 0\.2\.0: it must be 0\.3\.0"):
        examine(checkout, "v0.3.0")


def test_a_candidate_is_written_as_python_and_galaxy_write_it(checkout: Path) -> None:
    (checkout / "provider" / "capra" / "__init__.py").write_text('__version__ = "0.2.0rc1"\n')
    git(checkout, "commit", "-q", "-a", "-m", "Candidate")
    with pytest.raises(ReleaseError, match=r"^galaxy\.yml: version is 0\.2\.0: it must be 0\.2\.0-rc\.1"):
        examine(checkout, "v0.2.0-rc.1")
    (checkout / "galaxy.yml").write_text("version: 0.2.0-rc.1\n")
    git(checkout, "commit", "-q", "-a", "-m", "Both")
    assert examine(checkout, "v0.2.0-rc.1").number == "0.2.0-rc.1"


@pytest.mark.parametrize("name", ["galaxy.yml", "new.txt"])
def test_what_is_in_no_commit(checkout: Path, name: str) -> None:
    with (checkout / name).open("a") as file:
        file.write("# changed\n")
    with pytest.raises(ReleaseError, match=f"changes that are in no commit: .*{name}; commit them$"):
        examine(checkout, "v0.2.0")


def test_what_is_exported_is_the_commit_alone(checkout: Path, tmp_path: Path) -> None:
    (checkout / "my.key").write_text("private")
    export(checkout, examine(checkout, "v0.2.0"), tmp_path / "exported")
    found = {
        str(file.relative_to(tmp_path / "exported")) for file in (tmp_path / "exported").rglob("*") if file.is_file()
    }
    assert found == {".gitignore", "galaxy.yml", "provider/capra/__init__.py"}
