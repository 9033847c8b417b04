"""The options of `capra bootstrap`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass

from capra.cli.options.common import BootstrapDataOption, RunOptions

EXAMPLES = (
    "capra bootstrap -f machine.yaml --bootstrap-data user-data.yaml",
    "capra bootstrap -f fleet.yaml --limit node-3 --check --diff",
)


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Bootstrap the machines of the files.

    A machine that is provisioned is left alone; one whose bootstrap was interrupted or failed goes on where it is.
    """

    bootstrap_data: BootstrapDataOption = None
