"""A host that a Kubernetes Job reaches with a command of the site's own: what is asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEADLINE_EXCEEDED = "DeadlineExceeded"
"""The reason of a Job that has not ended in time: Kubernetes' own."""


@dataclass(frozen=True)
class ProvisionJob:
    """`spec.provisionJob`. ssh_command, scp_command: lines of a shell, to which port, host and the rest are added as to
    OpenSSH's. template: `jobSpecTemplate`, with `metadata` and `spec`; it was checked."""

    ssh_command: str = "ssh"
    scp_command: str = "scp"
    template: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobWay:
    """The way to a host by a Job. name: the Job's, the same for the same attempt at the same run. uid: of the
    RemoteMachine. answer: what a Job has told of the host; None where none has been asked yet."""

    asked: ProvisionJob = ProvisionJob()
    name: str = ""
    uid: str = ""
    answer: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class JobOrder:
    """One Job. namespace, machine, uid: of the RemoteMachine that owns it. name: of the Job and its Secret. template:
    as in ProvisionJob. data: the files of its Secret. timeout: seconds that its Pod may take; the template may give
    it less."""

    namespace: str
    machine: str
    uid: str
    name: str
    template: Mapping[str, Any]
    data: Mapping[str, bytes] = field(repr=False)
    timeout: int = 0


@dataclass(frozen=True)
class JobEnd:
    """How a Job has ended. succeeded: it is Complete. reason: of its condition `Failed`, such as DeadlineExceeded, or
    Capra's own: `Deleted`, `Refused`. message: of its container where there is one, else of the condition. told: it is
    the container's. began: a Pod of it may have run."""

    succeeded: bool = False
    reason: str = ""
    message: str = ""
    told: bool = False
    began: bool = True
