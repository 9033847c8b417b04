"""Settings from flags and the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from capra.errors import InputError

PREFIX = "CAPRA_"
_Settings = TypeVar("_Settings")


@dataclass(frozen=True)
class Flag:
    """How the help shows the flag of a setting. metavar: what its value is called. help: one sentence. panel: the group
    of flags it belongs to; empty for the first. default: what is shown for it; empty for the setting's own. also: other
    names of it."""

    metavar: str
    help: str
    panel: str = ""
    default: str = ""
    also: tuple[str, ...] = ()


def setting(default: Any, parse: Callable[[str], Any] = str, flag: Flag | None = None) -> Any:
    """A field of settings. parse: makes its value of text, or raises ValueError with what would be right. flag: where
    the flag is made of the setting."""
    return field(default=default, metadata={"parse": parse, "flag": flag})


def derived(make: Callable[[Mapping[str, str]], Any]) -> Any:
    """A field of settings that has no variable of its own. make: its default, made of the environment."""
    return field(default_factory=lambda: make({}), metadata={"make": make})


SHOWN_LENGTH = 60
"""Characters of a value that is told where it is wrong. No setting is a secret: those stand in files."""


def read_settings(kind: type[_Settings], environment: Mapping[str, str], flags: Mapping[str, Any]) -> _Settings:
    """The settings of this kind, a dataclass whose fields are made by `setting` and `derived`.

    flags: by the setting's name, as text or as the value itself; None where the flag was not given; other names are
    left alone. An empty variable counts as one that is not set. Raises InputError naming the flag or variable that is
    wrong.
    """
    values: dict[str, Any] = {}
    for one in fields(kind):  # type: ignore[arg-type]  # a dataclass, which a type variable cannot say
        given, subject = flags.get(one.name), flag_name(one.name)
        if given is None and "make" in one.metadata:
            given = one.metadata["make"](environment)
        elif given is None:
            subject = PREFIX + one.name.upper()
            given = environment.get(subject) or None
        if isinstance(given, str):
            values[one.name] = _parsed(one.metadata.get("parse", str), given, subject)
        elif given is not None:
            values[one.name] = given
    return kind(**values)


def flag_name(name: str) -> str:
    """How a person writes the setting on the command line."""
    return "--" + name.replace("_", "-")


def _parsed(parse: Callable[[str], Any], text: str, subject: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        shown = f", but is {text!r}" if len(text) <= SHOWN_LENGTH else ""
        raise InputError(f"{error}{shown}", subject=subject) from None
