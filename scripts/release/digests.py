"""SHA-256 of files, and the list of a whole release for `sha256sum --check`."""

from __future__ import annotations

import hashlib
from pathlib import Path

SUMS = "SHA256SUMS"


def sha256(file: Path) -> str:
    """In hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def of_all(place: Path) -> dict[str, str]:
    """Each file below a directory but the list itself → its digest, in the order of names."""
    files = sorted(file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file())
    return {name: sha256(place / name) for name in files if name != SUMS}


def write(place: Path) -> None:
    """The list, as sha256sum writes it."""
    (place / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in of_all(place).items()))
