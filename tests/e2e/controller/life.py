"""The life of one machine under a controller, wherever that runs."""

from __future__ import annotations

from tests.e2e.controller.site import Site, address
from tests.e2e.support import count, counted
from tests.hosts import Host


def live_once(site: Site, host: Host) -> None:
    """A machine is provisioned, deleted and gone: its host was bootstrapped once, and cleaned once."""
    site.keys([host])
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    site.machine("m", address(host) | {"cleanUpCommands": [counted("clean")]})
    site.provisioned("m")
    site.delete("Machine", "m")
    site.gone("Machine", "m")
    assert (count(host, "bootstrap"), count(host, "clean")) == (1, 1)
