"""What `make release` writes: all parts, their digests, what is in the image and where it comes from."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

import capra
from scripts.release.oci import Image
from tests.e2e.release.conftest import VERSION, Made, make
from tests.support.image import Unpacked

pytestmark = pytest.mark.nightly
NUMBER = capra.__version__


def test_all_parts_are_there_with_their_digests(made: Made) -> None:
    listed = {line.split("  ")[1] for line in (made.directory / "SHA256SUMS").read_text().splitlines()}
    repository = f"infrastructure-capra/{VERSION}"
    assert {
        f"capra-{NUMBER}-py3-none-any.whl",
        f"capra-{NUMBER}.tar.gz",
        f"capra-machine-{NUMBER}.tar.gz",
        f"capra-{NUMBER}.provenance.json",
        made.image().name,
        made.image().name.replace(".oci.tar", ".cdx.json"),
        f"{repository}/infrastructure-components.yaml",
        f"{repository}/metadata.yaml",
        f"{repository}/capra-{NUMBER}.tgz",
        f"{repository}/capra-cluster-{NUMBER}.tgz",
    } <= listed
    assert listed == {
        str(file.relative_to(made.directory))
        for file in made.directory.rglob("*")
        if file.is_file() and file.name != "SHA256SUMS"
    }
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=made.directory, check=True)
    # Where a release is published, all files are in one directory.
    assert len({Path(name).name for name in listed}) == len(listed)


def test_the_bill_of_materials_names_what_is_in_the_image(made: Made, unpacked: Unpacked) -> None:
    document = json.loads(made.image().with_name(made.image().name.replace(".oci.tar", ".cdx.json")).read_text())
    assert document["metadata"]["component"]["bom-ref"] == unpacked.image.digest
    found = {(one["purl"].partition("/")[0], one["name"]): one["version"] for one in document["components"]}
    listing = subprocess.run(
        ["chroot", unpacked.root, "dpkg-query", "-W", "-f", "${Package} ${Version}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert dict(line.split(" ") for line in listing.splitlines()) == {
        name: version for (kind, name), version in found.items() if kind == "pkg:deb"
    }
    assert found["pkg:pypi", "capra"] == NUMBER
    assert {("pkg:pypi", "ansible-core"), ("pkg:pypi", "kopf")} <= found.keys()
    assert ("pkg:pypi", "pip") not in found


def test_the_provenance_names_the_commit_and_each_file(made: Made) -> None:
    statement = json.loads((made.directory / f"capra-{NUMBER}.provenance.json").read_text())
    subjects = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    digest = hashlib.sha256(made.image().read_bytes()).hexdigest()
    assert subjects[made.image().name] == digest
    commit, *others = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    head = subprocess.run(
        ["git", "-C", made.repository, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert commit["digest"] == {"gitCommit": head}
    assert commit["uri"].endswith(f"@refs/tags/{VERSION}")
    kinds = {re.split("[:/]", one["uri"])[1] for one in others}
    assert kinds == {"deb", "pypi"}
    assert all(re.fullmatch("[0-9a-f]{64}", one["digest"]["sha256"]) for one in others)


def test_the_image_is_loaded_by_its_name(made: Made, tmp_path: Path) -> None:
    """As podman and buildah read it."""
    storage: list[str | Path] = ["--root", tmp_path / "root", "--runroot", tmp_path / "run", "--storage-driver", "vfs"]
    subprocess.run(["buildah", *storage, "pull", f"oci-archive:{made.image()}"], check=True, capture_output=True)
    listing: list[str | Path] = ["buildah", *storage, "images", "--format", "{{.Name}}:{{.Tag}}"]
    done = subprocess.run(listing, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [f"localhost/capra:{VERSION}"]


def test_nothing_in_the_image_names_this_machines_mirror(unpacked: Unpacked) -> None:
    kept = [
        file for place in ("sources.list", "sources.list.d") for file in (unpacked.root / "etc/apt").glob(f"{place}*")
    ]
    assert [file for file in kept if file.is_file()] == []
    assert list((unpacked.root / "etc/apt/sources.list.d").iterdir()) == []
    assert list((unpacked.root / "var/log").rglob("*.log")) == []


def test_the_same_commit_gives_the_same_release(made: Made, tmp_path: Path) -> None:
    """Images differ where Debian has published something in between; the test fails then, and says so by the bill."""
    [architecture] = {Image.read(made.image()).configuration["architecture"]}
    done = make(made.repository, tmp_path / "again", "--version", VERSION, "--architecture", architecture)
    assert done.returncode == 0, done.stdout
    first, second = ((place / "SHA256SUMS").read_text() for place in (made.directory, tmp_path / "again"))
    assert second == first
