"""Scripts of user data → files and commands, as cloud-init's module `scripts_user` has them.

cloud-init writes them into one directory, with `runcmd` as a file of that name, and runs all in the order of their
names. Here the first one that fails ends the bootstrap; to cloud-init it is a failure after all of them have run.
"""

from __future__ import annotations

import posixpath
import string
from dataclasses import dataclass

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.reading.location import Location
from capra.bootstrap.reading.values import text as checked
from capra.bootstrap.script import quote
from capra.bootstrap.steps import RunCommand, Step, WriteFile
from capra.bootstrap.userdata.parts import Part, tell_launch_index

RUNCMD = "runcmd"
"""The name of the file that cloud-init makes of runcmd; scripts whose names sort before it run before it."""

_DIRECTORY = "scripts"
_MODE = "0700"
_MAX_NAME = 200
_ALLOWED = frozenset("_-.()" + string.digits + string.ascii_letters)  # cloud-init, util.FN_ALLOWED


@dataclass(frozen=True)
class Script:
    """name: of its file. content: exact bytes. source: the part it comes from (`part[2]`, or `script`)."""

    name: str
    content: bytes
    source: str

    def steps(self, working_dir: str) -> tuple[Step, Step]:
        """Write it to `<working_dir>/scripts/<name>`, and run it."""
        path = posixpath.join(working_dir, _DIRECTORY, self.name)
        run = RunCommand(quote(path), source=self.source, name=f"run the script {self.name}")
        return WriteFile(path, self.content, mode=_MODE, source=self.source), run


class Scripts:
    """The scripts so far."""

    def __init__(self, constructs: Constructs) -> None:
        self._constructs = constructs
        self._found: dict[str, Script] = {}
        self._count = 0

    @property
    def in_order(self) -> tuple[Script, ...]:
        """In the order of their names, byte for byte."""
        return tuple(self._found[name] for name in sorted(self._found))

    def add(self, part: Part) -> None:
        """One more. Raises InputError."""
        content = checked(part.text, part.place, nul_allowed=True)
        if not content.startswith("#!"):
            raise part.place.error(f"{part.called}is no script that can be run: its first line must begin with #!")
        tell_launch_index(part.headers, part.place, self._constructs)
        self._count += 1
        name = _name(part, self._count)
        source = part.place.field or "script"
        if name in self._found:
            # cloud-init writes the second one over the first.
            raise part.place.error(f"{part.called}has the file name of {self._found[name].source}: give each its own")
        self._found[name] = Script(name, _unix(content).encode(), source)


def _name(part: Part, count: int) -> str:
    """As cloud-init's `util.clean_filename` makes it of the part's; else its `part-001`."""
    name = "".join(letter for letter in part.filename.replace("/", "_") if letter in _ALLOWED)
    if name == RUNCMD or name.strip(".") == "" or len(name) > _MAX_NAME:
        if part.filename:
            raise _wrong_name(part, part.place)
        return f"part-{count:03d}"
    return name


def _wrong_name(part: Part, place: Location) -> Exception:
    return place.error(
        f"{part.called}cannot be the name of a script: use letters, digits, dots, dashes and underscores, at most"
        f" {_MAX_NAME} of them, and not {RUNCMD}"
    )


def _unix(content: str) -> str:
    """cloud-init's `util.dos2unix`: where the first line ends as in DOS, all lines count as such."""
    first = content.find("\n")
    return content.replace("\r\n", "\n") if first > 0 and content[first - 1] == "\r" else content
