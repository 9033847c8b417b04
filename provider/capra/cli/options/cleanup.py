"""The options of `capra cleanup`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass

from capra.cli.options.common import RunOptions

EXAMPLES = (
    "capra cleanup -f machine.yaml --check",
    "capra cleanup -f machine.yaml",
)


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Clean the machines of the files: what made them nodes, or their own commands instead.

    The host is looked at afterwards: a cleanup that leaves something behind has failed.
    """
