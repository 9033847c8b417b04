"""Playbooks of the user's on a real host, which has no Python: their order, their failures, and what is shown."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine, wait_for
from tests.e2e.test_secrets import process_lists, texts_below
from tests.hosts import Host

TOKEN = "site-token-5f1e9d7c3b2a"
LOG = "/var/tmp/log"


def play(*tasks: dict[str, Any], **more: Any) -> str:
    """A playbook with one play."""
    return yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": list(tasks), **more}])


def raw(name: str, command: str, **more: Any) -> dict[str, Any]:
    """A task that needs no Python."""
    return {"name": name, "ansible.builtin.raw": command, **more}


def config_map(name: str, **data: str) -> dict[str, Any]:
    """A ConfigMap document."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": {f"{key}.yml": text for key, text in data.items()},
    }


def hook(name: str, **more: Any) -> dict[str, Any]:
    """A hook whose playbook is in the ConfigMap `site`."""
    return {"name": name, "playbook": {"configMapRef": {"name": "site", "key": f"{name}.yml"}}, **more}


def noted(host: Host) -> list[str]:
    """What has run, in order."""
    return host.ssh(f"cat {LOG} 2>/dev/null").stdout.split()


def note(name: str) -> dict[str, Any]:
    """A task that notes that it has run."""
    return raw(f"Note {name}", f"echo {name}:$(id -un) >> {LOG}")


def test_they_run_in_order_and_once(host: Host, capra: Capra) -> None:
    ansible = {
        "beforeBootstrap": [hook("one"), hook("two")],
        "afterBootstrap": [hook("three")],
        "beforeCleanUp": [hook("four")],
    }
    texts = {name: play(note(name)) for name in ("one", "two", "three", "four")}
    manifest = capra.manifests(
        machine(host, user="ops", ansible=ansible), key_secret(host), config_map("site", **texts)
    )
    data = capra.data(cloud_config([], [f"echo bootstrap:$(id -un) >> {LOG}"]))
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", data)
    capra.run(*arguments, "--check")
    assert noted(host) == []
    [report] = capra.json(*arguments)
    assert report["outcome"] == "Finished"
    expected = ["one:root", "two:root", "bootstrap:root", "three:root"]
    assert noted(host) == expected
    [report] = capra.json(*arguments)
    assert report["decision"] == "Keep"
    capra.run("cleanup", "-f", manifest)
    assert noted(host) == [*expected, "four:root"]


def test_one_that_fails_is_told_by_its_task_and_goes_on_there(host: Host, capra: Capra) -> None:
    ansible = {"beforeBootstrap": [hook("one"), hook("two")], "afterBootstrap": [hook("three")]}
    fails = "test -e /tmp/mended || { echo no such package >&2; exit 7; }"
    texts = {
        "one": play(note("one")),
        "two": play(note("two"), raw("Install auditd", fails)),
        "three": play(raw("Probe", "test -e /tmp/healthy")),
    }
    manifest = capra.manifests(machine(host, ansible=ansible), key_secret(host), config_map("site", **texts))
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config([], [counted("once")])))
    [report] = capra.json(*arguments, code=1)
    assert report["outcome"] == "HookFailed"
    assert report["message"].startswith(f"hook two: task 'Install auditd' failed on {host.name}: non-zero return code")
    assert "no such package" in report["message"]
    assert count(host, "once") == 0
    host.ssh("touch /tmp/mended", check=True)
    [report] = capra.json(*arguments, code=1)
    assert "hook three: task 'Probe' failed" in report["message"]
    [remembered] = capra.json("status", "-f", manifest)
    assert remembered["phase"] == "Bootstrapping"
    host.ssh("touch /tmp/healthy", check=True)
    [report] = capra.json(*arguments)
    assert report["outcome"] == "Finished"
    assert (noted(host), count(host, "once")) == (["one:root", "two:root", "two:root"], 1)


def test_a_module_that_needs_python_is_told_so(host: Host, capra: Capra) -> None:
    modules = {
        "module": play({"name": "Make a directory", "ansible.builtin.file": {"path": "/srv/x", "state": "directory"}}),
        "facts": play(note("facts"), gather_facts=True),
    }
    for name, text in modules.items():
        one = machine(host, ansible={"beforeBootstrap": [hook(name)]})
        manifest = capra.manifests(one, key_secret(host), config_map("site", **{name: text}))
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config()), code=1)
        assert report["outcome"] == "HookFailed"
        assert "needs Python on the host, and there is none" in report["message"], report
        [looked] = capra.json("preflight", "-f", manifest)
        assert [one["level"] for one in looked["findings"] if one["name"] == "python"] == ["warning"]
    assert noted(host) == []


def test_a_host_that_is_not_reached_has_been_sent_nothing(host: Host, capra: Capra) -> None:
    one = machine(host, ansible={"beforeBootstrap": [hook("one")]}, port=1)
    manifest = capra.manifests(one, key_secret(host), config_map("site", one=play(note("one"))))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config()), code=3)
    assert report["outcome"] == "Unreachable"
    [remembered] = capra.json("status", "-f", manifest)
    assert (remembered["phase"], remembered["runID"]) == ("New", "")


