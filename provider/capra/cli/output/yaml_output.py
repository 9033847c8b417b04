"""YAML on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer
import yaml

from capra.inventory.ansible import Literal


class _Dumper(yaml.SafeDumper):
    """Text of several lines, such as a key, stands as it is. Literal text has Ansible's tag."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _literal(dumper: yaml.SafeDumper, value: Literal) -> yaml.Node:
    return dumper.represent_scalar("!unsafe", str(value), style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Literal, _literal)


def print_yaml(*documents: Mapping[str, Any]) -> None:
    """The documents, one after the other."""
    typer.echo(dump(documents), nl=False)


def dump(documents: Iterable[Mapping[str, Any]]) -> str:
    """The same as text."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
