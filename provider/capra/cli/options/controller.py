"""The options of `capra controller`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from capra.cli.flags import options_of
from capra.cli.help import CapraCommand
from capra.settings import ControllerSettings
from capra.settings.controller import SWITCH
from capra.settings.reading import flag_name

FLAGS = [one for one in fields(ControllerSettings) if "flag" in one.metadata]


SWITCHES = frozenset(flag_name(one.name) for one in FLAGS if one.metadata["flag"].metavar == SWITCH)


Options: Any = options_of(ControllerSettings)
"""All are text here; `read_settings` says in one line what is wrong with one."""


EXAMPLES = ("capra controller --kubeconfig ~/.kube/config --log-format console",)


class ControllerCommand(CapraCommand):
    """Takes switches as Go's flags do, which manifests are written for: `--leader-elect` and `--leader-elect=false`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Gives every switch that stands alone its value."""
        return super().parse_args(ctx, [f"{one}=true" if one in SWITCHES else one for one in args])


COMMAND_CLASS = ControllerCommand


SETTINGS = ControllerSettings

Options.__doc__ = """Run the controller of a management cluster, until SIGTERM or Ctrl-C.

Times are seconds (90) or have units (1m30s).
"""
