"""The charts of deploy/charts as archives that Helm installs: the same checkout gives the same bytes.

Helm's own `helm package` makes the same of them; this needs no Helm, and fills in version and image.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path


def archive(chart: Path, version: str, image: str) -> bytes:
    """A chart as a .tgz; what is a symbolic link in the checkout is a file in there. version: with its v. image: with
    its registry host and tag; a chart without an image ignores it."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path, content in sorted(_files(chart)):
            filled = _filled_in(path, content, version.removeprefix("v"), image).encode()
            member = tarfile.TarInfo(f"{chart.name}/{path}")
            member.size = len(filled)
            tar.addfile(member, io.BytesIO(filled))
    return packed.getvalue()


def _files(chart: Path) -> Iterator[tuple[str, str]]:
    for directory, _, names in os.walk(chart, followlinks=True):
        for path in (Path(directory, name) for name in names):
            yield path.relative_to(chart).as_posix(), path.read_text()


def _filled_in(path: str, text: str, version: str, image: str) -> str:
    if path == "Chart.yaml":
        return re.sub(r"(?m)^((?:app)?[vV]ersion): \S+$", rf"\1: {version}", text)
    if path == "values.yaml":
        repository, _, tag = image.rpartition(":")
        if "/" in tag:
            repository, tag = image, ""
        text = text.replace("repository: localhost/capra\n", f"repository: {repository}\n")
        return text.replace('\n  tag: ""\n', f'\n  tag: "{tag}"\n')
    return text
