"""cloud-init's user data in all its forms → one cloud-config mapping, and scripts.

The forms are those of cloud-init's page 'User-data formats': cloud-config, a script, a MIME multipart document, a
cloud-config archive. What the parts come to is that of `cloudinit/user_data.py` and `cloudinit/handlers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.reading.location import Location
from capra.bootstrap.reading.strict_yaml import MAX_CHARACTERS
from capra.bootstrap.templates.jinja import Instance, rendered
from capra.bootstrap.userdata import archive, kinds, multipart
from capra.bootstrap.userdata.cloud_configs import CloudConfigs
from capra.bootstrap.userdata.parts import MAX_PARTS, Part
from capra.bootstrap.userdata.scripts import Script, Scripts

__all__ = ["Script", "UserData", "read_user_data"]


@dataclass(frozen=True)
class UserData:
    """document: the merged mapping, empty where there is no cloud-config. scripts: in the order in which they run."""

    document: Mapping[str, Any]
    scripts: tuple[Script, ...] = ()


@dataclass
class _Reader:
    constructs: Constructs
    instance: Instance | None
    configs: CloudConfigs = field(init=False)
    scripts: Scripts = field(init=False)
    count: int = 0
    characters: int = 0

    def __post_init__(self) -> None:
        self.configs = CloudConfigs(self.constructs)
        self.scripts = Scripts(self.constructs)

    def take(self, part: Part, *, of_archive: bool = False) -> None:
        """Adds what a part holds, rendered; what is in an archive, one by one."""
        part = replace(part, text=rendered(part.text, part.place, self.instance))
        self.count += 1
        if self.count > MAX_PARTS:
            raise part.place.error(f"is one part too many: at most {MAX_PARTS} are accepted")
        self.characters += len(part.text)
        if self.characters > MAX_CHARACTERS:
            raise part.place.error(f"makes the parts longer than {MAX_CHARACTERS} characters together")
        kind = kinds.kind_of_part(part, self.constructs)
        if kind == kinds.CLOUD_CONFIG:
            self.configs.add(part)
        elif kind == kinds.SCRIPT:
            self.scripts.add(part)
        elif kind == kinds.ARCHIVE and of_archive:
            problem = "is an archive in an archive, which cloud-init does not read: put its items into the outer one"
            raise part.place.error(problem)
        elif kind == kinds.ARCHIVE:
            for item in archive.parts_of_archive(part):
                self.take(item, of_archive=True)


def read_user_data(text: str, subject: str, constructs: Constructs, instance: Instance | None = None) -> UserData:
    """text: the user data. instance: what templates are rendered with; each part may be one. Raises InputError naming
    the part, as `part[N]`, counted from 0, and what is wrong."""
    reader = _Reader(constructs, instance)
    place = Location(subject)
    if multipart.is_multipart(text):
        for part in multipart.parts(text, place):
            reader.take(part)
    else:
        reader.take(Part(text, place))
    return UserData(reader.configs.merged, reader.scripts.in_order)
