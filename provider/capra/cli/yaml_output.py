"""YAML on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer
import yaml


class _Dumper(yaml.SafeDumper):
    """Text of several lines, such as a key, stands as it is."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def print_yaml(*documents: Mapping[str, Any]) -> None:
    """The documents, one after the other."""
    typer.echo(dump(documents), nl=False)


def dump(documents: Iterable[Mapping[str, Any]]) -> str:
    """The same as text."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
