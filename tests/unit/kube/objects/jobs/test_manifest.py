"""The Job of a template, and what its end tells."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.objects.jobs.manifest import end_of, to_job, to_provision_job, to_secret
from capra.model.jobs.job import JobEnd, JobOrder

CONTAINER = {"name": "ssh", "image": "i", "env": [{"name": "A", "value": "b"}], "volumeMounts": [{"name": "v"}]}


def order(template: dict[str, Any]) -> JobOrder:
    return JobOrder("ns", "m", "u", "m-1", template, {"session": b"secret", "k0smotron-entrypoint.sh": b"#!"}, 60)


def test_the_first_container_runs_the_entrypoint() -> None:
    pod = {"restartPolicy": "OnFailure", "containers": [CONTAINER, {"name": "b"}], "volumes": [{"name": "v"}]}
    given = {"backoffLimit": 6, "completions": 4, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod}}
    job = to_job(order({"metadata": {"labels": {"c": "d"}, "namespace": "other", "name": "x"}, "spec": given}))
    spec = job["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["activeDeadlineSeconds"]) == (0, 1, 360)
    assert (job["metadata"]["namespace"], job["metadata"]["name"]) == ("ns", "m-1")
    assert job["metadata"]["labels"]["c"] == "d"
    assert spec["template"]["metadata"]["labels"]["a"] == "b"
    found = spec["template"]["spec"]
    assert found["restartPolicy"] == "Never"
    first, second = found["containers"]
    assert second == {"name": "b"}
    assert (first["image"], first["env"]) == ("i", CONTAINER["env"])
    assert (first["command"], first["args"][0]) == (["/bin/sh"], "/var/lib/bootstrap-data/k0smotron-entrypoint.sh")
    assert first["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert [one["name"] for one in first["volumeMounts"]] == ["v", "capra-bootstrap-data"]
    assert "secret" not in str(job).replace("'secret'", "").replace("secretName", "")
    assert to_secret(order({}))["data"]["session"] == "c2VjcmV0"
    assert job["metadata"]["ownerReferences"][0]["uid"] == "u"


def test_what_the_template_says_of_time_counts() -> None:
    own = {"activeDeadlineSeconds": 7, "ttlSecondsAfterFinished": 900}
    spec = to_job(order({"spec": own | {"template": {"spec": {"containers": [CONTAINER]}}}}))["spec"]
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (7, 900)


def test_what_the_end_is_understood_by_is_not_the_templates() -> None:
    own = {"activeDeadlineSeconds": 10**6, "ttlSecondsAfterFinished": 0, "suspend": True, "managedBy": "example.com/x"}
    spec = to_job(order({"spec": own | {"template": {"spec": {"containers": [CONTAINER]}}}}))["spec"]
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (360, 300)
    assert not {"suspend", "managedBy"} & set(spec)


def test_a_command_of_the_container_gets_the_entrypoint_as_its_argument() -> None:
    container = {"name": "a", "command": ["/wrap"], "args": ["x"]}
    [first] = to_job(order({"spec": {"containers": [container]}}))["spec"]["template"]["spec"]["containers"]
    assert (first["command"], len(first["args"])) == (["/wrap"], 2)


def pod(message: str) -> dict[str, Any]:
    statuses = [
        {"name": "sidecar", "state": {"terminated": {"message": "of another"}}},
        {"name": "ssh", "state": {"terminated": {"message": message}}},
    ]
    return {"spec": {"containers": [{"name": "ssh"}, {"name": "sidecar"}]}, "status": {"containerStatuses": statuses}}


def job(**condition: str) -> dict[str, Any]:
    return {"metadata": {}, "status": {"conditions": [{"status": "True"} | condition]}}


@pytest.mark.parametrize(
    ("raw", "pods", "end"),
    [
        ({"metadata": {}}, [], None),
        (job(type="SuccessCriteriaMet"), [pod("x")], None),
        (job(type="Complete"), [pod("told")], JobEnd(succeeded=True, message="told", told=True)),
        (job(type="Failed", reason="R", message="m"), [pod("told")], JobEnd(reason="R", message="told", told=True)),
        (
            job(type="Failed", reason="DeadlineExceeded", message="m"),
            [],
            JobEnd(reason="DeadlineExceeded", message="m"),
        ),
    ],
)
def test_the_end(raw: dict[str, Any], pods: list[dict[str, Any]], end: JobEnd | None) -> None:
    assert end_of(raw, pods) == end


def test_commands_have_the_references_defaults() -> None:
    assert (to_provision_job({}).ssh_command, to_provision_job({}).scp_command) == ("ssh", "scp")
