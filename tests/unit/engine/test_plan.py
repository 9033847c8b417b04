"""Decisions to run requests: variables, and secrets apart from them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from capra.bootstrap.steps import load_tasks, to_tasks
from capra.engine import plan, requests
from capra.engine.decisions import Cleanup
from capra.engine.holding import refused
from capra.engine.redaction.excerpt import titled
from capra.errors import InputError
from capra.model.bastion import Bastion
from capra.model.machine import (
    SENTINEL_ANNOTATION,
    TAKE_OVER_ANNOTATION,
    Ansible,
    BecomeMethod,
    CleanUp,
    Hook,
    HostKeyPolicy,
    TextSource,
)
from capra.model.observation import SSHCertificate, SSHKey
from capra.model.run import Playbook, RunRequest
from tests.unit.engine.examples import DATA, READY, SSH_KEY, TOKEN, observation

OPTIONS = requests.PlanOptions()
COMMON = {
    "output_bytes": 4096,
    "state_directory": "",
    "progress": True,
    "uid": "uid-1",
    "name": "default/m",
    "take_over": "",
}


def named(playbook: str, **values: object) -> dict[str, object]:
    return {f"{playbook}_{name}": value for name, value in (COMMON | values).items()} | {"use_sudo": False}


def assert_no_secret(request: RunRequest) -> None:
    shown = f"{request!r} {request} {json.dumps(dict(request.variables))}"
    for secret in (SSH_KEY, SSH_KEY.splitlines()[1], TOKEN, DATA.decode(), "become-pass"):
        assert secret not in shown


def test_restart_reaches_the_role() -> None:
    chosen = requests.PlanOptions(restart=True)
    assert plan.plan_bootstrap(READY, chosen).variables["bootstrap_restart"] is True
    assert "bootstrap_restart" not in plan.plan_bootstrap(READY, OPTIONS).variables


def test_bootstrap() -> None:
    request = plan.plan_bootstrap(READY, OPTIONS)
    assert request.playbook is Playbook.BOOTSTRAP
    assert request.variables == named(
        "bootstrap",
        timeout=3600,
        run_id=plan.bootstrap_run_id(READY),
        sentinel="/run/cluster-api/bootstrap-success.complete",
    )
    assert load_tasks(request.secrets.steps) == to_tasks(
        map(titled, plan.read_bootstrap(READY).steps), OPTIONS.sentinel
    )
    assert request.secrets.ssh_key == SSH_KEY
    assert request.secrets.become_password == "become-pass"
    assert TOKEN in request.secrets.hidden
    assert request.timeout == 3600.0
    assert request.ssh_config == "none"  # only the terminal says anything else
    assert_no_secret(request)


def test_what_a_host_is_offered() -> None:
    second = SSHKey("second", "Secret key: value-1", "opened", SSHCertificate("cert", "mine", 0, int(READY.now) + 60))
    ended = SSHKey("third", "Secret key: value-2", "never", SSHCertificate("t", "old", 0, 1))
    key = SSHKey("first", "Secret key", "plain", further=(second, ended), become_password="of the Secret")
    seen = observation(spec={"use_sudo": True, "become_method": BecomeMethod.SU}, ssh_key=key, become_password="")
    request = plan.plan_bootstrap(seen, OPTIONS)
    secrets = request.secrets
    assert (secrets.openssh_key, secrets.further_keys, secrets.given_keys) == ("plain", ("opened",), ("second",))
    assert secrets.certificates == ("", "cert")
    assert secrets.become_password == "of the Secret"
    assert (request.connection.become, request.connection.become_method) == (True, "su")
    assert [note.partition(": the")[0] for note in request.notes] == ["Secret key: value-1", "Secret key: value-2"]
    own = plan.plan_bootstrap(replace(seen, become_password="own"), OPTIONS)
    assert own.secrets.become_password == "own"
    nobody = plan.plan_bootstrap(observation(ssh_key=key, become_password=""), OPTIONS)
    assert nobody.secrets.become_password == ""


def test_a_password_to_log_in_with_is_warned_about() -> None:
    seen = observation(ssh_key=SSHKey("", "Secret key", login_password="word"))
    request = plan.plan_bootstrap(seen, OPTIONS)
    assert request.secrets.login_password == "word"
    [note] = request.notes
    assert note.startswith("Secret key has a password to log in with, which is the last resort")
    assert note.endswith("whoever answers for it first gets the password")
    pinned = observation(ssh_key=seen.ssh_key, record={"host_keys": ("ssh-ed25519 AAAA",)})
    assert plan.plan_bootstrap(pinned, OPTIONS).notes[0].endswith("give the host an SSH key")


def test_cleanups() -> None:
    request = plan.plan_cleanup(READY, Cleanup(custom=False, role="worker"), OPTIONS)
    assert request.playbook is Playbook.K0S_CLEANUP
    assert request.variables == named(
        "k0s_cleanup",
        timeout=900,
        request_id=str(READY.now),
        role="worker",
        data_dir="",
        binary="",
        sentinel="/run/cluster-api/bootstrap-success.complete",
    )
    assert request.secrets.steps == b""
    assert_no_secret(request)
    seen = observation(spec={"clean_up_commands": ("a", "b"), "use_sudo": True})
    request = plan.plan_cleanup(seen, Cleanup(custom=True), OPTIONS)
    assert request.playbook is Playbook.CUSTOM_CLEANUP
    assert request.variables["custom_cleanup_commands"] == ["a", "b"]
    assert request.variables["use_sudo"] is True
    assert request.connection.become is True
    assert_no_secret(request)


def test_data_that_makes_no_sentinel_is_judged_by_its_commands() -> None:
    seen = observation(machine={"annotations": {SENTINEL_ANNOTATION: "none"}})
    request = plan.plan_bootstrap(seen, OPTIONS)
    assert request.variables["bootstrap_sentinel"] == ""
    assert [step["kind"] for step in load_tasks(request.secrets.steps)][-1] != "sentinel"
    assert [step["kind"] for step in load_tasks(plan.plan_bootstrap(READY, OPTIONS).secrets.steps)][-1] == "sentinel"


@pytest.mark.parametrize("value", ["", "None", "/run/x"])
def test_another_sentinel_is_refused(value: str) -> None:
    seen = observation(machine={"annotations": {SENTINEL_ANNOTATION: value}})
    with pytest.raises(InputError, match=rf"{SENTINEL_ANNOTATION}\]: {value!r} is not known: `none` is"):
        plan.plan_bootstrap(seen, OPTIONS)


@pytest.mark.parametrize("distribution", ["kubeadm", "rke2", "k3s"])
def test_the_cleanup_of_another_distribution(distribution: str) -> None:
    request = plan.plan_cleanup(READY, Cleanup(custom=False, distribution=distribution), OPTIONS)
    role = f"{distribution}_cleanup"
    assert request.playbook == role
    assert request.variables == named(
        role, timeout=900, request_id=str(READY.now), sentinel="/run/cluster-api/bootstrap-success.complete"
    )


@pytest.mark.parametrize(
    ("custom", "clean_up", "strict", "binding"),
    [
        (False, CleanUp.VERIFY, False, "all"),
        (False, CleanUp.NONE, True, "none"),
        (True, CleanUp.DEFAULT, False, "running"),
        (True, CleanUp.VERIFY, False, "running"),
        (True, CleanUp.VERIFY, True, "all"),
        (True, CleanUp.NONE, True, "none"),
    ],
)
def test_what_a_cleanup_without_a_distributions_own_looks_for(
    custom: bool, clean_up: CleanUp, strict: bool, binding: str
) -> None:
    seen = observation(spec={"clean_up_commands": ("a",)})
    options = requests.PlanOptions(verify_custom_cleanup=strict)
    request = plan.plan_cleanup(seen, Cleanup(custom=custom, clean_up=clean_up), options)
    assert request.playbook is Playbook.CUSTOM_CLEANUP
    assert request.variables["custom_cleanup_commands"] == (["a"] if custom else [])
    assert request.variables["custom_cleanup_verify"] == binding


@pytest.mark.parametrize(("pool", "binding"), [("", "nothing"), ("p", "all")])
def test_a_machine_of_no_pool_is_not_held_by_what_is_not_removed(pool: str, binding: str) -> None:
    seen = observation(spec={"pool": pool}, finalizer=True)
    request = plan.plan_cleanup(seen, Cleanup(custom=False, clean_up=CleanUp.VERIFY), OPTIONS)
    assert request.variables["custom_cleanup_verify"] == binding


def test_preflight_and_options() -> None:
    options = requests.PlanOptions(check=True, diff=True, artifacts="/a", state_directory="/s")
    request = requests.plan_preflight(observation(ssh_key=None), options)
    assert request.variables == {"preflight_fail_on_error": False, "use_sudo": False}
    hooks = Ansible(before_clean_up=(Hook("h", TextSource("file", "a.yml")),))
    assert requests.plan_preflight(observation(spec={"ansible": hooks}), options).variables["preflight_python"] is True
    assert (request.check, request.diff, request.artifacts, request.secrets.ssh_key) == (True, True, "/a", "")
    assert plan.plan_bootstrap(READY, options).variables["bootstrap_state_directory"] == "/s"


def test_keys_pinned_in_the_spec_count_first() -> None:
    seen = observation(record={"host_keys": ("ssh-ed25519 AAAA",)})
    assert requests.connection(seen).host_keys == ("ssh-ed25519 AAAA",)
    seen = observation(record={"host_keys": ("ssh-ed25519 AAAA",)}, spec={"host_keys": ("ssh-ed25519 BBBB",)})
    assert requests.connection(seen).host_keys == ("ssh-ed25519 BBBB",)


def test_what_cannot_be_planned() -> None:
    with pytest.raises(InputError, match="no bootstrap data"):
        plan.plan_bootstrap(observation(bootstrap=None), OPTIONS)
    with pytest.raises(InputError, match="Secret m-data"):
        plan.plan_bootstrap(observation(bootstrap={"data": b"\xff\xfe"}), OPTIONS)
    assert (
        plan.bootstrap_digest(observation(bootstrap=None)) == plan.bootstrap_run_id(observation(bootstrap=None)) == ""
    )


def test_run_ids() -> None:
    first = plan.bootstrap_run_id(READY)
    assert re.fullmatch(r"bootstrap-[0-9a-f]{20}", first)
    assert plan.bootstrap_run_id(READY) == first
    others = {
        plan.bootstrap_run_id(observation(machine={"uid": "uid-2"})),
        plan.bootstrap_run_id(observation(bootstrap={"data": DATA + b"#"})),
        plan.bootstrap_run_id(observation(spec={"commands_as_script": True})),
    }
    assert len(others | {first}) == 4


def test_cancel() -> None:
    request = plan.plan_cancel(READY, OPTIONS)
    assert request.variables["bootstrap_state"] == "cancelled"
    assert (request.playbook, request.timeout) == (Playbook.BOOTSTRAP, 60.0)


def test_whom_the_host_is_taken_over_from() -> None:
    annotated = observation(machine={"annotations": {TAKE_OVER_ANNOTATION: "uid-9"}})
    chosen = requests.PlanOptions(take_over="default/other")
    for cleanup in (Cleanup(custom=False, role="worker"), Cleanup(custom=True)):
        names = ("k0s_cleanup_take_over", "custom_cleanup_take_over")
        told = plan.plan_cleanup(annotated, cleanup, OPTIONS).variables
        assert [told[name] for name in names if name in told] == ["uid-9"]
        told = plan.plan_cleanup(annotated, cleanup, chosen).variables
        assert [told[name] for name in names if name in told] == ["default/other"]
    assert plan.plan_bootstrap(annotated, OPTIONS).variables["bootstrap_take_over"] == "uid-9"


def test_the_host_knows_a_moved_machine_by_its_first_uid() -> None:
    moved = observation(machine={"uid": "uid-2"}, record={"uid": "uid-1"})
    assert plan.plan_bootstrap(moved, OPTIONS).variables["bootstrap_uid"] == "uid-1"
    cleanup = plan.plan_cleanup(moved, Cleanup(custom=False), OPTIONS)
    assert cleanup.variables["k0s_cleanup_uid"] == "uid-1"


@pytest.mark.parametrize("asked", [False, True])
def test_nobody_is_shown_content_who_did_not_ask_for_it(asked: bool) -> None:
    options = requests.PlanOptions(diff=True) if asked else requests.PlanOptions()
    assert plan.plan_bootstrap(READY, options).diff is asked


def test_bastions_of_a_run() -> None:
    """Keys pinned in spec count before those that were seen, and a bastion without a key takes the machine's."""
    chain = Bastion("b", host_keys=("pinned",), bastion=Bastion("c", 2222, "jump", "other", bastion=Bastion("d")))
    machine = replace(READY.machine, spec=replace(READY.machine.spec, bastion=chain))
    record = replace(READY.record, bastion_keys=("b seen", "[c]:2222 seen"))
    keys = (None, SSHKey("given other", openssh="other"), None)
    request = plan.plan_bootstrap(replace(READY, machine=machine, record=record, bastion_keys=keys), OPTIONS)
    assert request.connection.bastions == (
        Bastion("b", host_keys=("pinned",)),
        Bastion("c", 2222, "jump", "other", ("seen",)),
        Bastion("d"),
    )
    own = request.secrets.openssh_key
    assert request.secrets.bastion_keys == (own, "other", own)
    assert "given other" in request.secrets.given_keys
    assert_no_secret(request)
    annotation = "capra.infrastructure.cluster.x-k8s.io/bastion-host-keys-"
    assert request.accept_bastion_keys[0] == "put it in spec.bastion.hostKeys"
    assert request.accept_bastion_keys[1] == f"kubectl annotate remotemachine m --namespace default {annotation}"
    terminal = plan.plan_bootstrap(replace(READY, machine=machine), replace(OPTIONS, one_owner=True))
    assert terminal.accept_bastion_keys[1:] == ("", "")
    assert terminal.accept_host_key == "put it in spec.hostKeys", "capra trust knows no way through a bastion"


