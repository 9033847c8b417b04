"""An image as an OCI layout in one .tar, as `podman load` and skopeo's `oci-archive:` read it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .archives import pack

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
"""What is removed from the layers below (OCI image specification, 'Image Layer Filesystem Changeset')."""

MAY_NOT_BE = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
"""Devices and pipes: none is made of an image."""


@dataclass(frozen=True)
class Image:
    """The one image of a layout."""

    layout: dict[str, bytes]
    """Files by their names in the layout."""

    @classmethod
    def read(cls, archive: Path) -> Image:
        """Of a .tar. Raises ValueError where a blob is not what its name says."""
        with tarfile.open(archive) as opened:
            files = {member.name: opened.extractfile(member) for member in opened.getmembers() if member.isfile()}
            layout = {name: file.read() for name, file in files.items() if file is not None}
        for name, content in layout.items():
            if name.startswith("blobs/sha256/") and hashlib.sha256(content).hexdigest() != name.rpartition("/")[2]:
                raise ValueError(f"{archive}: {name} has another digest")
        return cls(layout)

    def _blob(self, descriptor: dict[str, Any]) -> bytes:
        return self.layout["blobs/" + descriptor["digest"].replace(":", "/")]

    @property
    def digest(self) -> str:
        """Of the manifest, as a registry names the image: `sha256:…`."""
        [descriptor] = json.loads(self.layout["index.json"])["manifests"]
        return str(descriptor["digest"])

    @property
    def manifest(self) -> dict[str, Any]:
        """Its layers, and where its configuration is."""
        [descriptor] = json.loads(self.layout["index.json"])["manifests"]
        return dict(json.loads(self._blob(descriptor)))

    @property
    def configuration(self) -> dict[str, Any]:
        """What it runs as whom, for which architecture."""
        return dict(json.loads(self._blob(self.manifest["config"])))

    def unpack(self, place: Path) -> None:
        """The root file system that its layers make, below a directory that is made. As root, with all owners."""
        place.mkdir(parents=True)
        for layer in self.manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(self._blob(layer))) as archive:
                for member in archive:
                    _apply(archive, member, place)


def _apply(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    """One entry of a layer: a file, or the removal of one."""
    target = place / member.name
    if target.name == OPAQUE:
        for left in target.parent.iterdir():
            _remove(left)
    elif target.name.startswith(WHITEOUT):
        _remove(target.with_name(target.name.removeprefix(WHITEOUT)))
    elif member.type not in MAY_NOT_BE:
        if target.is_symlink() or (target.exists() and not (target.is_dir() and member.isdir())):
            _remove(target)
        # With links to absolute places, as a root file system has them: it is our own image.
        archive.extraction_filter = lambda member, path: member
        archive.extract(member, place, numeric_owner=True)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif os.path.lexists(target):
        target.unlink()


def archive(layout: Path, target: Path, epoch: int) -> None:
    """The directory of a layout as one .tar."""
    blobs = sorted(str(file.relative_to(layout)) for file in (layout / "blobs").rglob("*") if file.is_file())
    pack(layout, ["oci-layout", "index.json", *blobs], target, epoch)
