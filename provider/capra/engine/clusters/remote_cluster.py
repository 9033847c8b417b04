"""What to do about a RemoteCluster. It stands for no infrastructure: all it has to tell is that there is none to wait
for, and where the control plane is reached, if somebody has said so. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from capra.engine.holding import paused_message
from capra.engine.told.report import PAUSED, READY
from capra.model.checks import address, port
from capra.model.machine import MANAGED_BY_ANNOTATION
from capra.model.status import Condition

KIND = "RemoteCluster"
ENDPOINT_FIELD = "spec.controlPlaneEndpoint"


@dataclass(frozen=True)
class Endpoint:
    """`spec.controlPlaneEndpoint` of a RemoteCluster or a Cluster. An empty host and port 0 stand for 'not given', as
    Cluster API's types have it."""

    host: str = ""
    port: int = 0

    @property
    def given(self) -> bool:
        """Any part of it."""
        return bool(self.host or self.port)

    @property
    def problem(self) -> str:
        """What is wrong with one that is given, with field and value, for a person; empty when it is right."""
        if not self.host:
            return f"{ENDPOINT_FIELD}.host is required beside port {self.port}: the control plane's address or DNS name"
        if not self.port:
            return f"{ENDPOINT_FIELD}.port is required beside host {self.host}: between 1 and 65535, such as 6443"
        try:
            address(self.host)
        except ValueError as error:
            return f"{ENDPOINT_FIELD}.host {error}, but is {self.host!r}"
        try:
            port(self.port)
        except ValueError as error:
            return f"{ENDPOINT_FIELD}.port {error}"
        return ""


@dataclass(frozen=True)
class OwnerCluster:
    """The Cluster that owns it."""

    paused: bool = False
    endpoint: Endpoint = Endpoint()


@dataclass(frozen=True)
class ClusterObservation:
    """A RemoteCluster as it is seen. owner_name: from its ownerReference, empty when there is none. owner: None when
    that Cluster is not there, or does not own it. not_owner: why it does not. provisioned: what its status says."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False
    endpoint: Endpoint = Endpoint()
    owner_name: str = ""
    not_owner: str = ""
    owner: OwnerCluster | None = None
    provisioned: bool = False


@dataclass(frozen=True)
class ClusterReport:
    """What to write. conditions: any other stays as it is. provisioned: None leaves it as it is. endpoint: None leaves
    `spec` as it is."""

    conditions: tuple[Condition, ...]
    provisioned: bool | None = None
    endpoint: Endpoint | None = None


def report_cluster(seen: ClusterObservation) -> ClusterReport | None:
    """What to write about this RemoteCluster, None for nothing at all (docs/reference/contract.md)."""
    # There is no finalizer of ours to wait for.
    if MANAGED_BY_ANNOTATION in seen.annotations or seen.deleting:
        return None
    paused = paused_message(KIND, seen.annotations, cluster_paused=seen.owner is not None and seen.owner.paused)
    if paused:
        return ClusterReport((Condition(PAUSED, "True", PAUSED, paused),))
    not_paused = Condition(PAUSED, "False", "NotPaused")
    if seen.owner is None:
        # What was provisioned once stays so: Cluster API requires that.
        return ClusterReport((_waiting(seen), not_paused), seen.provisioned)
    problem = seen.endpoint.problem if seen.endpoint.given else ""
    ready = Condition(READY, "False", "InvalidEndpoint", problem) if problem else Condition(READY, "True", READY)
    return ClusterReport((ready, not_paused), True, _passed_on(seen.endpoint, seen.owner.endpoint))


def _waiting(seen: ClusterObservation) -> Condition:
    message = seen.not_owner or (
        f"waiting for Cluster {seen.owner_name}, which owns this object and is not there"
        if seen.owner_name
        else "waiting for the Cluster that owns this object: its spec.infrastructureRef must name it"
    )
    return Condition(READY, "False", "WaitingForCluster", message)


def _passed_on(own: Endpoint, cluster: Endpoint) -> Endpoint | None:
    """The Cluster's endpoint for a RemoteCluster that has none. One that differs is intended, and stays."""
    usable = cluster.given and not cluster.problem
    return cluster if usable and not own.given else None
