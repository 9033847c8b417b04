"""What is said of a release: what its image holds, where it comes from, and the digests of its files."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from scripts.release import base, digests, provenance, sbom
from scripts.release.command import ReleaseError
from scripts.release.source import Source

SOURCE = Source("v0.2.0", "c" * 40, 1767323045, tagged=True)
STATUS = """\
Package: tini
Status: install ok installed
Architecture: amd64
Version: 0.19.0-1+b3
Description: init
 Version: none of it

Package: removed
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: perl
Status: install ok installed
Architecture: amd64
Version: 1:5.36~rc-1
"""
DEBS = {("tini", "0.19.0-1+b3", "amd64"): "1" * 64, ("perl", "1:5.36~rc-1", "amd64"): "2" * 64}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root file system with two packages and two distributions."""
    files = {
        "etc/os-release": 'PRETTY_NAME="Debian"\nVERSION_ID="12"\nID=debian\n',
        "var/lib/dpkg/status": STATUS,
        "opt/capra/lib/python3.11/site-packages/capra-0.2.0.dist-info/METADATA": "Name: capra\nVersion: 0.2.0\n",
        "opt/capra/lib/python3.11/site-packages/PyYAML-6.0.3.dist-info/METADATA": (
            "Name: PyYAML\nVersion: 6.0.3\nLicense-Expression: MIT\n\nVersion: 9\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    return tmp_path / "root"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "pyyaml-6.0.3-cp311-cp311-manylinux_2_28_x86_64.whl").write_bytes(b"wheel")
    return tmp_path / "wheels"


def test_packages_that_are_installed_with_the_digests_of_their_files(root: Path) -> None:
    tini, perl = sbom.debian_packages(root, DEBS)
    assert tini["purl"] == "pkg:deb/debian/tini@0.19.0-1%2Bb3?arch=amd64&distro=debian-12"
    assert perl["purl"] == "pkg:deb/debian/perl@1%3A5.36~rc-1?arch=amd64&distro=debian-12"
    assert perl["hashes"] == [{"alg": "SHA-256", "content": "2" * 64}]


def test_a_package_of_unknown_origin_ends_it(root: Path) -> None:
    with pytest.raises(ReleaseError, match=r"^perl 1:5\.36~rc-1 in the image is in none of"):
        list(sbom.debian_packages(root, {key: value for key, value in DEBS.items() if key[0] != "perl"}))


def test_distributions_with_the_digests_of_their_wheels(root: Path, wheels: Path) -> None:
    found = {one["name"]: one for one in sbom.python_distributions(root, wheels)}
    assert found["pyyaml"]["version"] == "6.0.3"
    assert found["pyyaml"]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"wheel").hexdigest()}]
    assert found["pyyaml"]["licenses"] == [{"expression": "MIT"}]
    assert "hashes" not in found["capra"]


def test_a_distribution_whose_wheel_was_not_taken_in_ends_it(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"^pyyaml 6\.0\.3 in the image is of none of the wheels"):
        list(sbom.python_distributions(root, tmp_path / "none"))


def test_the_lists_of_apt_have_the_digests(tmp_path: Path) -> None:
    stanza = "Package: tini\nVersion: 1\nArchitecture: amd64\nSHA256: {}\n"
    (tmp_path / "one_Packages").write_text(stanza.format("a" * 64) + "\nPackage: without\nVersion: 1\n")
    assert base.digests(tmp_path) == {("tini", "1", "amd64"): "a" * 64}


def test_the_statement_names_files_commit_and_materials(wheels: Path) -> None:
    component = {"purl": "pkg:deb/debian/tini@1", "hashes": [{"content": "1" * 64}]}
    materials = [*provenance.of_packages([{"components": [component]}] * 2), *provenance.of_wheels([wheels, wheels])]
    made = provenance.statement({"b": "2" * 64, "a": "1" * 64}, SOURCE, "https://x/y", "urn:z", {}, materials)
    assert [one["name"] for one in made["subject"]] == ["a", "b"]
    definition = made["predicate"]["buildDefinition"]
    assert [one["uri"] for one in definition["resolvedDependencies"]] == [
        "git+https://x/y@refs/tags/v0.2.0",
        "pkg:deb/debian/tini@1",
        "pkg:pypi/pyyaml@6.0.3",
    ]
    assert definition["resolvedDependencies"][0]["digest"] == {"gitCommit": "c" * 40}
    assert made["predicate"]["runDetails"] == {"builder": {"id": "urn:z"}}


def test_the_list_of_digests_is_one_that_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_text("content")
    (tmp_path / "SHA256SUMS").write_text("of a release before")
    digests.write(tmp_path)
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "below/file: OK\n"
    (tmp_path / "below" / "file").write_text("changed")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1
