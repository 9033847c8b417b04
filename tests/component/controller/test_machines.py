"""RemoteMachines with an address of their own: provisioned, waiting, deleted."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from capra.kube.client.resources import FINALIZER, POOLED_REMOTE_MACHINES, REMOTE_MACHINES, SECRETS
from capra.model.machine import GIVE_UP_ANNOTATION, MANAGED_BY_ANNOTATION, PAUSED_ANNOTATION
from capra.model.run import Playbook
from capra.testing import stepped
from tests.component.controller.world import (
    CLUSTERS,
    DATA,
    MACHINES,
    SSH_KEY,
    World,
    condition,
    connected,
    is_provisioned,
)
from tests.controlplane import ControlPlane
from tests.support.waiting import holds_soon

ADDRESS = "192.0.2.10"
SPEC: dict[str, Any] = {"address": ADDRESS, "sshKeyRef": {"name": "key"}}


async def test_provisioned_told_in_both_versions_and_deleted(world: World) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", SPEC | {"useSudo": True, "user": "ops"}, kind="K0sWorkerConfig")
        raw = await world.provisioned("m")
        assert raw["spec"]["providerID"] == f"remote-machine://{ADDRESS}:22"
        assert raw["metadata"]["finalizers"] == [FINALIZER]
        status = raw["status"]
        assert status["addresses"] == [
            {"type": "ExternalIP", "address": ADDRESS},
            {"type": "Hostname", "address": f"host-{ADDRESS}"},
        ]
        assert condition(raw, "Ready")["status"] == condition(raw, "BootstrapExecSucceeded")["status"] == "True"
        assert condition(raw, "Paused")["status"] == "False"
        assert condition(raw, "SSHReachable")["status"] == "True"
        assert "failureReason" not in status
        (request,) = world.hosts.requests
        assert request.connection.become
        assert request.connection.user == "ops"

        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].cleanups == 1
        assert world.hosts.requests[1].variables["k0s_cleanup_role"] == "worker"
        reasons = ["BootstrapStarted", "BootstrapSucceeded", "CleanupStarted", "CleanupSucceeded"]
        assert await world.events("m", *reasons) == reasons


async def test_each_wait_says_what_for_and_ends_by_itself(world: World) -> None:
    await world.cluster("c", ready=False)
    async with world.controller():
        await world.create(REMOTE_MACHINES, "m", SPEC)
        await world.waits("m", "WaitingForMachine")
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")

        await world.machine("n", SPEC | {"sshKeyRef": {"name": "other-key"}}, data=None)
        await world.waits("n", "WaitingForInfrastructure", "infrastructure of c")
        await world.infrastructure_ready()
        await world.waits("n", "SSHKeyNotFound", f"Secret other-key with key 'value' was not found in {'namespace'}")
        await world.secret("other-key", SSH_KEY)
        await world.waits("n", "WaitingForBootstrapData", "spec.bootstrap.dataSecretName of Machine n")
        await world.patch(MACHINES, "n", {"spec": {"bootstrap": {"dataSecretName": "other-data"}}})
        await world.waits("n", "WaitingForBootstrapData", "Secret other-data with key 'value'")
        assert not world.hosts.requests
        await world.secret("other-data", DATA)
        await world.provisioned("n")


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"address": ""}, "MissingFields", "spec.address is required"),
        ({"sshKeyRef": {"name": ""}}, "MissingFields", "spec.sshKeyRef.name is required"),
        ({"port": 0}, "InvalidInput", "spec.port must be between 1 and 65535, but is 0"),
        ({"address": "192.0.2.300"}, "InvalidInput", "spec.address looks like an IPv4 address and is none"),
        (
            {"provisionJob": {"sshCommand": "ssh"}},
            "InvalidProvisionJob",
            "spec.template.spec.containers has no container",
        ),
    ],
)
async def test_bad_input_is_named_and_mended(world: World, change: dict[str, Any], reason: str, message: str) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", SPEC | change)
        raw = await world.waits("m", reason, message)
        assert raw["status"]["failureReason"] in {"MissingFields", "ProvisionFailed"}
        assert message in raw["status"]["failureMessage"]
        assert raw["status"]["deprecated"]["v1beta1"]["failureReason"] == raw["status"]["failureReason"]
        assert not world.hosts.requests
        await world.patch(REMOTE_MACHINES, "m", {"spec": {"provisionJob": None, "port": 22} | SPEC})
        raw = await world.provisioned("m")
        assert "failureReason" not in raw["status"]
        assert not raw["status"].get("deprecated", {}).get("v1beta1")


async def test_bootstrap_data_that_cannot_be_carried_out(world: World) -> None:
    await world.cluster()
    await world.secret("bad", "#cloud-config\nruncmd: 7\n")
    async with world.controller():
        await world.machine("m", SPEC, data="bad")
        raw = await world.until(REMOTE_MACHINES, "m", lambda raw: bool((raw.get("status") or {}).get("failureReason")))
        assert "Secret" in condition(raw, "Ready")["message"]
        assert "runcmd" in condition(raw, "Ready")["message"]
        assert not world.hosts.requests


async def test_a_failed_bootstrap_is_told_and_tried_again(world: World) -> None:
    await world.cluster()
    world.hosts.fail(ADDRESS, stepped(message="step 1 of 1 (k0s install) failed with status 2: no space left"))
    async with world.controller():
        await world.machine("m", SPEC)
        raw = await world.waits("m", "StepFailed", "no space left")
        assert condition(raw, "BootstrapExecSucceeded")["reason"] == "InternalError"
        assert raw["status"]["failureReason"] == "ProvisionFailed"
        assert raw["status"]["phase"] == "Failed"
        raw = await world.provisioned("m")
        assert "failureReason" not in raw["status"]
        await world.events("m", "BootstrapFailed")


@pytest.mark.parametrize(
    ("kind", "variables"),
    [
        ("K0sControllerConfig", {"k0s_cleanup_role": "controller"}),
        ("K0sWorkerConfig", {"k0s_cleanup_role": "worker"}),
        ("KubeadmConfig", {"custom_cleanup_commands": [], "custom_cleanup_verify": "nothing"}),
    ],
)
async def test_the_cleanup_fits_the_bootstrap_provider(world: World, kind: str, variables: dict[str, object]) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", SPEC, kind=kind)
        await world.provisioned("m")
        # The Machine, the Cluster and the bootstrap data may go first: nothing of it is needed to clean.
        await world.delete(MACHINES, "m")
        await world.delete(CLUSTERS, "c")
        await asyncio.sleep(0.2)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        given = world.hosts.requests[-1].variables
        assert {name: given.get(name) for name in variables} == variables


async def test_deleted_in_the_middle_of_a_bootstrap(world: World) -> None:
    await world.cluster()
    world.hosts[ADDRESS].hung = True
    async with world.controller():
        await world.machine("m", SPEC)
        await world.bootstrapping("m")
        await world.delete(REMOTE_MACHINES, "m")
        # The bootstrap is let go of at once, although it hangs.
        await holds_soon(lambda: len(world.hosts.requests) == 2, "the cleanup has begun")
        world.hosts[ADDRESS].hung = False
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].cleanups == 1
        assert not world.hosts.violations


async def test_deleted_before_anything_was_contacted(world: World) -> None:
    await world.cluster(ready=False)
    async with world.controller():
        await world.machine("m", SPEC)
        await world.waits("m", "WaitingForInfrastructure")
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        assert not world.hosts.requests


async def test_deleted_while_it_fails(world: World) -> None:
    await world.cluster()
    world.hosts.fail(ADDRESS)
    async with world.controller():
        await world.machine("m", SPEC)
        await world.waits("m", "StepFailed")
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].cleanups == 1


async def test_a_failed_cleanup_keeps_the_machine_until_an_operator_gives_it_up(world: World) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", SPEC)
        await world.provisioned("m")
        world.hosts.fail(ADDRESS, *[stepped()] * 9)
        await world.delete(REMOTE_MACHINES, "m")
        raw = await world.until(
            REMOTE_MACHINES, "m", lambda raw: condition(raw, "CleanupSucceeded").get("reason") == "StepFailed"
        )
        assert raw["metadata"]["finalizers"] == [FINALIZER]
        assert raw["status"]["phase"] == "Cleaning"
        await world.annotate(REMOTE_MACHINES, "m", {GIVE_UP_ANNOTATION: ""})
        await world.until_gone(REMOTE_MACHINES, "m")
        await world.events("m", "CleanupGivenUp")


async def test_a_cleanup_is_given_up_after_its_time(world: World) -> None:
    await world.cluster()
    async with world.controller(cleanup_timeout=1.0):
        await world.machine("m", SPEC)
        await world.provisioned("m")
        world.hosts.fail(ADDRESS, *[stepped()] * 9)
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        await world.events("m", "CleanupGivenUp")


@pytest.mark.parametrize(("limit", "passed"), [(600.0, 0.0), (1800.0, 1000.0)])
async def test_a_clock_that_is_set_gives_no_cleanup_up(world: World, limit: float, passed: float) -> None:
    await world.cluster()
    ahead = 0.0
    async with world.controller(cleanup_timeout=limit, clock=lambda: time.time() + ahead) as process:
        await world.machine("m", SPEC)
        await world.provisioned("m")
        world.hosts.fail(ADDRESS, stepped())
        await world.delete(REMOTE_MACHINES, "m")
        await world.until(
            REMOTE_MACHINES, "m", lambda raw: condition(raw, "CleanupSucceeded").get("reason") == "StepFailed"
        )
        ahead = 7200.0
        process.controller._machines._monotonic = lambda: time.monotonic() + passed
        await world.annotate(REMOTE_MACHINES, "m", {"looked": "at"})
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].cleanups == 1
        assert "CleanupGivenUp" not in await world.events("m", "CleanupSucceeded")


async def test_deleted_without_its_key(world: World) -> None:
    """Nobody can get at the host: said so, and given up in the end."""
    await world.cluster()
    await world.secret("own-key", SSH_KEY)
    async with world.controller(cleanup_timeout=2.0):
        await world.machine("m", SPEC | {"sshKeyRef": {"name": "own-key"}})
        await world.provisioned("m")
        await world.api.delete(SECRETS, world.namespace, "own-key")
        # It is held until the host is clean. Somebody takes it away all the same.
        await world.patch(SECRETS, "own-key", {"metadata": {"finalizers": []}})
        await world.until_gone(SECRETS, "own-key")
        await world.delete(REMOTE_MACHINES, "m")
        await world.waits("m", "SSHKeyNotFound")
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].cleanups == 0
        await world.events("m", "CleanupGivenUp")


async def test_paused_by_cluster_and_by_annotation(world: World) -> None:
    await world.cluster(paused=True)
    async with world.controller():
        await world.machine("m", SPEC, annotations={PAUSED_ANNOTATION: ""})
        both = "Cluster spec.paused is set to true, RemoteMachine has the cluster.x-k8s.io/paused annotation"
        # Each kind has a watch of its own: the Cluster may be seen last.
        await world.until(REMOTE_MACHINES, "m", lambda raw: condition(raw, "Paused").get("message") == both)
        await world.patch(CLUSTERS, "c", {"spec": {"paused": False}})
        await world.waits("m", "Paused", "RemoteMachine has")
        assert not world.hosts.requests
        await world.annotate(REMOTE_MACHINES, "m", {PAUSED_ANNOTATION: None})
        await world.provisioned("m")
        await world.patch(CLUSTERS, "c", {"spec": {"paused": True}})
        await world.until(REMOTE_MACHINES, "m", lambda raw: condition(raw, "Paused").get("status") == "True")
        await world.delete(REMOTE_MACHINES, "m")
        await asyncio.sleep(0.5)
        assert condition(await world.get(REMOTE_MACHINES, "m"), "Paused").get("status") == "True"
        assert world.hosts[ADDRESS].cleanups == 0
        await world.patch(CLUSTERS, "c", {"spec": {"paused": False}})
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].cleanups == 1


async def test_externally_managed_is_left_alone(world: World) -> None:
    await world.cluster()
    async with world.controller():
        made = await world.machine("m", SPEC, annotations={MANAGED_BY_ANNOTATION: "others"})
        await world.machine("n", SPEC | {"address": "192.0.2.11"})
        await world.provisioned("n")
        raw = await world.get(REMOTE_MACHINES, "m")
        assert raw["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_watch_filter_and_namespace(world: World) -> None:
    await world.cluster()
    label = "cluster.x-k8s.io/watch-filter"
    async with world.controller(watch_filter="mine"):
        await world.machine("other", SPEC, labels={label: "others"})
        await world.machine("unlabelled", SPEC | {"address": "192.0.2.11"})
        await world.machine("mine", SPEC | {"address": "192.0.2.12"}, labels={label: "mine"})
        await world.provisioned("mine")
        for name in ("other", "unlabelled"):
            raw = await world.get(REMOTE_MACHINES, name)
            assert "status" not in raw
            assert "finalizers" not in raw["metadata"]


async def test_other_namespaces_are_left_alone(world: World, shared_control_plane: ControlPlane) -> None:
    async with connected(str(shared_control_plane.kubeconfig), shared_control_plane.namespace()) as other:
        await other.secrets()
        await other.cluster()
        made = await other.machine("m", SPEC)
        await other.entry("e", ADDRESS)
        await world.cluster()
        async with world.controller():
            await world.machine("n", {**SPEC, "address": "192.0.2.11"})
            await world.provisioned("n")
            raw = await other.get(REMOTE_MACHINES, "m")
            assert raw["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
            assert "status" not in await other.get(POOLED_REMOTE_MACHINES, "e")


async def test_a_status_that_was_lost_comes_back_without_a_run(world: World) -> None:
    """After a restore, or an object of the reference: a provider ID and nothing else."""
    await world.cluster()
    async with world.controller():
        await world.machine("m", SPEC | {"providerID": f"remote-machine://{ADDRESS}:22"}, finalizers=[FINALIZER])
        raw = await world.provisioned("m")
        assert condition(raw, "Ready")["status"] == "True"
        assert not world.hosts.requests
        assert await world.events("m", "Adopted") == ["Adopted"]
        await world.delete(REMOTE_MACHINES, "m")
        await world.until_gone(REMOTE_MACHINES, "m")
        assert world.hosts[ADDRESS].cleanups == 1


async def test_two_machines_do_not_share_a_host(world: World) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", SPEC)
        await world.provisioned("m")
        await world.machine("n", SPEC)
        await world.waits("n", "HostInUse", f"RemoteMachine {world.namespace}/m uses the host")
        await world.delete(REMOTE_MACHINES, "m")
        await world.provisioned("n")
        assert world.hosts[ADDRESS].cleanups == 1
        assert not world.hosts.violations


async def test_no_more_runs_at_once_than_allowed_and_cleanups_first(world: World) -> None:
    await world.cluster()
    async with world.controller(concurrency=1):
        await world.machine("a", SPEC)
        await world.provisioned("a")
        world.hosts["192.0.2.11"].hung = True
        await world.machine("b", SPEC | {"address": "192.0.2.11"})
        await world.bootstrapping("b")
        await world.machine("c", SPEC | {"address": "192.0.2.12"})
        await world.waits("c", "WaitingForRun", "waiting for one of 1 runs to end")
        await world.delete(REMOTE_MACHINES, "a")
        await world.waits("a", "WaitingForRun")
        world.hosts["192.0.2.11"].hung = False
        await world.until_gone(REMOTE_MACHINES, "a")
        await world.provisioned("c")
        ran = [one for one in world.hosts.requests if one.playbook is not Playbook.PREFLIGHT]
        assert [one.connection.address for one in ran] == [ADDRESS, "192.0.2.11", ADDRESS, "192.0.2.12"]


async def test_a_restart_runs_nothing_again(world: World) -> None:
    await world.cluster()
    async with world.controller():
        await world.machine("m", SPEC)
        await world.provisioned("m")
    version = (await world.get(REMOTE_MACHINES, "m"))["metadata"]["resourceVersion"]
    async with world.controller() as process:
        await holds_soon(lambda: process.controller.queue.idle, "everything has been looked at")
        assert is_provisioned(await world.get(REMOTE_MACHINES, "m"))
    assert (await world.get(REMOTE_MACHINES, "m"))["metadata"]["resourceVersion"] == version
    assert len(world.hosts.requests) == 1


async def test_a_run_in_progress_is_taken_up_after_a_restart(world: World) -> None:
    await world.cluster()
    world.hosts[ADDRESS].hung = True
    async with world.controller():
        await world.machine("m", SPEC)
        await world.bootstrapping("m")
        raw = await world.get(REMOTE_MACHINES, "m")
        assert "clusterctl.cluster.x-k8s.io/block-move" in raw["metadata"]["annotations"]
    world.hosts[ADDRESS].hung = False
    async with world.controller():
        raw = await world.provisioned("m")
        assert "clusterctl.cluster.x-k8s.io/block-move" not in raw["metadata"]["annotations"]
    first, second = world.hosts.requests
    assert first.variables["bootstrap_uid"] == second.variables["bootstrap_uid"]
    assert not world.hosts.violations
