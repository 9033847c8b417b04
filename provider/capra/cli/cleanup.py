"""`capra cleanup`."""

from __future__ import annotations

from dataclasses import dataclass

from capra.cli.change import change
from capra.cli.options import RunOptions

EXAMPLES = (
    "capra cleanup -f machine.yaml --check",
    "capra cleanup -f machine.yaml",
)


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """The options of `capra cleanup`."""


def cleanup(options: Options) -> int:
    """Clean the machines of the files: what made them nodes, or their own commands instead.

    The host is looked at afterwards: a cleanup that leaves something behind has failed.
    """
    return change(options, deleting=True)
