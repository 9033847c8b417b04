"""Composes what a release consists of, apart from the image, of crds/ and deploy/: manifests, charts, a repository for
clusterctl.

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
from release_charts import archive

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PROVIDER = "infrastructure-capra"
"""What clusterctl calls the provider; its directory in a local repository has this name."""

IMAGE = re.compile(r"(?<=image: )localhost/capra:\S+")
"""The image in deploy/deployment.yaml."""

VARIABLES = (
    "concurrency",
    "cleanup-timeout",
    "sync-period",
    "diagnostics-address",
    "insecure-diagnostics",
    "tls-min-version",
    "log-format",
    "log-level",
    "keep-output",
)
"""Arguments of the Deployment that clusterctl takes from variables: `--log-level` from CAPRA_LOG_LEVEL."""

VERSION = re.compile(r"v(\d+)\.(\d+)\.\d+(-[0-9A-Za-z.-]+)?")
"""clusterctl takes semantic versions with a v."""


def components(image: str) -> str:
    """The provider's objects for `kubectl apply`. image: with its registry host and tag."""
    crds = sorted((ROOT / "crds").glob("*.yaml"))
    if not crds:
        raise SystemExit("release_manifests: there is no CRD in crds/")
    others = ("rbac", "deployment", "poddisruptionbudget", "networkpolicy")
    parts = [DEPLOY / "namespace.yaml", *crds, *(DEPLOY / f"{name}.yaml" for name in others)]
    texts = [part.read_text().removeprefix("---\n").rstrip("\n") + "\n" for part in parts]
    composed, images = IMAGE.subn(image, "---\n".join(texts))
    if images != 1:
        raise SystemExit("release_manifests: deploy/deployment.yaml must name the image localhost/capra once")
    return composed


def with_variables(text: str) -> str:
    """The same for clusterctl: each argument of `VARIABLES` has its variable, with its value as the default."""
    for argument in VARIABLES:
        variable = f"CAPRA_{argument.replace('-', '_').upper()}"
        text, found = re.subn(rf"- --{argument}=(\S+)", rf'- "--{argument}=${{{variable}:=\1}}"', text)
        if found != 1:
            raise SystemExit(f"release_manifests: deploy/deployment.yaml must have the argument --{argument} once")
    return text


def for_capi_operator(version: str, metadata: str, composed: str) -> str:
    """Cluster API Operator's object, and the ConfigMap that it takes the provider from (its book, 'Air-gapped
    Environment': the ConfigMap is named after the version, and has the keys metadata and components)."""
    texts = {"VERSION": version, "METADATA": metadata, "COMPONENTS": composed}
    made = (DEPLOY / "capi-operator.yaml").read_text()
    for name, text in texts.items():
        indented = text.rstrip("\n").replace("\n", "\n    ").replace("\n    \n", "\n\n")
        made = made.replace(f"${{{name}}}", indented)
    return made


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
    image = given.image or f"localhost/capra:{given.version}"
    composed = components(image)
    files = {
        "metadata.yaml": metadata,
        "infrastructure-components.yaml": with_variables(composed),
        "install.yaml": composed,
        "capi-operator.yaml": for_capi_operator(given.version, metadata, with_variables(composed)),
        "warnings.yaml": (DEPLOY / "warnings.yaml").read_text(),
        **{path.name: path.read_text() for path in sorted((DEPLOY / "templates").glob("*.yaml"))},
    }
    directory = given.output / PROVIDER / given.version
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    for chart in sorted((DEPLOY / "charts").iterdir()):
        packed = archive(chart, given.version, image)
        (directory / f"{chart.name}-{given.version.removeprefix('v')}.tgz").write_bytes(packed)
    sys.stdout.write(f"{directory}\n")


if __name__ == "__main__":
    main()
