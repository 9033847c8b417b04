"""An image's layers make a root file system, and its archive says nothing of when it was written."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from scripts.release.archives import repack
from scripts.release.oci import Image, archive


def layer(*entries: tuple[str, str | None]) -> bytes:
    """Name and content; None for a directory, and `-> target` for a link."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif content.startswith("-> "):
                member.type, member.linkname = tarfile.SYMTYPE, content[3:]
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO((content or "").encode()))
    return packed.getvalue()


def layout(place: Path, *layers: bytes) -> Path:
    """The directory of an OCI layout with one image."""
    blobs = place / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    configuration = add(json.dumps({"architecture": "amd64", "config": {"User": "1:1"}}).encode())
    manifest = add(json.dumps({"config": configuration, "layers": [add(one) for one in layers]}).encode())
    (place / "index.json").write_text(json.dumps({"manifests": [manifest]}))
    (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return place


def test_later_layers_change_and_remove(tmp_path: Path) -> None:
    first = layer(
        ("etc", None), ("etc/old", "old"), ("etc/gone", "gone"), ("var", None), ("var/a", "a"), ("link", "-> /etc/old")
    )
    second = layer(("etc/old", "new"), ("etc/.wh.gone", ""), ("var/.wh..wh..opq", ""), ("var/b", "b"), ("link", "file"))
    archive(layout(tmp_path / "layout", first, second), tmp_path / "image.tar", 0)
    Image.read(tmp_path / "image.tar").unpack(tmp_path / "root")
    found = {
        str(path.relative_to(tmp_path / "root")): path for path in (tmp_path / "root").rglob("*") if path.is_file()
    }
    assert {name: path.read_text() for name, path in found.items()} == {"etc/old": "new", "var/b": "b", "link": "file"}
    assert not (tmp_path / "root" / "link").is_symlink()


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    archive(layout(tmp_path / "layout", layer(("a", "a"))), tmp_path / "image.tar", 0)
    image = Image.read(tmp_path / "image.tar")
    assert image.configuration["architecture"] == "amd64"
    assert image.digest == json.loads((tmp_path / "layout" / "index.json").read_text())["manifests"][0]["digest"]


def test_a_blob_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    place = layout(tmp_path / "layout", layer(("a", "a")))
    next((place / "blobs" / "sha256").iterdir()).write_text("other")
    archive(place, tmp_path / "image.tar", 0)
    with pytest.raises(ValueError, match="has another digest"):
        Image.read(tmp_path / "image.tar")


def test_the_same_layout_is_the_same_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        archive(layout(tmp_path / name, layer(("a", "a")), layer(("b", "b"))), tmp_path / f"{name}.tar", 1767323045)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_an_archive_packed_again_has_lost_time_order_and_owner(tmp_path: Path) -> None:
    for number, names in enumerate([("b", "a"), ("a", "b")]):
        with tarfile.open(tmp_path / f"{number}.tar.gz", "w:gz") as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.uid, member.uname = 1, number, number, f"user{number}"
                tar.addfile(member, io.BytesIO(name.encode()))
        repack(tmp_path / f"{number}.tar.gz", tmp_path / f"again-{number}.tar.gz", 1767323045)
    assert (tmp_path / "again-0.tar.gz").read_bytes() == (tmp_path / "again-1.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "again-0.tar.gz") as tar:
        assert [(member.name, member.mtime, member.uid) for member in tar] == [
            ("a", 1767323045, 0),
            ("b", 1767323045, 0),
        ]
