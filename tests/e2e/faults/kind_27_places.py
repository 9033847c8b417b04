"""Kind 27: what preflight says of the places that a bootstrap uses, and of the account."""

from __future__ import annotations

from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host


def findings(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name."""
    return {one["name"]: one for one in report["findings"]}


@scenario("/var/lib without exec")
def var_lib_without_exec(host: Host, capra: Capra) -> None:
    host.ssh("mount --bind /var/lib /var/lib && mount -o remount,bind,noexec /var/lib", check=True)
    [report] = capra.json("preflight", "-f", capra.manifests(machine(host), key_secret(host)))
    found = findings(report)["place /var/lib"]
    assert (found["level"], "noexec" in found["message"]) == ("warning", True)
    assert "exec" in found["advice"]
