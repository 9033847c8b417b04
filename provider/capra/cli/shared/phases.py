"""What `capra up` and `capra down` share: the hosts of a cluster, one phase after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from capra.cli.errors import note
from capra.cli.options.common import ClusterFileOptions
from capra.cli.output.result import MachineResult, not_begun
from capra.cli.shared.work import Act, Work
from capra.clusters.cluster import ClusterHost, K0sCluster
from capra.errors import InputError, renamed
from capra.local.clusters import load_cluster, prepare_cluster
from capra.local.logins import read_logins
from capra.local.prepare import PreparedMachines
from capra.local.reading.manifests import raise_all
from capra.local.state import StateDirectory
from capra.local.store import FileStore
from capra.model.machine import MachineKey, RemoteMachine
from capra.model.observation import Phase
from capra.settings import Settings


@dataclass(frozen=True)
class PreparedCluster:
    """A cluster with its machines and what is remembered of them."""

    cluster: K0sCluster
    machines: PreparedMachines = field(repr=False)
    store: FileStore
    state: StateDirectory

    def phases(self) -> dict[MachineKey, Phase]:
        """What is remembered of each host."""
        return {key: self.state.read(one.machine).phase for key, one in self.machines.machines.items()}

    def field_names(self, key: MachineKey) -> Mapping[str, str]:
        """What the file calls the fields of a machine."""
        return next(host.field_names for host in self.cluster.hosts if host.key == key)

    def machine(self, host: ClusterHost) -> RemoteMachine:
        """The machine of a host."""
        return self.machines.machines[host.key].machine


def _read_cluster(options: ClusterFileOptions, settings: Settings) -> K0sCluster:
    """What the file says. Raises InputErrors."""
    if len(options.file) != 1:
        raise InputError(f"is given {len(options.file)} times; a cluster is one file", subject="--file")
    return load_cluster(options.file[0], settings.ssh_key)


def open_cluster(options: ClusterFileOptions, settings: Settings, *, deleting: bool) -> PreparedCluster:
    """Everything is read and checked; notes are told. Raises InputErrors."""
    cluster = _read_cluster(options, settings)
    errors: list[InputError] = []
    logins = read_logins(
        errors,
        ssh_key="",  # that of hosts which name none, and read with theirs
        passphrase_file=settings.ssh_key_passphrase_file,
        certificate=settings.ssh_certificate,
        become_password_file=settings.become_password_file,
    )
    raise_all(errors)
    machines = prepare_cluster(cluster, sentinel=settings.sentinel, logins=logins)
    state = StateDirectory(settings.state_directory)
    store = FileStore(machines, state, time.time, deleting=deleting, taking_over=bool(options.take_over))
    store.check()
    state.prepare()
    for sentence in cluster.notes:
        note(f"warning: {sentence}")
    return PreparedCluster(cluster, machines, store, state)


async def run_phases(
    prepared: PreparedCluster, phases: Sequence[Sequence[ClusterHost]], work: Work, act: Act, name: str
) -> list[MachineResult]:
    """The results, in the order of the phases. After a phase in which a machine has failed, or a signal has come, the
    others are not begun. name: stands for the decision then."""
    results: list[MachineResult] = []
    for phase in phases:
        machines = [prepared.machine(host) for host in phase]
        if work.ended_by or not all(result.ok for result in results):
            results += [not_begun(machine, name) for machine in machines]
        else:
            results += await work.do(machines, act)
    return results


OTHER_DATA = (
    "the version or the configuration in the file is another than that with which the host was set up, and Capra does"
    " not upgrade; nothing was run"
)


def in_own_words(result: MachineResult, names: Mapping[str, str]) -> MachineResult:
    """What has happened, and what to do next, in the words of these two commands and their file. names: what that calls
    the fields of the machine."""
    if result.outcome == "OtherData":
        hint = "put back what the file said; capra down with the same file removes the whole cluster"
        return replace(result, message=OTHER_DATA, hint=hint)
    hint = result.hint.replace("capra cleanup with the same files", "capra down with the same file")
    hint = hint.replace("(--ssh-key or the Secret) and user", "(ssh.keyPath) and user (ssh.user)")
    return replace(result, message=renamed(result.message, names), hint=hint)


@contextmanager
def naming_fields(names: Mapping[str, str]) -> Iterator[None]:
    """The same of an InputError."""
    try:
        yield
    except InputError as error:
        field = renamed(error.field, names)
        raise InputError(error.problem, subject=error.subject, field=field, reason=error.reason) from None
