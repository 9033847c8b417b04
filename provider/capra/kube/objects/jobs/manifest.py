"""`spec.provisionJob`, and the Job, the Secret and the Pod's message that come of it. Pure."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from capra.engine.jobs.asking import RELIED_ON, pod_spec_of
from capra.kube.client.resources import HEARD, JOB_LABEL, JOBS, MACHINE_UID_LABEL, REMOTE_MACHINES, SECRETS, Raw
from capra.model.jobs.job import JobEnd, JobOrder, ProvisionJob

DATA_PLACE = "/var/lib/bootstrap-data"
ENTRYPOINT = f"{DATA_PLACE}/k0smotron-entrypoint.sh"
"""The reference's, which images may rely on."""

VOLUME = "capra-bootstrap-data"
MESSAGE_PLACE = "/dev/termination-log"
KEPT_SECONDS, LEAST_KEPT_SECONDS = 3600, 300
"""For which a finished Job stays to be looked at, where its template does not say; and at least, since its end is to be
read before."""

PULL_SECONDS = 300
"""That a Pod may take beyond its work: for a node, and for its images."""


def to_provision_job(given: Mapping[str, Any]) -> ProvisionJob:
    """`spec.provisionJob`, of which the CRD has checked the types."""
    return ProvisionJob(
        ssh_command=str(given.get("sshCommand", "ssh")),
        scp_command=str(given.get("scpCommand", "scp")),
        template=given.get("jobSpecTemplate") or {},
    )


def to_secret(order: JobOrder) -> Raw:
    """What the Job's Pod gets; nothing of it stands in the Job."""
    data = {name: base64.b64encode(content).decode() for name, content in order.data.items()}
    metadata = _metadata(order)
    return {"apiVersion": SECRETS.api_version, "kind": SECRETS.kind, "metadata": metadata, "data": data}


def to_job(order: JobOrder) -> Raw:
    """The Job of the template, whose first container runs the entrypoint. What tells how often it runs is Capra's."""
    given = order.template.get("spec") or {}
    pod_spec = copy.deepcopy(dict(pod_spec_of(order.template)))
    inner = given.get("template") if isinstance(given.get("template"), Mapping) else None
    own = given if inner is not None else {}
    free = {key: value for key, value in own.items() if key != "template" and key not in RELIED_ON}
    asked = own.get("ttlSecondsAfterFinished")
    kept = max(KEPT_SECONDS if asked is None else asked, LEAST_KEPT_SECONDS)
    pod_metadata = dict((inner or {}).get("metadata") or {})
    labels = {**(pod_metadata.get("labels") or {}), **_labels(order)}
    spec = {
        **free,
        "activeDeadlineSeconds": deadline_of(order),
        "ttlSecondsAfterFinished": kept,
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "template": {"metadata": {**pod_metadata, "labels": labels}, "spec": _pod_spec(order, pod_spec)},
    }
    metadata = order.template.get("metadata") or {}
    merged = _metadata(order)
    merged["labels"] = {**(metadata.get("labels") or {}), **merged["labels"]}
    merged["annotations"] = dict(metadata.get("annotations") or {})
    return {"apiVersion": JOBS.api_version, "kind": JOBS.kind, "metadata": merged, "spec": spec}


def deadline_of(order: JobOrder) -> int:
    """The Job's `activeDeadlineSeconds`: the template's, and no more than the order's with time for a node and for
    images."""
    given = order.template.get("spec")
    own = given if isinstance(given, Mapping) and isinstance(given.get("template"), Mapping) else {}
    longest, asked = order.timeout + PULL_SECONDS, own.get("activeDeadlineSeconds")
    return min(asked, longest) if isinstance(asked, int) else longest


def _labels(order: JobOrder) -> dict[str, str]:
    return {MACHINE_UID_LABEL: order.uid, JOB_LABEL: order.name}


def _metadata(order: JobOrder) -> dict[str, Any]:
    owner = {
        "apiVersion": REMOTE_MACHINES.api_version,
        "kind": REMOTE_MACHINES.kind,
        "name": order.machine,
        "uid": order.uid,
    }
    labels = _labels(order)
    return {"name": order.name, "namespace": order.namespace, "labels": labels, "ownerReferences": [owner]}


def _pod_spec(order: JobOrder, given: dict[str, Any]) -> dict[str, Any]:
    first, *others = given["containers"]
    mount = {"name": VOLUME, "mountPath": DATA_PLACE, "readOnly": True}
    container = {
        "command": ["/bin/sh"],
        **first,
        "args": [ENTRYPOINT, MESSAGE_PLACE],
        "terminationMessagePath": MESSAGE_PLACE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*(first.get("volumeMounts") or ()), mount],
    }
    # Where the Pod has a user of its own, the owner alone could not read it.
    modes = [{"key": key, "path": key, "mode": 0o555 if key.endswith(".sh") else 0o444} for key in sorted(order.data)]
    volume = {"name": VOLUME, "secret": {"secretName": order.name, "items": modes}}
    volumes = [*(given.get("volumes") or ()), volume]
    return {**given, "restartPolicy": "Never", "containers": [container, *others], "volumes": volumes}


def end_of(job: Raw, pods: Sequence[Raw]) -> JobEnd | None:
    """How the Job has ended; None while it goes on. pods: its Pods."""
    conditions = {
        one.get("type"): one for one in (job.get("status") or {}).get("conditions") or () if one.get("status") == "True"
    }
    failed = conditions.get("Failed")
    if failed is None and "Complete" not in conditions:
        return None
    said = next((message for pod in pods if (message := _message(pod))), "")
    reason = str((failed or {}).get("reason", ""))
    text = said or str((failed or {}).get("message", ""))
    return JobEnd(succeeded=failed is None, reason=reason, message=text, told=bool(said))


def _message(pod: Raw) -> str:
    """What the Pod's first container has left."""
    names = [one.get("name") for one in (pod.get("spec") or {}).get("containers") or ()]
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    found = {one.get("name"): one for one in statuses}
    state = (found.get(names[0]) if names else None) or {}
    return str(((state.get("state") or {}).get("terminated") or {}).get("message") or "")


def was_heard(job: Raw) -> bool:
    """Its end was passed on before."""
    return HEARD in (job["metadata"].get("annotations") or {})


def belongs_to(raw: Raw, uid: str) -> bool:
    """It is one of this RemoteMachine's."""
    return (raw["metadata"].get("labels") or {}).get(MACHINE_UID_LABEL) == uid
