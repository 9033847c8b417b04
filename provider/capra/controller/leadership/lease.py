"""The Lease of the leader election, and what a replica may do with it. Pure, but for where it is."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from capra.kube.client.resources import Raw, Resource
from capra.settings import ControllerSettings

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
LEASE_NAME = "capra-controller-leader"
DEFAULT_NAMESPACE = "capra-system"
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Move(Enum):
    """What a replica may do with the Lease."""

    CREATE = "create"
    TAKE = "take"
    RENEW = "renew"
    WAIT = "wait"


def spec_of(lease: Raw | None) -> Raw:
    """Its spec; empty where there is none."""
    return (lease or {}).get("spec") or {}


def next_move(lease: Raw | None, identity: str, unchanged_for: float, lease_duration: float) -> Move:
    """What the replica of this identity may do. unchanged_for: seconds since it first saw this version of the Lease.
    lease_duration: used where the holder states none of its own."""
    if lease is None:
        return Move.CREATE
    spec = spec_of(lease)
    holder = spec.get("holderIdentity")
    if holder == identity:
        return Move.RENEW
    if not holder or unchanged_for > (spec.get("leaseDurationSeconds") or lease_duration):
        return Move.TAKE
    return Move.WAIT


def election_namespace(settings: ControllerSettings, file: Path = NAMESPACE_FILE) -> str:
    """Where the Lease is. file: what tells a Pod its namespace."""
    if settings.leader_election_namespace:
        return settings.leader_election_namespace
    try:
        return file.read_text().strip() or DEFAULT_NAMESPACE
    except OSError:  # not in a Pod
        return DEFAULT_NAMESPACE
