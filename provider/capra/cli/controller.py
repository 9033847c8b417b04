"""`capra controller`. The controller itself is imported only when it is started: other commands stay quick, and work
without the packages that only it needs."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from typing import Any

from capra.cli.extra import needing_extra
from capra.cli.flags import options_of
from capra.cli.help import CapraCommand
from capra.settings import ControllerSettings, read_settings
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


def controller(options: Any) -> int:
    """Run the controller of a management cluster, until SIGTERM or Ctrl-C.

    Times are seconds (90) or have units (1m30s).
    """
    settings = read_settings(ControllerSettings, os.environ, asdict(options))
    with needing_extra():
        from capra.controller.main import start  # noqa: PLC0415  # see above
    start(settings)
