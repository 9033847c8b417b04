"""Playbooks of a tenant's under a real controller: in order, once, and whoever is killed in between."""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from capra.kube.client.resources import RECORD
from capra.model.machine import RUN_PLAYBOOK_ANNOTATION
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import INFRASTRUCTURE, Site, address, condition
from tests.e2e.support import count, counted, wait_for
from tests.e2e.test_hooks import TOKEN, note, noted, play, raw
from tests.hosts import Host

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "hooks.yaml"


def _hook(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "playbook": {"configMapRef": {"name": "site", "key": f"{name}.yml"}}, **more}


def config_map(site: Site, **texts: str) -> None:
    """The ConfigMap `site` with these playbooks."""
    data = {f"{name}.yml": text for name, text in texts.items()}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "site"}, "data": data}
    site.plane.request("POST", f"/api/v1/namespaces/{site.namespace}/configmaps", body)


def _allowing(controller: ControllerProcess) -> ControllerProcess:
    controller.stop()
    controller.settings += ("--allow-hooks",)
    controller.start()
    return controller


def _has_ended(site: Site, hook: str) -> bool:
    kept = (site.get("RemoteMachine", "m")["metadata"].get("annotations") or {}).get(RECORD, "")
    return f"{hook}:" in kept


def _has_begun(host: Host, name: str) -> bool:
    return name in noted(host)


def _assert_hidden(site: Site, controller: ControllerProcess) -> None:
    """The secret is in no object, event or log, nor in what is left of a run."""
    seen = site.plane.kubectl("get", "remotemachines,machines,events", "-n", site.namespace, "-o", "yaml")
    seen += controller.log.read_text()
    seen += "".join(path.read_text(errors="replace") for path in controller.private.rglob("*") if path.is_file())
    for secret in (TOKEN, base64.b64encode(TOKEN.encode()).decode()):
        assert secret not in seen


def test_hooks_of_a_machine_whose_controller_is_killed_again_and_again(
    site: Site, controller: ControllerProcess, host: Host
) -> None:
    _allowing(controller)
    slow = [note("begun"), raw("Take a while", "sleep 4")]
    texts = {name: play(note(name), *slow) for name in ("one", "two", "three")}
    config_map(site, **texts, four=play(note("four")))
    site.keys([host])
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    ansible = {
        "beforeBootstrap": [_hook("one"), _hook("two")],
        "afterBootstrap": [_hook("three")],
        "beforeCleanUp": [_hook("four")],
    }
    site.machine("m", address(host) | {"ansible": ansible})
    for hook, during in (("beforeBootstrap/one", "two:root"), ("beforeBootstrap/two", "three:root")):
        wait_for(partial(_has_ended, site, hook), f"{hook} has ended", 90)
        wait_for(partial(_has_begun, host, during), f"{during} has begun", 60)
        controller.kill()
        assert condition(site.get("RemoteMachine", "m"), "Ready")["status"] == "False"
        controller.start()
    site.provisioned("m")
    ran = [name for name in noted(host) if name != "begun:root"]
    assert ran == ["one:root", "two:root", "two:root", "three:root", "three:root"], "those that were cut off, again"
    assert count(host, "bootstrap") == 1
    site.delete("Machine", "m")
    site.gone("Machine", "m")
    assert noted(host)[-1] == "four:root"
    # What a killed controller leaves beside them is of its own way to the API server.
    wait_for(lambda: not list(controller.private.glob("capra-run-*")), "nothing is left of the runs")


def test_variables_of_a_tenant_are_seen_nowhere(site: Site, controller: ControllerProcess, host: Host) -> None:
    _allowing(controller)
    fails = play(raw("Show {{ token }}", "test -e /tmp/mended || { echo {{ token }}; exit 3; }"))
    config_map(site, show=fails)
    site.secret("values", {"variables.yml": f"token: {TOKEN}\n".encode()})
    site.keys([host])
    site.data()
    site.cluster()
    hook = _hook("show", variables={"secretRef": {"name": "values"}})
    site.machine("m", address(host) | {"ansible": {"beforeBootstrap": [hook]}})
    told = site.waits("m", "HookFailed")
    message = condition(told, "BootstrapExecSucceeded")["message"]
    assert message == "hook show: task 'Show [hidden]' failed on m: non-zero return code: [hidden]"
    site.until("the event", lambda: "HookFailed" in site.events("m"))
    _assert_hidden(site, controller)
    host.ssh("touch /tmp/mended", check=True)
    site.provisioned("m")


def test_without_the_flag_nothing_is_sent(site: Site, controller: ControllerProcess, host: Host) -> None:
    site.keys([host])
    site.data()
    site.cluster()
    before = host.exec_requests()
    site.machine("m", address(host) | {"ansible": {"afterBootstrap": [_hook("one")]}})
    site.waits("m", "HooksNotAllowed")
    assert host.exec_requests() == before


