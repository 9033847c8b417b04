"""Where a release comes from: an in-toto statement (v1) with SLSA's provenance (v1). Who publishes it signs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.utils import parse_wheel_filename

from .digests import sha256
from .source import Source

LOCAL = "urn:capra:release:local"
"""The builder where nobody names another: somebody's machine, which vouches for nothing."""

BUILD_TYPE = "urn:capra:release:v1"
"""`make release VERSION=…` at the commit; its arguments are the external parameters."""


def statement(
    files: Mapping[str, str],
    source: Source,
    repository: str,
    builder: str,
    parameters: Mapping[str, str],
    materials: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """files: name → SHA-256, all that the release has. repository: where the commit is, a URL. builder: a URI that
    names the machine and its rules. materials: what was taken in beside the commit."""
    reference = f"@refs/tags/{source.version}" if source.tagged else f"@{source.commit}"
    commit = {"uri": f"git+{repository}{reference}", "digest": {"gitCommit": source.commit}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": dict(parameters),
                "resolvedDependencies": [commit, *materials],
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }


def of_wheels(places: Iterable[Path]) -> list[dict[str, Any]]:
    """The wheels in these directories, each once."""
    found = {file.name: sha256(file) for place in places for file in place.glob("*.whl")}
    return [{"name": name, "uri": _purl(name), "digest": {"sha256": digest}} for name, digest in sorted(found.items())]


def _purl(wheel: str) -> str:
    name, version, *_ = parse_wheel_filename(wheel)
    return f"pkg:pypi/{name}@{quote(str(version))}"


def of_packages(documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Debian's packages that these bills of materials name, each once."""
    found = {
        component["purl"]: component["hashes"][0]["content"]
        for document in documents
        for component in document["components"]
        if component["purl"].startswith("pkg:deb/")
    }
    return [{"uri": purl, "digest": {"sha256": digest}} for purl, digest in sorted(found.items())]
