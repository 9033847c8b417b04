"""`capra controller`. The controller itself is imported only when it is started: other commands stay quick, and work
without the packages that only it needs."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from capra.cli.extra import needing_extra
from capra.settings import ControllerSettings, read_settings


def controller(options: Any) -> int:
    """Does not return."""
    settings = read_settings(ControllerSettings, os.environ, asdict(options))
    with needing_extra():
        from capra.controller.main import start  # noqa: PLC0415  # see above
    start(settings)