def test_the_example_of_the_guide(site: Site, controller: ControllerProcess, host: Host) -> None:
    _allowing(controller)
    text = EXAMPLE.read_text().replace("192.0.2.10", host.address).replace("my-user", str(host.sudo_user))
    documents = [one for one in yaml.safe_load_all(text) if one]
    for one in documents:
        one["metadata"]["namespace"] = site.namespace
    site.secret("ssh-key", {"value": Path(host.key_file).read_bytes()})
    site.data()
    site.cluster()
    site.plane.apply(documents)
    reference = {"apiGroup": INFRASTRUCTURE, "kind": "RemoteMachine", "name": "hooked"}
    spec = {"clusterName": "c", "bootstrap": {"dataSecretName": "data"}, "infrastructureRef": reference}
    site.create("Machine", "hooked", spec)
    site.provisioned("hooked")
    made = "cat /etc/site /etc/ssh/sshd_config.d/10-site.conf"
    assert host.ssh(made).stdout == "rack 7 hooked\nPermitRootLogin prohibit-password\n"
    site.delete("Machine", "hooked")
    site.gone("Machine", "hooked")
    assert host.ssh(made).stdout == ""


def _ask(site: Site, value: str | None) -> None:
    site.annotate("RemoteMachine", "m", **{RUN_PLAYBOOK_ANNOTATION: value})


def _asked(name: str, **more: Any) -> str:
    return yaml.safe_dump(_hook(name, **more))


def _told(site: Site, reason: str, message: str = "") -> Any:
    """Until the annotation's condition has this reason; the machine stays as it is meanwhile."""

    def holds() -> Any:
        raw = site.get("RemoteMachine", "m")
        found = condition(raw, "PlaybookSucceeded")
        assert condition(raw, "Ready")["status"] == "True"
        assert (raw["status"]["phase"], raw["status"]["initialization"]) == ("Provisioned", {"provisioned": True})
        return found.get("reason") == reason and message in found["message"] and raw

    return site.until(f"the playbook is told as {reason}", holds)


def test_day_two_in_check_mode_once_and_with_a_failure(site: Site, controller: ControllerProcess, host: Host) -> None:
    _allowing(controller)
    fails = play(raw("Show {{ token }}", "test -e /tmp/mended || { echo {{ token }}; exit 3; }"))
    config_map(site, patch=play(note("patch")), show=fails)
    site.secret("values", {"variables.yml": f"token: {TOKEN}\n".encode()})
    site.keys([host])
    site.data()
    site.cluster()
    site.machine("m", address(host))
    site.provisioned("m")
    _ask(site, _asked("patch", check=True))
    _told(site, "PlaybookSucceeded", "(in check mode)")
    assert noted(host) == []
    _ask(site, _asked("patch"))
    _told(site, "PlaybookSucceeded", "hook patch: tasks: 1 ok, 1 changed")
    assert noted(host) == ["patch:root"]
    controller.stop()
    controller.start()
    _ask(site, _asked("patch", serial=1))
    _ask(site, _asked("show", variables={"secretRef": {"name": "values"}}))
    told = _told(site, "HookFailed")
    message = condition(told, "PlaybookSucceeded")["message"]
    assert message == "hook show: task 'Show [hidden]' failed on m: non-zero return code: [hidden]"
    site.until("the event", lambda: "PlaybookFailed" in site.events("m"))
    _assert_hidden(site, controller)
    host.ssh("touch /tmp/mended", check=True)
    _told(site, "PlaybookSucceeded", "hook show")
    assert noted(host) == ["patch:root"]


def test_day_two_of_a_controller_that_is_killed_and_of_a_machine_that_is_deleted(
    site: Site, controller: ControllerProcess, host: Host
) -> None:
    _allowing(controller)
    texts = {
        name: play(note(name), raw("Take a while", f"sleep {seconds}")) for name, seconds in (("a", 4), ("b", 600))
    }
    config_map(site, **texts)
    site.keys([host])
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    site.machine("m", address(host))
    site.provisioned("m")
    _ask(site, _asked("a"))
    wait_for(partial(_has_begun, host, "a:root"), "it has begun", 60)
    controller.kill()
    assert condition(site.get("RemoteMachine", "m"), "PlaybookSucceeded")["status"] == "Unknown"
    controller.start()
    _told(site, "PlaybookSucceeded", "hook a")
    assert noted(host) == ["a:root", "a:root"], "what was cut off, again from its beginning"
    _ask(site, _asked("b"))
    wait_for(partial(_has_begun, host, "b:root"), "it has begun", 60)
    _told(site, "Running")
    site.delete("Machine", "m")
    site.gone("Machine", "m")
    assert count(host, "bootstrap") == 1
    wait_for(lambda: not list(controller.private.glob("capra-run-*")), "nothing is left of the runs")
