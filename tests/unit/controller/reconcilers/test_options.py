"""What the controller's settings mean for a run."""

from __future__ import annotations

from capra.controller.reconcilers.options import run_options
from capra.model.machine import CleanUp, HostKeyPolicy
from capra.settings import ControllerSettings


def test_what_is_set_counts_for_every_run() -> None:
    options = run_options(
        ControllerSettings(
            default_clean_up=CleanUp.VERIFY,
            verify_custom_cleanup=True,
            host_key_policy=HostKeyPolicy.STRICT,
            hook_timeout=90.5,
        )
    )
    assert (options.default_clean_up, options.verify_custom_cleanup) == (CleanUp.VERIFY, True)
    assert (options.host_key_policy, options.hook_timeout) == (HostKeyPolicy.STRICT, 91)