def test_variables_are_secret(host: Host, capra: Capra) -> None:
    """The playbook prints the token, fails with it, and has it written by a module that takes it from its input."""
    # No other test's: all processes of the machine are looked at.
    token = f"site-{uuid.uuid4().hex}"
    written = {"kind": "write", "path": "/etc/site.token", "content": "{{ token | b64encode }}", "mode": "0600"}
    show = play(
        {"name": "Write it", "capra.machine.steps": {"steps": [written], "run_id": "site", "kind": "site"}},
        raw("Wait", "sleep 2"),
        {"name": "Print {{ token }}", "ansible.builtin.debug": {"msg": "{{ token }} {{ token | b64encode }}"}},
        raw("Show {{ token }}", "cat /etc/site.token >&2; exit 3"),
    )
    values = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "values", "namespace": "default"}}
    secret = values | {"stringData": {"variables.yml": f"token: {token}\n"}}
    one = machine(host, ansible={"beforeBootstrap": [hook("show", variables={"secretRef": {"name": "values"}})]})
    manifest = capra.manifests(one, key_secret(host), secret, config_map("site", show=show))
    artifacts = capra.directory / "artifacts"
    data = capra.data(cloud_config())
    with process_lists() as seen:
        done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, "-vv", "--artifacts", artifacts, code=1)
    assert host.ssh("cat /etc/site.token").stdout == token
    assert "task 'Show [hidden]' failed" in " ".join((done.stdout + done.stderr).split())
    assert any("hook.yml" in line for line in seen)
    places = {
        "the process list": "\n".join(seen),
        "what is printed": done.stdout + done.stderr,
        **{
            str(path): text
            for below in ("state", "artifacts", "home", "run time")
            for path, text in texts_below(capra.directory / below)
        },
    }
    assert any("hook-show" in place for place in places)
    for place, text in places.items():
        assert token not in text, place
        assert token[4:16] not in text, place
    assert not list(Path(capra.private).iterdir())


def test_nothing_of_the_caller_reaches_a_playbook(host: Host, capra: Capra) -> None:
    here = {"name": "Look around", "delegate_to": "localhost", "ansible.builtin.command": "env", "register": "found"}
    there = raw("Tell", "cat > /var/tmp/env <<'EOF'\n{{ found.stdout }}\nEOF")
    one = machine(host, ansible={"beforeBootstrap": [hook("look")]})
    manifest = capra.manifests(one, key_secret(host), config_map("site", look=play(here, there)))
    capra.environment |= {
        "KUBERNETES_SERVICE_HOST": "10.1.1.1",
        "KUBECONFIG": "/root/.kube/config",
        "HTTPS_PROXY": "http://u:p@proxy",
    }
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config()))
    found = host.ssh("cat /var/tmp/env").stdout
    assert "ANSIBLE_CONFIG=" in found
    for word in ("KUBE", "PROXY", "XDG_", "SSH_AUTH"):
        assert word not in found
    assert json.dumps(found).count("HOME=") == 2, "HOME and ANSIBLE_HOME"


def test_one_that_takes_too_long_is_ended(host: Host, capra: Capra) -> None:
    one = machine(host, ansible={"beforeBootstrap": [hook("slow")]})
    manifest = capra.manifests(one, key_secret(host), config_map("site", slow=play(raw("Wait", "sleep 600"))))
    arguments = ("-f", manifest, "--bootstrap-data", capra.data(cloud_config()), "--hook-timeout", "3")
    [report] = capra.json("bootstrap", *arguments, code=1)
    assert (report["outcome"], report["message"]) == ("TimedOut", "hook slow: the run was ended after 3 s")
    wait_for(lambda: not list(Path(capra.private).iterdir()), "its private directory is gone")


def test_a_playbook_on_day_two(two_hosts: list[Host], capra: Capra) -> None:
    documents = [machine(one, user="ops") for one in two_hosts] + [key_secret(one) for one in two_hosts]
    manifest = capra.manifests(*documents)
    text = play(raw("Write", f"echo {{{{ word }}}}:$(id -un) >> {LOG}"), raw("Fail on one", "test ! -e /tmp/broken"))
    playbook = capra.data(text.encode(), "patch.yml")
    values = capra.data(b"word: patched\n", "v.yml")
    arguments = ("run", playbook, "-f", manifest, "--variables", values)
    capra.run(*arguments, "--check")
    assert [noted(one) for one in two_hosts] == [[], []]
    reports = capra.json(*arguments)
    assert [report["outcome"] for report in reports] == ["Finished", "Finished"]
    two_hosts[0].ssh("touch /tmp/broken", check=True)
    reports = capra.json(*arguments, "--serial", "1", code=1)
    assert [report["outcome"] for report in reports] == ["HookFailed", "NotBegun"]
    assert f"task 'Fail on one' failed on {two_hosts[0].name}" in reports[0]["message"]
    assert [noted(one) for one in two_hosts] == [["patched:root"] * 2, ["patched:root"]]
    assert "nothing is remembered" in capra.run("status").stderr