def test_with_the_strict_policy_every_key_on_the_way_has_to_be_known() -> None:
    strict = replace(OPTIONS, host_key_policy=HostKeyPolicy.STRICT)
    known = replace(READY, record=replace(READY.record, host_keys=("ssh-ed25519 AAAA",)))
    assert plan.plan_bootstrap(known, strict).connection.host_keys
    with pytest.raises(InputError, match=r"no key of the host is known") as caught:
        plan.plan_bootstrap(READY, strict)
    assert (caught.value.field, caught.value.reason) == ("spec.hostKeys", "HostKeyNotPinned")
    chain = Bastion("b", host_keys=("pinned",), bastion=Bastion("c"))
    behind = replace(known, machine=replace(READY.machine, spec=replace(READY.machine.spec, bastion=chain)))
    with pytest.raises(InputError, match=r"no key of the bastion is known") as caught:
        plan.plan_bootstrap(behind, strict)
    assert caught.value.field == "spec.bastion.bastion.hostKeys"


def test_a_bastion_is_offered_the_first_key_that_is_valid_now() -> None:
    chain = Bastion("b", bastion=Bastion("c", ssh_key_name="other"))
    valid, ended = SSHCertificate("cert", "mine"), SSHCertificate("old", "mine", 0, 1)
    own = SSHKey("own", openssh="plain own", certificate=valid)
    other = SSHKey("ended", openssh="x", certificate=ended, further=(SSHKey("other", openssh="plain other"),))
    seen = observation(spec={"bastion": chain}, ssh_key=own, bastion_keys=(None, other))
    secrets = plan.plan_bootstrap(seen, OPTIONS).secrets
    assert secrets.bastion_keys == ("plain own", "plain other")
    assert secrets.bastion_certificates == ("cert", "")
    assert secrets.given_keys == ("own", "other")


def test_a_bastion_without_a_valid_key_is_refused_before_anything_is_contacted() -> None:
    ended = SSHKey("ended", "Secret other", "x", SSHCertificate("old", "mine", 0, 1))
    chain = Bastion("b", bastion=Bastion("c", ssh_key_name="other"))
    found = refused(observation(spec={"bastion": chain}, bastion_keys=(None, ended)))
    assert found is not None
    assert (found.reason, found.field) == ("SSHCertificateExpired", "spec.bastion.bastion.sshKeyRef.name")
    assert refused(observation(spec={"bastion": chain}, bastion_keys=(None, SSHKey("k", openssh="k")))) is None
