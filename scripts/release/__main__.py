"""All that a release consists of, from one clean commit: `make release VERSION=v0.2.0`.

    python -m scripts.release --version vX.Y.Z [--image IMAGE] [--output DIRECTORY] [--architecture amd64]...

Wheel and sdist, the collection, clusterctl's repository with manifests and charts, an image for each architecture that
this machine can build, what is in it, where all comes from, and the digests. The directory is there when all of it is;
what was there before is replaced. Takes root, Debian, and its packages buildah and mmdebstrap.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from . import base, digests, image, packages, provenance, sbom, source
from .command import ReleaseError, run
from .oci import Image

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """The exit status: 0, 1 where something went wrong, 2 for a checkout or a version that is not to be released."""
    given = _arguments()
    try:
        found = source.examine(ROOT, given.version)
    except ReleaseError as error:
        return _refuse(error, 2)
    try:
        _release(found, given)
    except ReleaseError as error:
        return _refuse(error, 1)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default="", help="a semantic version with a v, that of the files; needed")
    parser.add_argument("--image", help="what the manifests run, with its tag; default: localhost/capra:VERSION")
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "release", help="default: out/release")
    parser.add_argument("--builder", default=provenance.LOCAL, help="URI of the builder in the provenance")
    parser.add_argument(
        "--architecture",
        action="append",
        choices=image.ARCHITECTURES,
        help="of an image, which must be built; default: all that can be",
    )
    return parser.parse_args()


def _refuse(error: ReleaseError, status: int) -> int:
    sys.stderr.write(f"release: {error}\n")
    return status


def _release(found: source.Source, given: argparse.Namespace) -> None:
    """Beside the output until it is whole: what is cut off leaves no release."""
    if os.geteuid() != 0:
        raise ReleaseError("run it as root: mmdebstrap and buildah make file systems with files of all owners")
    output = _output(given.output)
    run(ROOT / "scripts" / "system.sh", "release")
    architectures = _architectures(given.architecture)
    reference = given.image or f"localhost/capra:{found.version}"
    with tempfile.TemporaryDirectory(prefix=".release-", dir=output.parent) as name:
        work, place = Path(name), Path(name) / "release"
        place.mkdir()
        checkout = work / "checkout"
        source.export(ROOT, found, checkout)
        _tell("wheel, sdist, collection, manifests, charts")
        packages.build_distributions(checkout, place, work, found)
        packages.build_collection(checkout, place, work, found)
        packages.compose_manifests(checkout, place, found, reference)
        built = [_image(checkout, place, work, found, one) for one in architectures]
        documents = [_bill(one, place, work, found) for one in built]
        parameters = {"version": found.version, "image": reference}
        _provenance(place, found, given.builder, parameters, built, documents)
        digests.write(place)
        if output.exists():
            shutil.rmtree(output)
        place.rename(output)
    for name in [*digests.of_all(output), digests.SUMS]:
        _tell(f"{(output / name).stat().st_size:>11,} {name}")
    sys.stdout.write(f"{output}\n")


def _output(asked: Path) -> Path:
    """The absolute path, in a directory that is there. Raises ReleaseError for one that holds something else."""
    output = asked.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    is_release = not output.exists() or any((output / name).exists() for name in (digests.SUMS, packages.REPOSITORY))
    if not is_release and (output.is_file() or any(output.iterdir())):
        raise ReleaseError(f"--output {output} is there, and is no release: name a directory that is not there")
    return output


def _architectures(asked: Sequence[str] | None) -> list[str]:
    """Those to build. Raises ReleaseError for one that was asked for and cannot be."""
    can = [one for one in image.ARCHITECTURES if image.runs(one)]
    for one in asked or image.ARCHITECTURES:
        if one not in can:
            why = f"this machine cannot run programs for {one} (qemu-user-static and binfmt_misc make it able to)"
            if asked:
                raise ReleaseError(f"no image for {one}: {why}")
            _tell(f"NOT BUILT: the image for {one}: {why}")
    return [one for one in can if one in (asked or can)]


def _image(checkout: Path, place: Path, work: Path, found: source.Source, architecture: str) -> image.Built:
    _tell(f"the image for {architecture}")
    return image.build(checkout, place, work, found, architecture)


def _bill(built: image.Built, place: Path, work: Path, found: source.Source) -> Any:
    """Of the archive itself: what was shipped, not what was meant to be."""
    root = work / f"root-{built.architecture}"
    shipped = Image.read(built.archive)
    shipped.unpack(root)
    document = sbom.document(shipped, root, found, base.digests(built.lists), built.wheels)
    _write(place / built.archive.name.replace(".oci.tar", ".cdx.json"), document)
    return document


def _provenance(
    place: Path,
    found: source.Source,
    builder: str,
    parameters: dict[str, str],
    built: Sequence[image.Built],
    documents: Sequence[Any],
) -> None:
    repository = str(yaml.safe_load((ROOT / "galaxy.yml").read_text())["repository"])
    materials = [*provenance.of_packages(documents), *provenance.of_wheels(one.wheels for one in built)]
    made = provenance.statement(digests.of_all(place), found, repository, builder, parameters, materials)
    _write(place / f"capra-{found.number}.provenance.json", made)


def _write(file: Path, document: Any) -> None:
    file.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def _tell(what: str) -> None:
    sys.stderr.write(f"release: {what}\n")


if __name__ == "__main__":
    sys.exit(main())
