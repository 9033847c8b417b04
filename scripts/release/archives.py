"""Archives whose bytes say nothing of when and where they were made."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path


def repack(source: Path, target: Path, epoch: int) -> None:
    """A .tar.gz with the same files in the order of their names, of nobody's, from the same second."""
    with tarfile.open(source) as before, target.open("wb") as file:
        members = sorted(before.getmembers(), key=lambda member: member.name)
        with (
            gzip.GzipFile(fileobj=file, mode="wb", mtime=epoch, filename="") as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as after,
        ):
            for member in members:
                after.addfile(_anonymous(member, epoch), before.extractfile(member) if member.isfile() else None)


def pack(directory: Path, names: Iterable[str], target: Path, epoch: int) -> None:
    """These files of a directory as a .tar, in this order."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            content = (directory / name).read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(_anonymous(member, epoch), io.BytesIO(content))


def _anonymous(member: tarfile.TarInfo, epoch: int) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = epoch
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    member.pax_headers = {}
    return member
