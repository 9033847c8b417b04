"""Composes what a release consists of, apart from the image, of crds/ and deploy/: a repository for clusterctl.

    python scripts/release_manifests.py [--image IMAGE] [--version vX.Y.Z] [--output DIRECTORY]

Files are put together as they are, comments and all: the same checkout gives the same bytes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PROVIDER = "infrastructure-capra"
"""What clusterctl calls the provider; its directory in a local repository has this name."""

IMAGE_VARIABLE = "${CAPRA_IMAGE}"
DEFAULT = re.compile(r"\$\{(\w+):=([^}]*)\}")
"""A variable of clusterctl with a default."""

VERSION = re.compile(r"v(\d+)\.(\d+)\.\d+(-[0-9A-Za-z.-]+)?")
"""clusterctl takes semantic versions with a v."""


def components(image: str) -> str:
    """The provider's objects, with clusterctl's variables. image: with its registry host and tag."""
    crds = sorted((ROOT / "crds").glob("*.yaml"))
    if not crds:
        raise SystemExit("release_manifests: there is no CRD in crds/")
    parts = [DEPLOY / "namespace.yaml", *crds, DEPLOY / "rbac.yaml", DEPLOY / "deployment.yaml"]
    texts = [part.read_text().removeprefix("---\n").rstrip("\n") + "\n" for part in parts]
    return "---\n".join(texts).replace(IMAGE_VARIABLE, image)


def with_defaults(text: str) -> str:
    """The same for `kubectl apply`: every variable has its default."""
    return DEFAULT.sub(r"\2", text)


def check_series(version: str, metadata: str) -> None:
    """Refuses, as clusterctl will, a release whose series is not in metadata.yaml."""
    match = VERSION.fullmatch(version)
    if match is None:
        raise SystemExit(f"release_manifests: {version} is no version like v0.1.0")
    major, minor = int(match[1]), int(match[2])
    if not any((one["major"], one["minor"]) == (major, minor) for one in yaml.safe_load(metadata)["releaseSeries"]):
        raise SystemExit(f"release_manifests: deploy/metadata.yaml has no series {major}.{minor}")


def own_version() -> str:
    """The version of the Python package."""
    match = re.search(r'__version__ = "(.+)"', (ROOT / "provider" / "capra" / "__init__.py").read_text())
    assert match is not None
    return f"v{match[1]}"


def main() -> None:
    """Write the files and name their directory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default=own_version(), help="default: the package's, %(default)s")
    parser.add_argument("--image", help="default: localhost/capra:VERSION, as built here")
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "release", help="default: out/release")
    given = parser.parse_args()
    metadata = (DEPLOY / "metadata.yaml").read_text()
    check_series(given.version, metadata)
    composed = components(given.image or f"localhost/capra:{given.version}")
    files = {
        "metadata.yaml": metadata,
        "infrastructure-components.yaml": composed,
        "install.yaml": with_defaults(composed),
        **{path.name: path.read_text() for path in sorted((DEPLOY / "templates").glob("*.yaml"))},
    }
    directory = given.output / PROVIDER / given.version
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    sys.stdout.write(f"{directory}\n")


if __name__ == "__main__":
    main()
