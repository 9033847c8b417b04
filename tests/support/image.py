"""The image of a release, unpacked, and commands in it in the surroundings that the Deployment gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.release.oci import Image

SCRIPT = Path(__file__).with_name("image.sh")
SCRATCH = "/run/capra"


@dataclass(frozen=True)
class Unpacked:
    """An image and its root file system."""

    image: Image
    root: Path

    def command(
        self, command: Sequence[str | Path], work: Path, needed: Path, environment: Mapping[str, str]
    ) -> list[str]:
        """The command to run instead, as root. work: an empty directory. needed: what the command may read, at the
        same place. environment: the Deployment's, beside the image's."""
        user, group = self.image.configuration["config"]["User"].split(":")
        own = dict(one.split("=", 1) for one in self.image.configuration["config"]["Env"])
        variables = [f"{name}={value}" for name, value in {**own, **environment}.items()]
        inside = ["unshare", "--mount", SCRIPT, self.root, work, needed, user, group, "env", "-i", *variables]
        return [*map(str, inside), *map(str, command)]
