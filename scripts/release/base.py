"""The root file system that images begin with: Debian's packages, from where apt on this machine gets them."""

from __future__ import annotations

import gzip
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.hosts import apt
from tests.hosts.errors import Unavailable

from .command import ReleaseError, run

PACKAGES = ("ca-certificates", "openssh-client", "passwd", "python3", "python3-venv", "tini")
"""With these the steps of deploy/Containerfile find all that they ask for, and fetch nothing."""

EXCLUDED = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
KEPT = ("/usr/share/doc/*/copyright",)

CLEAN = """\
set -eu
mkdir "$2" && cp "$1"/var/lib/apt/lists/*_Packages* "$2"
# What names this machine's mirror or proxy, and what was compiled with the times that files have now.
rm -f "$1/etc/apt/sources.list" "$1"/etc/apt/sources.list.d/* "$1/etc/apt/apt.conf.d/99mmdebstrap"
find "$1/usr/lib/python3" "$1"/usr/lib/python3.* -name __pycache__ -prune -exec rm -r {} +
"""
"""Run by mmdebstrap with the root and a directory for apt's lists, before it removes these."""


@dataclass(frozen=True)
class Base:
    """A .tar, and of what it was made."""

    tar: Path
    lists: Path
    """Directory with apt's lists: the digests of all packages there are."""


def build(work: Path, architecture: str, epoch: int) -> Base:
    """As root. Raises ReleaseError where this machine's apt has no Debian to build it of."""
    try:
        apt.mirror()
        archives = list(apt.mirrors())
    except Unavailable as error:
        raise ReleaseError(str(error)) from error
    tar, lists = work / f"base-{architecture}" / "base.tar", work / f"lists-{architecture}"
    tar.parent.mkdir()
    clean = work / "clean.sh"
    clean.write_text(CLEAN)
    command = ["mmdebstrap", "--mode=root", "--variant=apt", f"--architectures={architecture}"]
    command += [f"--include={','.join(PACKAGES)}", f'--customize-hook=sh "{clean}" "$1" "{lists}"']
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    command += [f"--dpkgopt=path-include={pattern}" for pattern in KEPT]
    environment = {**apt.QUIET, "SOURCE_DATE_EPOCH": str(epoch), "TMPDIR": os.fspath(work)}
    run(*command, apt.code_name(), tar, *[one.source_line().strip() for one in archives], env=environment)
    return Base(tar, lists)


def digests(lists: Path) -> dict[tuple[str, str, str], str]:
    """Package, version and architecture → SHA-256 of its file, as the archive's signed lists have it."""
    found = {}
    for file in sorted(lists.iterdir()):
        text = (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).decode()
        for stanza in text.split("\n\n"):
            fields = dict(re.findall(r"^(Package|Version|Architecture|SHA256): (\S+)$", stanza, re.MULTILINE))
            if len(fields) == 4:
                found[fields["Package"], fields["Version"], fields["Architecture"]] = fields["SHA256"]
    return found
