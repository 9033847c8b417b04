"""Files and options → everything the commands need of each machine, checked before any host is contacted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from capra.bootstrap.templates import jinja
from capra.bootstrap.templates.jinja import Render
from capra.engine.plan import lacks_sentinel, read_bootstrap, with_example
from capra.engine.requests import PlanOptions
from capra.errors import InputError
from capra.local.hooks import load_hooks
from capra.local.reading.keys import read_key_file
from capra.local.reading.manifests import Manifests, Placed, load_manifests, raise_all
from capra.local.reading.option_files import attempt, read_bootstrap_data, read_password
from capra.model.bastion import bastion_field
from capra.model.keys.ssh_key import check_key
from capra.model.machine import MachineKey, RemoteMachine, Stage
from capra.model.manifest.others import CoreMachineDocument
from capra.model.observation import BootstrapData, Cluster, HookText, Observation, Owner, Record, SSHKey


@dataclass(frozen=True)
class InputOptions:
    """What the command line says about input. Paths are empty where the option was not given.

    ssh_key: used for every machine, whatever its sshKeyRef says. bootstrap_data: used for every machine without a
    Secret of its own. limit: names of the only machines that count; empty means all. sentinel: the file that proves a
    bootstrap.
    """

    files: tuple[str, ...]
    ssh_key: str = ""
    become_password_file: str = ""
    bootstrap_data: str = ""
    limit: tuple[str, ...] = ()
    sentinel: str = PlanOptions.sentinel


@dataclass(frozen=True)
class PreparedMachine:
    """One machine with all that an Observation needs beside the record."""

    machine: RemoteMachine
    owner: Owner
    cluster: Cluster
    ssh_key: SSHKey | None
    bootstrap: BootstrapData | None
    become_password: str = field(default="", repr=False)
    hooks: tuple[HookText, ...] = ()
    bastion_keys: tuple[SSHKey | None, ...] = ()

    def observe(self, machine: RemoteMachine, record: Record, now: float) -> Observation:
        """The observation of this machine."""
        return Observation(
            machine=machine,
            record=record,
            now=now,
            owner=self.owner,
            cluster=self.cluster,
            bootstrap=self.bootstrap,
            ssh_key=self.ssh_key,
            become_password=self.become_password,
            hooks=self.hooks,
            bastion_keys=self.bastion_keys,
        )


@dataclass(frozen=True)
class PreparedMachines:
    """The machines of a command, in the files' order. notes: sentences for the person, no errors."""

    machines: Mapping[MachineKey, PreparedMachine]
    notes: tuple[str, ...] = ()


def prepare(
    options: InputOptions, *, need_bootstrap: bool, stages: Collection[Stage] = (), render: Render = jinja.render
) -> PreparedMachines:
    """Read and check everything. need_bootstrap: every machine must have usable bootstrap data. stages: those whose
    hooks are read. render: how templates are rendered.

    Raises InputErrors with every problem of every machine.
    """
    manifests = load_manifests(options.files)
    errors: list[InputError] = []
    key = attempt(errors, options.ssh_key, lambda path: read_key_file(Path(path)))
    password = attempt(errors, options.become_password_file, read_password) or ""
    data = attempt(errors, options.bootstrap_data, read_bootstrap_data) if need_bootstrap else None
    raise_all(errors)
    prepared: dict[MachineKey, PreparedMachine] = {}
    warnings: dict[str, str] = {}
    for placed in limited(manifests.machines, options.limit):
        try:
            preparation = _Preparation(manifests, placed, key, password, data, render)
            prepared[placed.machine.key] = one = preparation.prepare(need_bootstrap, stages)
            if need_bootstrap and (warning := preparation.lacking(one, PlanOptions(sentinel=options.sentinel))):
                warnings.setdefault(warning, str(placed.machine.key))
        except InputError as error:
            errors.append(error)
    raise_all(errors)
    told = (f"warning: {first}: {warning}" for warning, first in warnings.items())
    return PreparedMachines(prepared, (*notes(manifests), *told))


def notes(manifests: Manifests) -> tuple[str, ...]:
    """What a person should know although nothing is wrong."""
    if not manifests.ignored:
        return manifests.exposed
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(manifests.ignored.items()))
    return (f"left alone, as only a cluster needs them: {kinds}", *manifests.exposed)


