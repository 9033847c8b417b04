"""Machines whose host a Kubernetes Job reaches: the Job's command runs here, with real ssh and scp to a real host."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site, condition
from tests.e2e.support import TOKEN, count, counted
from tests.e2e.test_secrets import process_lists
from tests.hosts import Host
from tests.support.jobs import JobExecutor

OPTIONS = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes"
LEFT = "ls -d /dev/shm/.capra-* /tmp/.capra-* 2>/dev/null"
"""Tells what a Job has left on its host."""


@pytest.fixture
def executor(site: Site) -> Iterator[JobExecutor]:
    with JobExecutor(site.plane, site.namespace) as made:
        yield made


def by_job(host: Host, *, user: str = "root", deadline: int | None = None, **spec: Any) -> dict[str, Any]:
    """The spec of a machine that a Job reaches. No sshKeyRef: the Job's command has its own key."""
    key = shlex.quote(str(host.key_file))
    pod = {"restartPolicy": "Never", "containers": [{"name": "ssh", "image": "registry.example.com/ssh:1"}]}
    job: dict[str, Any] = {"template": {"metadata": {"labels": {"app": "site"}}, "spec": pod}}
    if deadline is not None:
        job["activeDeadlineSeconds"] = deadline
    asked: dict[str, Any] = {
        "sshCommand": f"ssh -i {key} {OPTIONS}",
        "scpCommand": f'scp -o "IdentityFile={host.key_file}" {OPTIONS}',
    }
    asked["jobSpecTemplate"] = {"metadata": {"labels": {"team": "a"}}, "spec": job}
    return {"address": host.address, "port": host.port, "user": user, "provisionJob": asked, **spec}


