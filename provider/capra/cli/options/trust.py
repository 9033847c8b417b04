"""The options of `capra trust`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from capra.cli.options.common import ShownOptions

EXAMPLES = (
    "capra trust 192.0.2.10",
    "capra trust '[2001:db8::1]:22' SHA256:…",
)


@dataclass(frozen=True, kw_only=True)
class Options(ShownOptions):
    """Pin the host key of a machine, instead of the one that was known.

    The host is asked for its keys. With a fingerprint, the key that has it is pinned, and nothing if none has; without
    one the keys are shown, and on a terminal a question follows.
    """

    place: Annotated[str, typer.Argument(metavar="ADDRESS[:PORT]", help="Where the host is; [::1]:22 for IPv6.")]
    fingerprint: Annotated[
        str | None, typer.Argument(metavar="[SHA256:…]", help="The fingerprint of its key, from the host's console.")
    ] = None
