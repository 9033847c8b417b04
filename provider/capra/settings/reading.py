"""Settings from flags and the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any, TypeVar

from capra.errors import InputError

PREFIX = "CAPRA_"
Kind = TypeVar("Kind")


def knob(default: Any, parse: Callable[[str], Any] = str) -> Any:
    """A field of settings. parse: makes its value of text, or raises ValueError with what would be right."""
    return field(default=default, metadata={"parse": parse})


def derived(make: Callable[[Mapping[str, str]], Any]) -> Any:
    """A field of settings that has no variable of its own. make: its default, made of the environment."""
    return field(default_factory=lambda: make({}), metadata={"make": make})


def read(kind: type[Kind], environment: Mapping[str, str], flags: Mapping[str, Any]) -> Kind:
    """The settings of this kind, a dataclass whose fields are made by `knob` and `derived`.

    flags: by the knob's name, as text or as the value itself; None where the flag was not given; other names are left
    alone. An empty variable counts as one that is not set. Raises InputError naming the flag or variable that is wrong.
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
    """How a person writes the knob on the command line."""
    return "--" + name.replace("_", "-")


def _parsed(parse: Callable[[str], Any], text: str, subject: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise InputError(str(error), subject=subject) from None