def test_a_job_provisions_the_host_and_another_one_cleans_it(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    quoted = """printf '%s\\n' "it's \\"quoted\\" $HOME `echo x`" > /var/tmp/quoted"""
    files = [
        {"path": "/var/tmp/deep/er/made", "content": TOKEN, "permissions": "0640", "owner": "nobody:daemon"},
    ]
    site.data(files=files, commands=[counted("bootstrap"), quoted, "cat /var/tmp/deep/er/made; sleep 1"])
    site.cluster()
    with process_lists() as seen:
        site.machine("m", by_job(host, cleanUpCommands=[counted("clean")]))
        site.provisioned("m")
    assert any("k0smotron-entrypoint.sh" in line for line in seen)  # the look saw the Pod
    assert any("/var/lib/capra/bootstrap-" in line for line in seen)  # and the host's side of it
    assert not any(TOKEN in line for line in seen)
    assert count(host, "bootstrap") == 1
    assert host.ssh("stat -c '%a %U %G' /var/tmp/deep/er/made").stdout.strip() == "640 nobody daemon"
    assert host.ssh("cat /var/tmp/quoted").stdout == 'it\'s "quoted" /root x\n'
    assert host.ssh("test -e /run/cluster-api/bootstrap-success.complete").returncode == 0
    _keeps_secrets(site, controller, executor)
    assert host.ssh(LEFT).stdout == ""
    [job] = executor.jobs.values()
    assert job["metadata"]["ownerReferences"][0]["name"] == "m"
    assert job["metadata"]["labels"]["team"] == "a"
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["activeDeadlineSeconds"] > 0
    site.delete("Machine", "m")
    site.gone("Machine", "m")
    assert count(host, "clean") == 1
    assert len(executor.jobs) == 2
    assert host.ssh("ls -d /var/tmp/deep /var/lib/capra /run/cluster-api/bootstrap-success.complete").stdout == ""
    assert host.ssh(LEFT).stdout == ""
    assert _secrets(site) == []


def _secrets(site: Site) -> list[str]:
    """The Secrets of Jobs."""
    label = "capra.infrastructure.cluster.x-k8s.io/job"
    return [raw["metadata"]["name"] for raw in site.all("Secret") if label in raw["metadata"].get("labels", {})]


def _keeps_secrets(site: Site, controller: ControllerProcess, executor: JobExecutor) -> None:
    """The join token stands in its own Secret and on its host, and nowhere else."""
    site.until("the Job's Secret is gone", lambda: _secrets(site) == [])
    kinds = "remotemachines,machines,events,clusters,jobs,pods,configmaps"
    seen = site.plane.kubectl("get", kinds, "-n", site.namespace, "-o", "yaml") + controller.log.read_text()
    seen += json.dumps(list(executor.jobs.values()))
    assert "capra-bootstrap-data" in seen
    for secret in (TOKEN, base64.b64encode(TOKEN.encode()).decode()):
        assert secret not in seen


def test_what_has_failed_is_told_and_a_new_job_goes_on(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    """The line of the step that has failed stands in the condition; nothing that has ended runs twice."""
    said = f"echo reading {TOKEN}; echo no room for k0s >&2; test -e /var/tmp/mended"
    site.data(files=[{"path": "/var/tmp/token", "content": TOKEN}], commands=[counted("once"), said])
    site.cluster()
    site.machine("m", by_job(host))
    raw = site.waits("m", "StepFailed")
    told = condition(raw, "BootstrapExecSucceeded")["message"]
    assert told.startswith("step 3 of 5 failed: run runcmd[1]: echo …: no room for k0s (exit status 1)")
    _keeps_secrets(site, controller, executor)
    host.ssh("touch /var/tmp/mended", check=True)
    site.provisioned("m")
    assert count(host, "once") == 1
    assert len({job["metadata"]["name"] for job in executor.jobs.values()}) == len(executor.jobs) >= 2


@pytest.mark.usefixtures("standin")
def test_the_cleanup_of_k0s_by_a_job(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    """All phases of the role, with what they warn of, and the look at the host at the end."""
    site.data(commands=["touch /etc/k0s.token", "k0s install worker --token-file /etc/k0s.token", "k0s start"])
    site.cluster()
    site.machine("m", by_job(host, user="ops", useSudo=True), config="K0sWorkerConfig")
    site.provisioned("m")
    assert host.ssh("k0s status").returncode == 0
    site.delete("Machine", "m")
    site.gone("Machine", "m")
    left = "/var/lib/k0s /etc/k0s /run/k0s /etc/systemd/system/k0s* /var/lib/capra"
    assert host.ssh(f"ls -d {left} 2>/dev/null").stdout == ""
    assert any(call.startswith("reset") for call in host.k0s_calls())
    assert host.ssh(LEFT).stdout == ""


def test_an_unprivileged_user_becomes_root(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    site.data(commands=["test $(id -u) = 0", counted("bootstrap")])
    site.cluster()
    site.machine("m", by_job(host, user="ops", useSudo=True))
    site.provisioned("m")
    assert count(host, "bootstrap") == 1


def test_a_host_that_the_command_does_not_reach(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    spec = by_job(host)
    spec["provisionJob"]["sshCommand"] = "echo the proxy says no >&2; false"
    site.machine("m", spec)
    raw = site.waits("m", "Unreachable")
    assert "the proxy says no" in condition(raw, "BootstrapExecSucceeded")["message"]
    assert count(host, "bootstrap") == 0


def test_a_job_has_a_deadline(site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host) -> None:
    site.data(commands=[counted("slow", "sleep 60")])
    site.cluster()
    site.machine("m", by_job(host, deadline=6))
    site.waits("m", "TimedOut")
    assert executor.running == 0


def test_a_deletion_in_the_middle_ends_the_job_before_it_cleans(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    site.data(commands=[counted("slow", "sleep 60"), counted("after")])
    site.cluster()
    site.machine("m", by_job(host, cleanUpCommands=[counted("clean")]))
    site.until("the command runs", lambda: count(host, "slow") == 1)
    site.delete("Machine", "m")
    site.gone("RemoteMachine", "m", 55)
    assert (count(host, "clean"), count(host, "after")) == (1, 0)
    assert host.ssh("pgrep -x sleep").returncode != 0
    assert host.ssh(LEFT).stdout == ""


def test_a_controller_that_comes_anew_finds_the_job(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    site.data(commands=[counted("slow", "while ! test -e /var/tmp/go; do sleep 1; done")])
    site.cluster()
    site.machine("m", by_job(host))
    site.until("the command runs", lambda: count(host, "slow") == 1)
    controller.kill()
    controller.start()
    host.ssh("touch /var/tmp/go", check=True)
    site.provisioned("m")
    assert len(executor.jobs) == 1
    assert count(host, "slow") == 1


def test_a_connection_that_is_lost_is_taken_up_again(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    site.data(commands=[counted("slow", "while ! test -e /var/tmp/go; do sleep 1; done")])
    site.cluster()
    site.machine("m", by_job(host))
    site.until("the command runs", lambda: count(host, "slow") == 1)
    host.ssh("pkill -f '[s]h /.*capra-.*/start'; pkill -f '[s]shd.*notty'")
    host.ssh("touch /var/tmp/go", check=True)
    site.provisioned("m")
    assert (len(executor.jobs), count(host, "slow")) == (1, 1)
    assert host.ssh(LEFT).stdout == ""


def test_the_references_own_example_leaves_the_template_out(
    site: Site, controller: ControllerProcess, executor: JobExecutor, host: Host
) -> None:
    """Its guides have the Pod's spec where a JobSpec belongs, and a volume with what the command needs."""
    site.secret("identity-output", {"identity": Path(host.key_file).read_bytes()})
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    spec = by_job(host)
    mount = {"name": "identity-output", "mountPath": "/identity-output"}
    container = {"name": "teleport", "image": "registry.example.com/teleport:14", "volumeMounts": [mount]}
    volume = {"name": "identity-output", "secret": {"secretName": "identity-output"}}
    pod = {"containers": [container], "volumes": [volume], "restartPolicy": "Never"}
    spec["provisionJob"]["jobSpecTemplate"] = {"spec": pod}
    site.machine("m", spec)
    site.provisioned("m")
    [job] = executor.jobs.values()
    assert job["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] == "identity-output"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"provisionJob": {"jobSpecTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}}, "containers"),
        ({"pool": "p"}, "spec.provisionJob"),
        ({"hostKeys": ["SHA256:" + "A" * 43]}, "spec.hostKeys"),
    ],
)
def test_what_cannot_be_done_is_refused(
    site: Site, controller: ControllerProcess, host: Host, more: dict[str, Any], field: str
) -> None:
    site.data()
    site.cluster()
    site.machine("m", by_job(host) | more)
    raw = site.waits("m", "InvalidProvisionJob")
    assert field in condition(raw, "Ready")["message"]