def limited(machines: Sequence[Placed], names: Iterable[str]) -> list[Placed]:
    """The machines with these names (`name` or `namespace/name`), or all. Raises InputError for an unknown name."""
    wanted = set(names)
    known = {name for one in machines for name in _names(one)}
    if missing := sorted(wanted - known):
        have = ", ".join(one.machine.key.name for one in machines)
        raise InputError(f"no machine is named {', '.join(missing)}; there are: {have}", subject="--limit")
    return [one for one in machines if not wanted or wanted & _names(one)]


def _names(placed: Placed) -> set[str]:
    key = placed.machine.key
    return {key.name, f"{key.namespace}/{key.name}"}


@dataclass(frozen=True)
class _Preparation:
    """Puts one machine together."""

    manifests: Manifests
    placed: Placed
    given_key: SSHKey | None
    become_password: str = field(repr=False)
    given_data: BootstrapData | None
    render: Render

    def prepare(self, need_bootstrap: bool, stages: Collection[Stage]) -> PreparedMachine:
        machine = self.placed.machine
        document = self.manifests.owners.get(machine.key)
        return PreparedMachine(
            machine=machine,
            owner=_owner(machine, document),
            cluster=Cluster(document.spec.cluster_name if document else ""),
            ssh_key=self.given_key or self._key(),
            bootstrap=self._bootstrap(document) if need_bootstrap else None,
            become_password=self.become_password,
            hooks=load_hooks(self.manifests, self.placed, stages),
            bastion_keys=self._bastion_keys(),
        )

    def lacking(self, prepared: PreparedMachine, options: PlanOptions) -> str:
        """What the bootstrap data lacks, of which nobody knows for sure; empty for nothing. Raises InputError for data
        that cannot be carried out."""
        machine = self.placed.machine
        found = read_bootstrap(with_example(prepared.observe(machine, Record(), 0.0)), self.render)
        return lacks_sentinel(machine, found, options)

    def _key(self) -> SSHKey:
        name, path = self.placed.machine.spec.ssh_key_name, f"{self.placed.field}.sshKeyRef.name"
        if not name:
            problem = "is required: the Secret with the SSH private key; or give the key with --ssh-key"
            raise InputError(problem, subject=self.placed.subject, field=path)
        return self._read_key(name, path, "; or give the key with --ssh-key")

    def _bastion_keys(self) -> tuple[SSHKey | None, ...]:
        """Those that bastions have of their own, whatever --ssh-key says of the host's."""
        return tuple(
            self._read_key(one.ssh_key_name, f"{bastion_field(self.placed.field, number)}.sshKeyRef.name", "")
            if one.ssh_key_name
            else None
            for number, one in enumerate(self.placed.machine.spec.bastions)
        )

    def _read_key(self, name: str, path: str, otherwise: str) -> SSHKey:
        value = self._secret(name, path, otherwise)
        source = f"Secret {name}"
        subject = f"{self.placed.subject}: {path}: {source}"
        return check_key(value["value"], subject=subject, field="value", source=source)

    def _secret(self, name: str, path: str, otherwise: str) -> dict[str, bytes]:
        """A Secret that has the key `value`."""
        namespace = self.placed.machine.key.namespace
        document = self.manifests.secrets.get((namespace, name))
        problem = ""
        if document is None:
            problem = f"Secret {name} of namespace {namespace} is not in the files{otherwise}"
        elif "value" not in (values := document.values()):
            found = ", ".join(sorted(values)) or "nothing"
            problem = f"Secret {name} must have the key 'value', but has: {found}"
        else:
            return values
        raise InputError(problem, subject=self.placed.subject, field=path)

    def _bootstrap(self, document: CoreMachineDocument | None) -> BootstrapData:
        name = document.spec.bootstrap.data_secret_name if document else ""
        known = (self.placed.machine.key.namespace, name) in self.manifests.secrets
        if name and (known or self.given_data is None):
            values = self._secret(name, "bootstrap.dataSecretName of its Machine", "; or give --bootstrap-data")
            format = values.get("format", b"").decode("utf-8", "replace").strip()
            return BootstrapData(values["value"], format, f"Secret {name}")
        if self.given_data is not None:
            return self.given_data
        problem = (
            "there is no bootstrap data: give --bootstrap-data, or a Machine that refers to it with"
            " bootstrap.dataSecretName and the Secret"
        )
        raise InputError(problem, subject=self.placed.subject)


def _owner(machine: RemoteMachine, document: CoreMachineDocument | None) -> Owner:
    """The Machine of the file; without one the machine stands for itself, and its host tells its role."""
    if document is None:
        return Owner(machine.key.name)
    return Owner(document.metadata.name, document.spec.bootstrap.config_ref.kind)
