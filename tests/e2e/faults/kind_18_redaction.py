"""Kind 18: no part of a secret is shown, wherever it was cut."""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site, address
from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host

SHORT = "s3cretpw"


def _texts(*directories: Path) -> str:
    files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
    assert files
    return "\n".join(path.read_text(errors="replace") for path in files)


def _on_the_terminal(host: Host, capra: Capra, data: bytes) -> str:
    """Everything that a failed bootstrap leaves to read."""
    manifest = capra.manifests(machine(host), key_secret(host))
    artifacts = capra.directory / "artifacts"
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(data), "--artifacts", artifacts)
    shown = capra.run(*arguments, "--verbose", code=1)
    status = capra.run("status", "-f", manifest)
    assert "(exit status 1)" in shown.stdout + shown.stderr
    return shown.stdout + shown.stderr + status.stdout + _texts(artifacts, capra.state)


def _on_the_cluster(host: Host, site: Site, controller: ControllerProcess, data: dict[str, Any]) -> str:
    """Everything that a failed bootstrap leaves to read."""
    site.keys([host])
    site.data(**data)
    site.cluster()
    site.machine("m", address(host))
    site.until("the bootstrap has failed", lambda: "(exit status 1)" in _objects(site))
    return _objects(site) + controller.log.read_text()


def _objects(site: Site) -> str:
    return site.plane.kubectl("get", "remotemachines,machines,events", "-n", site.namespace, "-o", "yaml")


@scenario("token cut by the tail")
def token_cut_by_the_tail(
    two_hosts: list[Host], capra: Capra, site: Site, controller: ControllerProcess, case: dict[str, Any]
) -> None:
    token = "".join(random.Random(18).choices(string.ascii_letters, k=2000))
    files = [{**case["given"]["write_files"][0], "content": token}]
    commands = case["given"]["runcmd"]
    shown = _on_the_terminal(two_hosts[0], capra, cloud_config(files, commands))
    shown += _on_the_cluster(two_hosts[1], site, controller, {"files": files, "commands": commands})
    folded = "".join(shown.split())  # YAML folds long lines
    assert [at for at in range(len(token) - 7) if token[at : at + 8] in folded] == []
    assert "\n999\n1000" in shown  # what stands behind the token is there to read


@scenario("short password")
def short_password(
    two_hosts: list[Host], capra: Capra, site: Site, controller: ControllerProcess, case: dict[str, Any]
) -> None:
    commands = case["given"]["runcmd"]
    shown = _on_the_terminal(two_hosts[0], capra, cloud_config(commands=commands))
    shown += _on_the_cluster(two_hosts[1], site, controller, {"commands": commands})
    assert SHORT not in shown
    assert shown.count("login as ") > 1  # what stands around it is there to read, in both
