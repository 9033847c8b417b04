"""The controller's image, by buildah from deploy/Containerfile: on this machine's own Debian, without a registry."""

from __future__ import annotations

import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path

from . import base, oci, packages
from .command import run
from .source import Source

BINFMT = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
"""What the kernel runs programs for arm64 with, where it can; registered by the package qemu-user-static."""

NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}
ARCHITECTURES = ("amd64", "arm64")


@dataclass(frozen=True)
class Built:
    """An image's archive, and what went into it."""

    architecture: str
    archive: Path
    wheels: Path
    lists: Path


def runs(architecture: str) -> bool:
    """Whether this machine can run programs of that architecture, as the installation of packages takes it."""
    if NATIVE.get(platform.machine()) == architecture:
        return True
    # `F`: the interpreter was opened when it was registered, and is found in any root file system.
    handler = BINFMT.read_text() if architecture == "arm64" and BINFMT.is_file() else ""
    return handler.startswith("enabled\n") and "F" in handler.partition("flags: ")[2].partition("\n")[0]


def build(checkout: Path, place: Path, work: Path, source: Source, architecture: str) -> Built:
    """Write `capra-<number>-linux-<architecture>.oci.tar` into place. As root."""
    made = base.build(work, architecture, source.epoch)
    wheels = work / f"wheels-{architecture}"
    packages.download_wheels(checkout, wheels, python_of(made.tar), architecture)
    layout = work / f"layout-{architecture}"
    _buildah(checkout, layout, work, made, wheels, source, architecture)
    archive = place / f"capra-{source.number}-linux-{architecture}.oci.tar"
    oci.archive(layout, archive, source.epoch)
    return Built(architecture, archive, wheels, made.lists)


def python_of(tar: Path) -> str:
    """The version of the base's Python, as in `3.11`."""
    with tarfile.open(tar) as opened:
        [link] = [member.linkname for member in opened if member.name.removeprefix("./") == "usr/bin/python3"]
    return link.removeprefix("python")


def _buildah(
    checkout: Path, layout: Path, work: Path, made: base.Base, wheels: Path, source: Source, architecture: str
) -> None:
    """Its storage is in the work directory, and gone with it."""
    storage = work / f"storage-{architecture}"
    buildah: list[str | Path] = [
        "buildah",
        "--root",
        storage / "root",
        "--runroot",
        storage / "run",
        "--storage-driver=vfs",
    ]
    building = [*buildah, "build", "--isolation=chroot", f"--timestamp={source.epoch}", f"--arch={architecture}"]
    first = work / f"Containerfile-{architecture}"
    first.write_text(f"FROM scratch\nADD {made.tar.name} /\nENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n")
    run(*building, "--tag=localhost/base", "--file", first, made.tar.parent)
    arguments = {
        "BASE": "localhost/base",
        "SOURCE_DATE_EPOCH": str(source.epoch),
        "PIP_FIND_LINKS": "/wheels",
        "PIP_NO_INDEX": "1",
    }
    labels = {"version": source.number, "revision": source.commit, "title": "capra", "licenses": "Apache-2.0"}
    name = f"localhost/capra:{source.version}"
    run(
        *building,
        *(f"--build-arg={key}={value}" for key, value in arguments.items()),
        *(f"--label=org.opencontainers.image.{key}={value}" for key, value in labels.items()),
        *("--pull=never", f"--volume={wheels}:/wheels:ro", f"--tag={name}"),
        *("--file", checkout / "deploy" / "Containerfile", checkout),
    )
    # The name in the layout is what `podman load` calls the image.
    run(*buildah, "push", name, f"oci:{layout}:{name}")
