"""A cluster, its hosts, and the order in which they come and go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from capra.errors import InputError
from capra.inventory.imported import ImportedHost
from capra.model.machine import MachineKey
from capra.model.observation import Phase

DEFAULT_BINARY = "/usr/local/bin/k0s"
DEFAULT_DATA_DIR = "/var/lib/k0s"
"""As k0s has them (its documentation, 'k0s install')."""

JOINED = frozenset({Phase.BOOTSTRAPPING, Phase.PROVISIONED, Phase.CLEANING})
"""Phases in which a host may be a member of a cluster."""


_WITHOUT = ", or as key becomePassword of the Secret of spec.sshKeyRef, or spec.becomePasswordRef"
"""Ways to give a password that such a file does not have."""


class HostRole(StrEnum):
    """The roles of k0sctl's README, 'Host Fields'."""

    CONTROLLER = "controller"
    CONTROLLER_WORKER = "controller+worker"
    SINGLE = "single"
    WORKER = "worker"

    @property
    def service(self) -> str:
        """The role in k0s's own words: `k0s install ROLE`, and that of its join token."""
        return "worker" if self is HostRole.WORKER else "controller"


@dataclass(frozen=True)
class ClusterHost:
    """A host. imported: how it is reached. flags: of `k0s install`, in order, without what Capra adds. address: that
    other hosts and people reach it at. binary, data_dir: paths on the host. existing: k0s is there already. url: where
    k0s is downloaded from, with k0sctl's tokens. node_name: where the file says it, else empty. leaving: it is to be
    reset."""

    imported: ImportedHost
    role: HostRole
    flags: tuple[str, ...] = ()
    binary: str = DEFAULT_BINARY
    data_dir: str = DEFAULT_DATA_DIR
    existing: bool = False
    url: str = ""
    private_address: str = ""
    node_name: str = ""
    leaving: bool = False

    @property
    def name(self) -> str:
        """Of the machine."""
        return self.imported.name

    @property
    def key(self) -> MachineKey:
        """Of the machine, as an import of the same file and `capra status` have it."""
        return MachineKey("default", self.name)

    @property
    def address(self) -> str:
        """The address that it is reached at."""
        return str(self.imported.fields["address"])

    @property
    def field_names(self) -> dict[str, str]:
        """For `renamed`: what the file calls the fields of the machine."""
        names = self.imported.field_names
        key = names.get("spec.sshKeyRef", "")
        return {**names, "--ssh-key or the Secret of spec.sshKeyRef": f"{key} or --ssh-key", _WITHOUT: ""}

    @property
    def controls(self) -> bool:
        """It has a control plane."""
        return self.role is not HostRole.WORKER

    @property
    def works(self) -> bool:
        """It becomes a Node."""
        return self.role is not HostRole.CONTROLLER


@dataclass(frozen=True)
class K0sCluster:
    """A cluster. hosts: in the file's order. version: of k0s, as `k0s version` prints it; empty where every host has
    its own. config: the ClusterConfig of k0s, which may hold secrets. user: in the kubeconfig. notes: what has no
    counterpart, a sentence each."""

    name: str
    hosts: tuple[ClusterHost, ...]
    version: str = ""
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    user: str = "admin"
    notes: tuple[str, ...] = ()

    @property
    def leader(self) -> ClusterHost:
        """The first controller of the file: it makes the cluster, and hands out tokens."""
        return next(host for host in self.hosts if host.controls)


def phases_up(cluster: K0sCluster) -> tuple[tuple[ClusterHost, ...], ...]:
    """Hosts that are bootstrapped side by side, in each phase: the first controller; each other controller alone,
    since a member that joins etcd puts its quorum at risk until it is there; all workers."""
    staying = [host for host in cluster.hosts if not host.leaving]
    others = [(host,) for host in staying if host.controls and host != cluster.leader]
    workers = tuple(host for host in staying if not host.controls)
    leader = () if cluster.leader.leaving else ((cluster.leader,),)
    return tuple(phase for phase in (*leader, *others, workers) if phase)


def phases_down(cluster: K0sCluster) -> tuple[tuple[ClusterHost, ...], ...]:
    """The other way round; the first controller goes last."""
    workers = tuple(host for host in cluster.hosts if not host.controls)
    others = [(host,) for host in reversed(cluster.hosts) if host.controls and host != cluster.leader]
    return tuple(phase for phase in (workers, *others, (cluster.leader,)) if phase)


def limited_hosts(
    phases: Sequence[Sequence[ClusterHost]], names: Sequence[str], *, subject: str = "--limit"
) -> tuple[tuple[ClusterHost, ...], ...]:
    """The hosts with these names, or all, in the same phases. Raises InputError for an unknown name."""
    known = {host.name for phase in phases for host in phase}
    if missing := sorted(set(names) - known):
        raise InputError(
            f"no host is named {', '.join(missing)}; there are: {', '.join(sorted(known))}", subject=subject
        )
    chosen = (tuple(host for host in phase if not names or host.name in names) for phase in phases)
    return tuple(phase for phase in chosen if phase)


def refuse_second_cluster(cluster: K0sCluster, phases: Mapping[MachineKey, Phase]) -> None:
    """A first controller that is to be made while others have joined already would make another cluster. phases: what
    is remembered of the hosts. Raises InputError."""
    leader = cluster.leader
    phase = phases.get(leader.key, Phase.NEW)
    joined = [host for host in cluster.hosts if phases.get(host.key) in JOINED]
    if phase in JOINED or not joined:
        return
    names, controllers = _names(joined), _names(host for host in joined if host.controls)
    if controllers:
        remedy = f"put {controllers} first, whose cluster {leader.name} then joins, or clean"
    else:
        remedy = "clean" if phase is Phase.CLEAN else "put the controller first that has made it, or clean"
    raise InputError(
        f"{leader.name} is the first controller, and {_was(phase)}, but {names} may have joined a cluster: {remedy}"
        f" {'this host' if len(joined) == 1 else 'these hosts'} with capra down --limit NAME",
        subject=leader.imported.subject,
        field="role",
    )


def refuse_without_leader(
    cluster: K0sCluster, chosen: Iterable[ClusterHost], phases: Mapping[MachineKey, Phase], *, source: str
) -> None:
    """Hosts cannot join a cluster that nobody has made. chosen: those that are worked on. phases: what is remembered
    of all. source: the file, for the command that is told. Raises InputError."""
    leader, hosts = cluster.leader, list(chosen)
    phase = phases.get(leader.key, Phase.NEW)
    joining = [host for host in hosts if needs_token(cluster, host, phases.get(host.key, Phase.NEW))]
    if leader in hosts or phase in JOINED or not joining:
        return
    raise InputError(
        f"leaves out {leader.name}, the first controller, which {_was(phase)}: {_names(joining)} cannot join before it"
        f" is there; bring it first, with capra up -f {source} --limit {leader.name}",
        subject="--limit",
    )


def _was(phase: Phase) -> str:
    return "has been cleaned" if phase is Phase.CLEAN else "has not been bootstrapped"


def _names(hosts: Iterable[ClusterHost]) -> str:
    return ", ".join(host.name for host in hosts)


def needs_token(cluster: K0sCluster, host: ClusterHost, phase: Phase) -> bool:
    """Whether a bootstrap of the host may have to join. phase: what is remembered of it. One that is provisioned is
    left alone, and one whose cleanup has begun is not bootstrapped."""
    return host != cluster.leader and phase not in (Phase.PROVISIONED, Phase.CLEANING)
