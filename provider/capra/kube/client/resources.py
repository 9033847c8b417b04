"""The resources that Capra reads and writes, and their paths in the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from capra.model.machine import BASTION_HOST_KEYS_ANNOTATION, GROUP, HOST_KEYS_ANNOTATION, PREFIX

CORE_GROUP = "cluster.x-k8s.io"
FINALIZER = "remotemachine.k0smotron.io/finalizer"
"""The reference's: its objects and ours are the same."""

SSH_KEY_FINALIZER = f"{PREFIX}ssh-key"
"""Of Secrets with SSH keys of machines that may have to be cleaned."""

RECORD = f"{PREFIX}record"
HOST_KEYS = HOST_KEYS_ANNOTATION
BASTION_HOST_KEYS = BASTION_HOST_KEYS_ANNOTATION
POOL_ENTRY = f"{PREFIX}pool-entry"
POOL_COMMANDS = f"{PREFIX}pool-commands"
POOL_FIELDS = f"{PREFIX}pool-fields"
HOLDER = f"{PREFIX}holder"
QUARANTINED = f"{PREFIX}quarantined"
UNREACHABLE = f"{PREFIX}unreachable"
MACHINE_UID_LABEL = f"{PREFIX}remote-machine-uid"
"""Of the Jobs of a RemoteMachine, their Pods and Secrets."""

JOB_LABEL = f"{PREFIX}job"
"""Of a Job's Pods and Secret: its name."""

HEARD = f"{PREFIX}heard"
"""An annotation of a Job whose end was heard and passed on."""
RELEASED = f"{PREFIX}released-at"

CLUSTER_NAME_LABEL = f"{CORE_GROUP}/cluster-name"
CONTROL_PLANE_LABEL = f"{CORE_GROUP}/control-plane"
WATCH_FILTER_LABEL = f"{CORE_GROUP}/watch-filter"

Raw = Mapping[str, Any]
"""An object as the API server gives it. Never changed in place."""


@dataclass(frozen=True)
class Resource:
    """One resource of the API. group: empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path; all namespaces without a namespace, the collection without a name."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)

    def complete(self, raw: Raw) -> Raw:
        """An object as a list or a watch gives it, with its apiVersion and kind where they are left out."""
        return {"apiVersion": self.api_version, "kind": self.kind, **raw}

    @property
    def api_version(self) -> str:
        """`group/version`, as in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version


REMOTE_MACHINES = Resource(GROUP, "v1beta2", "remotemachines", "RemoteMachine")
POOLED_REMOTE_MACHINES = Resource(GROUP, "v1beta2", "pooledremotemachines", "PooledRemoteMachine")
REMOTE_CLUSTERS = Resource(GROUP, "v1beta2", "remoteclusters", "RemoteCluster")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS = Resource("", "v1", "events", "Event")
NODES = Resource("", "v1", "nodes", "Node")
PODS = Resource("", "v1", "pods", "Pod")
JOBS = Resource("batch", "v1", "jobs", "Job")

MACHINES, ENTRIES, CLUSTERS = REMOTE_MACHINES.kind, POOLED_REMOTE_MACHINES.kind, REMOTE_CLUSTERS.kind
NODES_OF_CLUSTER = "Nodes"
"""Not an object: the Nodes of one Cluster's Machines; named after the Cluster."""


class ObjectKey(NamedTuple):
    """What is reconciled."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def core(raw: Raw, plural: str) -> Resource:
    """Cluster API's own resource, in the version that this object came in."""
    group, _, version = str(raw["apiVersion"]).partition("/")
    return Resource(group, version, plural, str(raw.get("kind", "")))


def name_of(raw: Raw) -> str:
    """metadata.name."""
    return str(raw["metadata"]["name"])


def namespace_of(raw: Raw) -> str:
    """metadata.namespace; empty for an object of the whole cluster."""
    return str(raw["metadata"].get("namespace", ""))


def labels_of(raw: Raw) -> Mapping[str, str]:
    """metadata.labels."""
    return raw["metadata"].get("labels") or {}


def annotations_of(raw: Raw) -> Mapping[str, str]:
    """metadata.annotations."""
    return raw["metadata"].get("annotations") or {}


def version_of(raw: Raw) -> int:
    """metadata.resourceVersion as a number: later versions of one object are greater (Kubernetes KEP-5504)."""
    text = str(raw["metadata"].get("resourceVersion", "0"))
    return int(text) if text.isdigit() else 0
