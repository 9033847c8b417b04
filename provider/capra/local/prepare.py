"""Files and options → everything the commands need of each machine, checked before any host is contacted."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from capra.bootstrap.templates import jinja
from capra.bootstrap.templates.jinja import Render
from capra.engine.plan import lacks_sentinel, read_bootstrap, with_example
from capra.engine.requests import PlanOptions
from capra.errors import InputError
from capra.local.hooks import load_hooks
from capra.local.logins import LoginOptions, check_offered, read_logins
from capra.local.reading.manifests import Manifests, Placed, load_manifests, raise_all
from capra.local.reading.option_files import attempt, read_bootstrap_data
from capra.model.bastion import bastion_field
from capra.model.keys.key_secret import LOGIN_PASSWORD, VALUE, check_password
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
    ssh_key_passphrase_file: str = ""
    ssh_certificate: str = ""
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
    logins = read_logins(
        errors,
        ssh_key=options.ssh_key,
        passphrase_file=options.ssh_key_passphrase_file,
        certificate=options.ssh_certificate,
        become_password_file=options.become_password_file,
    )
    data = attempt(errors, options.bootstrap_data, read_bootstrap_data) if need_bootstrap else None
    raise_all(errors)
    prepared: dict[MachineKey, PreparedMachine] = {}
    warnings: dict[str, str] = {}
    for placed in limited(manifests.machines, options.limit):
        try:
            preparation = _Preparation(manifests, placed, logins, data, render)
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
    logins: LoginOptions
    given_data: BootstrapData | None
    render: Render

    def prepare(self, need_bootstrap: bool, stages: Collection[Stage]) -> PreparedMachine:
        machine = self.placed.machine
        document = self.manifests.owners.get(machine.key)
        key = self.logins.key or self._key()
        check_offered(key, time.time(), self.placed.subject)
        return PreparedMachine(
            machine=machine,
            owner=_owner(machine, document),
            cluster=Cluster(document.spec.cluster_name if document else ""),
            ssh_key=key,
            bootstrap=self._bootstrap(document) if need_bootstrap else None,
            become_password=self.logins.become_password or self._become_password(),
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
        values = self._secret(name, path, "; or give the key with --ssh-key", (VALUE, LOGIN_PASSWORD))
        return self._read_key(self.logins, values, name, path)

    def _bastion_keys(self) -> tuple[SSHKey | None, ...]:
        """Those that bastions have of their own, whatever --ssh-key and --ssh-certificate say of the host's."""
        logins, keys = replace(self.logins, certificate=b""), list[SSHKey | None]()
        for number, one in enumerate(self.placed.machine.spec.bastions):
            name, path = one.ssh_key_name, f"{bastion_field(self.placed.field, number)}.sshKeyRef.name"
            keys.append(self._read_key(logins, self._secret(name, path, ""), name, path) if name else None)
            if (key := keys[-1]) is not None:
                check_offered(key, time.time(), f"{self.placed.subject}: {path}")
        return tuple(keys)

    def _read_key(self, logins: LoginOptions, values: dict[str, bytes], name: str, path: str) -> SSHKey:
        source = f"Secret {name}"
        subject = f"{self.placed.subject}: {path}: {source}"
        key = logins.of_secret(values, source=source, subject=subject, become=self.placed.machine.spec.use_sudo)
        assert key is not None  # it has one of these
        return key

    def _become_password(self) -> str:
        """That of `becomePasswordRef`; empty without one, where the Secret with the key may have one."""
        spec = self.placed.machine.spec
        if not spec.become_secret:
            return ""
        path = f"{self.placed.field}.becomePasswordRef"
        otherwise = "; or give the password with --become-password-file"
        values = self._secret(spec.become_secret, path, otherwise, (spec.become_key,))
        subject = f"{self.placed.subject}: {path}: Secret {spec.become_secret}"
        return check_password(values[spec.become_key], subject=subject, field=spec.become_key)

    def _secret(self, name: str, path: str, otherwise: str, wanted: Sequence[str] = (VALUE,)) -> dict[str, bytes]:
        """A Secret that has one of the wanted keys; the first one is what is asked for."""
        namespace = self.placed.machine.key.namespace
        document = self.manifests.secrets.get((namespace, name))
        problem = ""
        if document is None:
            problem = f"Secret {name} of namespace {namespace} is not in the files{otherwise}"
        elif not {*wanted} & (values := document.values()).keys():
            found = ", ".join(sorted(values)) or "nothing"
            problem = f"Secret {name} must have the key {wanted[0]!r}, but has: {found}"
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
