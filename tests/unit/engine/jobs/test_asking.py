"""Which Jobs can be asked for, and which one carries a run out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capra.engine.decide import decide
from capra.engine.decisions import Bootstrap, Cleanup, Keep, Refuse, Release
from capra.engine.jobs.asking import containers_of
from capra.engine.plan import plan_bootstrap, plan_bootstrap_or_facts, plan_cleanup_or_look
from capra.engine.requests import PlanOptions
from capra.errors import InputError
from capra.model.bastion import Bastion
from capra.model.jobs.job import ProvisionJob
from capra.model.machine import ADOPT_ANNOTATION, RUN_PLAYBOOK_ANNOTATION, BecomeMethod, HostKeyPolicy, MachineSpec
from capra.model.observation import BootstrapData, Observation, Phase, Record
from tests.unit.engine.examples import READY, asked_playbook

CONTAINER = {"name": "ssh", "image": "i"}
JOB = ProvisionJob(template={"spec": {"template": {"spec": {"containers": [CONTAINER]}}}})
NEW = Record()
SPEC = MachineSpec(address="192.0.2.7", provision_job=JOB)


def by_job(record: Record = NEW, **spec: Any) -> Observation:
    """A machine that is ready to be provisioned by a Job."""
    machine = replace(READY.machine, spec=replace(SPEC, **spec))
    return replace(READY, machine=machine, record=record, ssh_key=None, become_password="")


def test_no_key_is_needed() -> None:
    assert decide(by_job()) == Bootstrap()
    request = plan_bootstrap(by_job(), PlanOptions(host_key_policy=HostKeyPolicy.STRICT))
    assert request.connection.job is not None
    assert request.connection.job.asked == JOB


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"pool": "p"}, "spec.provisionJob"),
        ({"bastion": Bastion("192.0.2.1")}, "spec.bastion"),
        ({"host_keys": ("SHA256:x",)}, "spec.hostKeys"),
        ({"use_sudo": True, "become_secret": "s", "become_key": "value"}, "spec.becomePasswordRef"),
        ({"use_sudo": True, "become_method": BecomeMethod.SU}, "spec.becomeMethod"),
        ({"provision_job": replace(JOB, ssh_command=" ")}, "spec.provisionJob.sshCommand"),
        ({"provision_job": replace(JOB, scp_command="scp\nx")}, "spec.provisionJob.scpCommand"),
        ({"provision_job": ProvisionJob()}, "spec.provisionJob.jobSpecTemplate.spec.template.spec.containers"),
    ],
)
def test_what_a_job_cannot_do_is_refused(spec: dict[str, Any], field: str) -> None:
    decision = decide(by_job(**spec))
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.field) == ("InvalidProvisionJob", field)


def templated(**spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [CONTAINER]}}, **spec}}


@pytest.mark.parametrize(
    ("template", "field"),
    [
        (templated(suspend=True), "spec.suspend"),
        (templated(managedBy="example.com/queue"), "spec.managedBy"),
        (templated(podFailurePolicy={"rules": []}), "spec.podFailurePolicy"),
        (templated(podReplacementPolicy="Failed"), "spec.podReplacementPolicy"),
        (templated(successPolicy={"rules": []}), "spec.successPolicy"),
        (templated(completionMode="Indexed"), "spec.completionMode"),
        (templated(selector={}), "spec.selector"),
        (templated(manualSelector=True), "spec.manualSelector"),
        (templated(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds"),
        (templated(activeDeadlineSeconds=True), "spec.activeDeadlineSeconds"),
        (templated(ttlSecondsAfterFinished="x"), "spec.ttlSecondsAfterFinished"),
        (templated() | {"metadata": 5}, "metadata"),
        (templated() | {"metadata": {"labels": "x"}}, "metadata.labels"),
        (templated() | {"metadata": {"annotations": 7}}, "metadata.annotations"),
        (
            templated(template={"metadata": {"labels": {"a": 1}}, "spec": {"containers": [CONTAINER]}}),
            "spec.template.metadata.labels",
        ),
        (
            templated(template={"spec": {"containers": [CONTAINER], "volumes": 5}}),
            "spec.template.spec.volumes",
        ),
        ({"spec": {"containers": [CONTAINER], "volumes": ["x"]}}, "spec.volumes"),
        (
            templated(template={"spec": {"containers": [CONTAINER | {"volumeMounts": 5}]}}),
            "spec.template.spec.containers[0].volumeMounts",
        ),
    ],
)
def test_a_template_of_which_no_job_can_be_made_is_refused(template: dict[str, Any], field: str) -> None:
    decision = decide(by_job(provision_job=replace(JOB, template=template)))
    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.field) == ("InvalidProvisionJob", f"spec.provisionJob.jobSpecTemplate.{field}")


def test_what_changes_nothing_may_stand_there() -> None:
    spec = {"suspend": False, "completionMode": "NonIndexed", "selector": None, "activeDeadlineSeconds": 5}
    assert decide(by_job(provision_job=replace(JOB, template=templated(**spec)))) == Bootstrap()


@pytest.mark.parametrize("annotation", [ADOPT_ANNOTATION, RUN_PLAYBOOK_ANNOTATION])
def test_annotations_that_need_ssh_are_refused(annotation: str) -> None:
    record = NEW if annotation == ADOPT_ANNOTATION else Record(phase=Phase.PROVISIONED)
    seen = by_job(record)
    asked = asked_playbook() if annotation == RUN_PLAYBOOK_ANNOTATION else None
    machine = replace(seen.machine, annotations={annotation: "Adopt"})
    decision = decide(replace(seen, machine=machine, playbook=asked))
    refusal = decision.playbook if isinstance(decision, Keep) else decision
    assert isinstance(refusal, Refuse)
    assert refusal.field == f"metadata.annotations[{annotation}]"


def test_what_was_never_begun_is_let_go_all_the_same() -> None:
    seen = by_job(pool="p")
    assert isinstance(decide(replace(seen, machine=replace(seen.machine, deleting=True))), Release)


@pytest.mark.parametrize(
    ("template", "count"),
    [
        (JOB.template, 1),
        ({"spec": {"containers": [CONTAINER, CONTAINER]}}, 2),  # as the reference's guides have it
        ({"spec": {"template": {}}}, 0),
        ({"spec": {"template": {"spec": {"containers": "x"}}}}, 0),
        ({"spec": {"containers": ["x"]}}, 0),
        ({"spec": 7}, 0),
        ({}, 0),
    ],
)
def test_containers(template: dict[str, Any], count: int) -> None:
    assert len(containers_of(template)) == count


def _name(seen: Observation) -> str:
    job = plan_bootstrap(seen, PlanOptions()).connection.job
    assert job is not None
    return job.name


def test_the_same_attempt_has_the_same_job_and_the_next_one_another() -> None:
    first = _name(by_job())
    begun = Record(phase=Phase.BOOTSTRAPPING, uid="uid-1", changed_at=7.0)
    assert _name(by_job(begun)) == first
    failed = replace(begun, attempts=1, not_before=12.0)
    assert _name(by_job(failed)) not in {first, _name(by_job(replace(failed, not_before=13.0)))}
    assert first.startswith("m-")
    assert (
        _name(by_job(provision_job=replace(JOB, template={**JOB.template, "metadata": {"name": "Site.Job"}})))[:9]
        == "site-job-"
    )


def test_a_cleanup_that_has_begun_has_the_job_that_it_began_with() -> None:
    failed = Record(phase=Phase.BOOTSTRAPPING, uid="uid-1", attempts=3, not_before=1010.0, reason="StepFailed")
    begun = replace(failed, phase=Phase.CLEANING, attempts=0, not_before=0.0, reason="", cleaning_since=READY.now)
    decision = Cleanup(custom=False)
    plans = [plan_cleanup_or_look(by_job(record), decision, PlanOptions()) for record in (failed, begun)]
    assert len({plan.connection.job.name for plan in plans if plan.connection.job}) == 1


def test_a_host_is_not_asked_beforehand() -> None:
    data = BootstrapData(b"## template: jinja\n#cloud-config\nruncmd: ['echo {{ v1.distro }}']\n", source="Secret d")
    with pytest.raises(InputError, match=r"cannot ask the host"):
        plan_bootstrap_or_facts(replace(by_job(), bootstrap=data), PlanOptions())
