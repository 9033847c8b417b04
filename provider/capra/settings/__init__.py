"""Every setting of Capra, with its unit and its default. The only reader of the environment.

A flag on the command line counts before a variable of the environment, and that before the default. The variable of a
setting is its name in capitals with `CAPRA_` before it: `CAPRA_CONCURRENCY`.
"""

from __future__ import annotations

from capra.settings.controller import ControllerSettings, LogFormat, LogLevel, TlsVersion
from capra.settings.reading import PREFIX, read_settings
from capra.settings.terminal import DEFAULT_SENTINEL, Output, Settings, state_home
from capra.settings.values import ListenAddress

__all__ = [
    "DEFAULT_SENTINEL",
    "PREFIX",
    "ControllerSettings",
    "ListenAddress",
    "LogFormat",
    "LogLevel",
    "Output",
    "Settings",
    "TlsVersion",
    "read_settings",
    "state_home",
]
