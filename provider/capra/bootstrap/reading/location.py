"""Where in the input something stands, and how to name it in an error without giving a secret away."""

from __future__ import annotations

import re
from dataclasses import dataclass

from capra.errors import InputError

_SHOWN_LENGTH = 40
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True)
class Location:
    """subject: the object or file. field: the path inside it (`write_files[2].permissions`), or empty."""

    subject: str
    field: str = ""

    def key(self, name: object) -> Location:
        """The value under a key of the mapping at this place."""
        return Location(self.subject, f"{self.field}.{key_name(name)}" if self.field else key_name(name))

    def item(self, index: int) -> Location:
        """The item at an index, from 0, of the list at this place."""
        return Location(self.subject, f"{self.field}[{index}]")

    def error(self, problem: str) -> InputError:
        """An error that names this place. `problem` never holds the content of a file or a command."""
        return InputError(problem, subject=self.subject, field=self.field, reason="InvalidBootstrapData")


def key_name(key: object) -> str:
    """A mapping's key as it may be shown: one that does not look like a name may be a misplaced secret."""
    return key if isinstance(key, str) and _KEY.fullmatch(key) else "(a key that is not a plain name)"


def shown(value: object) -> str:
    """A short value as it may be shown (paths, owners, modes: never content); of a long one the length."""
    text = repr(str(value))
    return text if len(text) <= _SHOWN_LENGTH else f"a value of {len(str(value))} characters"


def yaml_kind(value: object) -> str:
    """What YAML made of a value, in a person's words."""
    names = {bool: "true or false", list: "a list", dict: "a mapping", str: "text", bytes: "binary data"}
    if value is None:
        return "empty"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return names.get(type(value), f"a {type(value).__name__}")
