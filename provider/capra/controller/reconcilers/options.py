"""From the controller's settings to what every run gets."""

from __future__ import annotations

import math

from capra.engine.requests import PlanOptions
from capra.runs.hooks.surroundings import has_collection
from capra.runs.rendering import render_within_bounds
from capra.settings import ControllerSettings


def run_options(settings: ControllerSettings) -> PlanOptions:
    """The options of runs on the hosts of machines."""
    return PlanOptions(
        default_clean_up=settings.default_clean_up,
        verify_custom_cleanup=settings.verify_custom_cleanup,
        render=render_within_bounds,
        host_key_policy=settings.host_key_policy,
        hook_timeout=math.ceil(settings.hook_timeout),
        has_collection=has_collection,
    )
