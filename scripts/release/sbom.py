"""What is in an image, as CycloneDX 1.6 in JSON: Debian's packages and Python distributions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name, parse_wheel_filename

from .command import ReleaseError
from .digests import sha256
from .oci import Image
from .source import Source

Component = dict[str, Any]
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/capra")
"""The serial number is made of the image's digest: the same image has the same document."""


def document(image: Image, root: Path, source: Source, debs: Mapping[tuple[str, str, str], str], wheels: Path) -> Any:
    """The bill of materials. root: the image's root file system, unpacked. debs: digests of packages' files. wheels: a
    directory with the wheels that were installed."""
    configuration = image.configuration
    components = [*debian_packages(root, debs), *python_distributions(root, wheels)]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, image.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(source.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "container",
                "bom-ref": image.digest,
                "name": "capra",
                "version": source.version,
                "hashes": [{"alg": "SHA-256", "content": image.digest.removeprefix("sha256:")}],
                "properties": [{"name": "architecture", "value": configuration["architecture"]}],
            },
        },
        "components": sorted(components, key=lambda one: one["bom-ref"]),
    }


def debian_packages(root: Path, debs: Mapping[tuple[str, str, str], str]) -> Iterator[Component]:
    """All that dpkg has installed there. Raises ReleaseError for one that is in none of apt's lists."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', (root / "etc/os-release").read_text(), re.MULTILINE))
    for stanza in (root / "var/lib/dpkg/status").read_text().strip().split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture|Status): (.+)$", stanza, re.MULTILINE))
        if fields["Status"] != "install ok installed":
            continue
        name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
        query = f"arch={architecture}&distro={release['ID']}-{release['VERSION_ID']}"
        purl = f"pkg:deb/{release['ID']}/{quote(name)}@{quote(version, safe='')}?{query}"
        if (name, version, architecture) not in debs:
            raise ReleaseError(
                f"{name} {version} in the image is in none of apt's lists: build again, with apt's own alone"
            )
        yield _component(name, version, purl, debs[name, version, architecture])


def python_distributions(root: Path, wheels: Path) -> Iterator[Component]:
    """All that have a .dist-info below /opt/capra. Capra itself is built in the image, and has no wheel to compare.
    Raises ReleaseError for one that is of none of the wheels."""
    digests = {parse_wheel_filename(file.name)[:2]: sha256(file) for file in wheels.glob("*.whl")}
    by_name = {(name, str(version)): digest for (name, version), digest in digests.items()}
    for metadata in sorted(root.glob("opt/capra/lib/python3.*/site-packages/*.dist-info/METADATA")):
        fields = HeaderParser().parsestr(metadata.read_text())
        name, version = canonicalize_name(fields["Name"]), fields["Version"]
        digest = by_name.get((name, version))
        if digest is None and name != "capra":
            raise ReleaseError(f"{name} {version} in the image is of none of the wheels that were downloaded for it")
        component = _component(name, version, f"pkg:pypi/{name}@{quote(version)}", digest)
        if expression := fields["License-Expression"]:
            component["licenses"] = [{"expression": expression}]
        yield component


def _component(name: str, version: str, purl: str, digest: str | None) -> Component:
    component: Component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if digest is not None:
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return component
