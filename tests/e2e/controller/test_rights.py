"""The role of the controller: all that it needs, and nothing that it does not use.

That it needs no more, every end-to-end test shows: it runs under this role, and no request of it may be refused.
"""

from __future__ import annotations

import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from capra.model.machine import GIVE_UP_ANNOTATION
from tests.controlplane.process import free_port
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import ACCOUNT, Management, Site
from tests.e2e.controller.test_hooks import config_map
from tests.e2e.controller.test_provision_jobs import by_job
from tests.e2e.support import wait_for
from tests.e2e.test_hooks import note, play
from tests.hosts import Host
from tests.support.jobs import JobExecutor
from tests.support.rbac import Account, Rule, granted_rules, refused_rules, used_rules


def _counted(site: Site, reason: str) -> bool:
    return any(event["reason"] == reason and event.get("count", 1) > 1 for event in site.all("Event"))


def test_no_verb_of_the_role_is_unused(management: Management, site: Site, host: Host, tmp_path: Path) -> None:
    """One life of one machine of a pool, with somebody who writes to the same objects all the time."""
    plane, port = management.plane, free_port()
    kubeconfig = plane.kubeconfig_for(*ACCOUNT)
    settings = (
        f"--namespace={site.namespace}",
        "--allow-hooks",
        "--leader-elect",
        f"--leader-election-namespace={ACCOUNT[0]}",
        f"--diagnostics-address=127.0.0.1:{port}",
    )
    controller = ControllerProcess(kubeconfig, tmp_path, settings)
    # Another test's: it is to be made anew.
    plane.kubectl("delete", "lease", "capra-controller-leader", "-n", ACCOUNT[0], "--ignore-not-found")
    before = len(plane.audit())
    objects = [one for one in yaml.safe_load_all((management.release / "install.yaml").read_text()) if one]
    granted = granted_rules(objects, Account(*ACCOUNT))

    def used() -> set[Rule]:
        return used_rules(plane.audit()[before:], Account(*ACCOUNT).user)

    def unused(verb: str) -> set[Rule]:
        own = {rule for rule in granted if rule.verb == verb and rule.group.endswith("cluster.x-k8s.io")}
        return own - used()

    try:
        controller.start()
        wait_for(lambda: any(line.get("event") == "leading" for line in controller.lines()), "it leads")
        site.keys([host])
        site.data(commands=["test -e /var/tmp/mended"])
        site.entry(host)
        site.patch("PooledRemoteMachine", host.name, {"metadata": {"labels": {"rack": "7"}}})
        with _busy(site):
            site.cluster()
            config_map(site, note=play(note("hook")))
            hooks = {
                "afterBootstrap": [{"name": "note", "playbook": {"configMapRef": {"name": "site", "key": "note.yml"}}}]
            }
            site.machine("m", {"pool": "p", "ansible": hooks})
            site.until("the same failure is counted", lambda: _counted(site, "BootstrapFailed"))
            host.ssh("touch /var/tmp/mended", check=True)
            site.provisioned("m")
            site.until("the Machine has the label", lambda: site.get("Machine", "m")["metadata"]["labels"].get("rack"))
            # Until each kind's newest version had to be read.
            site.until("each kind is read after a conflict", lambda: not unused("get") or _wipe(site))
        assert _scrape(port, "") == 401
        assert _scrape(port, _token(kubeconfig)) == 403
        site.delete("Machine", "m")
        site.gone("Machine", "m")
        site.all_available()
        unreached = by_job(host)
        unreached["provisionJob"]["sshCommand"] = "false"
        with JobExecutor(plane, site.namespace):
            site.machine("by-job", unreached)
            jobs = {rule for rule in granted if rule.group == "batch"}
            site.until("another Job has taken the place of the first one", lambda: jobs <= used())
            # A Job that is under way may have reached the host.
            site.annotate("RemoteMachine", "by-job", **{GIVE_UP_ANNOTATION: ""})
            site.delete("Machine", "by-job")
            site.gone("Machine", "by-job")
    finally:
        controller.end()
        print(controller.tail())
    assert granted - used() == set(), "granted, and not used"
    assert used() - granted == set(), "used, and not granted"


def test_a_role_binding_is_enough_for_one_namespace(
    management: Management, site: Site, host: Host, tmp_path: Path
) -> None:
    """As docs/guide/install.md says."""
    plane, namespace = management.plane, site.namespace
    plane.kubectl("create", "serviceaccount", "own", "--namespace", namespace)
    binding = ("create", "rolebinding", "own", "--namespace", namespace, "--clusterrole=capra-manager")
    plane.kubectl(*binding, f"--serviceaccount={namespace}:own")
    controller = ControllerProcess(plane.kubeconfig_for(namespace, "own"), tmp_path, (f"--namespace={namespace}",))
    before = len(plane.audit())
    try:
        controller.start()
        site.keys([host])
        site.data()
        site.entry(host)
        site.cluster()
        site.machine("m", {"pool": "p"})
        site.provisioned("m")
        site.delete("Machine", "m")
        site.gone("Machine", "m")
        site.all_available()
    finally:
        controller.end()
        print(controller.tail())
    assert refused_rules(plane.audit()[before:], Account(namespace, "own").user) == set()


@contextmanager
def _busy(site: Site) -> Iterator[None]:
    """Somebody changes every object again and again: some of the controller's writes come too late, and it must read
    the newest version."""
    over = threading.Event()

    def change() -> None:
        number = 0
        while not over.is_set():
            number += 1
            for kind in ("RemoteCluster", "RemoteMachine", "PooledRemoteMachine", "Machine"):
                try:
                    for raw in site.all(kind):
                        site.annotate(kind, raw["metadata"]["name"], **{"example.com/number": str(number)})
                except urllib.error.HTTPError:
                    time.sleep(0.05)  # it is gone, was changed meanwhile, or this is too much for the API server

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wipe(site: Site) -> bool:
    """Wipe out what the controller has written: it writes it again, sometimes on top of what is old by then."""
    for _ in range(10):
        for kind, name in (("RemoteCluster", "c"), ("RemoteMachine", "m")):
            site.patch(kind, name, {"status": {"conditions": None}}, "status")
        for raw in site.all("PooledRemoteMachine"):
            site.patch("PooledRemoteMachine", raw["metadata"]["name"], {"status": {"state": None}}, "status")
        site.patch("Machine", "m", {"metadata": {"labels": {"rack": None}}})
    return False


def _token(kubeconfig: Path) -> str:
    return str(yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"])


def _scrape(port: int, token: str) -> int:
    """The status of a request for the metrics."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"https://127.0.0.1:{port}/metrics", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
