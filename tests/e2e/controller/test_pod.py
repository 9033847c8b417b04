"""The controller where its Deployment puts it: no root, no capability, nothing to write to but memory."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.e2e.controller.life import live_once
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import ACCOUNT, Management, Site
from tests.hosts import Host
from tests.support.contained import contained


def test_a_machine_comes_and_goes(management: Management, site: Site, host: Host, tmp_path: Path) -> None:
    objects = yaml.safe_load_all((management.release / "install.yaml").read_text())
    [pod] = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]
    given = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    scratch, readable = tmp_path / "scratch", tmp_path / "readable"
    for directory in (scratch, readable):
        directory.mkdir()
    kubeconfig = readable / "kubeconfig"
    kubeconfig.write_bytes(management.plane.kubeconfig_for(*ACCOUNT).read_bytes())
    tmp_path.chmod(0o755)

    def wrap(command: list[str], _environment: dict[str, str]) -> list[str]:
        environment = {name: value.replace("/run/capra", str(scratch)) for name, value in given.items()}
        user = pod["securityContext"]["runAsUser"]
        return contained(command, scratch, user=user, environment=environment, needs=[tmp_path])

    controller = ControllerProcess(kubeconfig, tmp_path, (f"--namespace={site.namespace}",), wrap=wrap)
    try:
        controller.start()
        live_once(site, host)
        assert controller.stop() == 0
    finally:
        controller.end()
        print(controller.tail())
