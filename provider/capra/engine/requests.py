"""What all runs on machines' hosts have in common. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from capra.bootstrap.templates import jinja
from capra.bootstrap.templates.jinja import Render
from capra.engine.jobs.asking import way_by_job
from capra.engine.redaction.hidden import Hidden, ordered
from capra.errors import InputError
from capra.model.bastion import Bastion, bastion_field, known_keys
from capra.model.keys.logins import OfferedKeys, offered_keys
from capra.model.machine import (
    BASTION_HOST_KEYS_ANNOTATION,
    HOST_KEYS_ANNOTATION,
    TAKE_OVER_ANNOTATION,
    CleanUp,
    HostKeyPolicy,
    MachineKey,
    RemoteMachine,
)
from capra.model.observation import Observation, SSHKey
from capra.model.run import Connection, Playbook, RunRequest, RunSecrets


@dataclass(frozen=True)
class PlanOptions:
    """What the caller chooses for every run, beside what the machine says.

    bootstrap_timeout, cleanup_timeout: seconds for a run on the host. output_bytes: how much of the end of each
    step's output is brought back. take_over: UID or name of another machine that the host is taken over from; it
    overrides the annotation. one_owner, ssh_config: see RunRequest. sentinel: the file that proves a bootstrap
    (Cluster API's contract). Host paths are only ever changed for hosts without root. restart: run all steps, even
    finished ones. default_clean_up: see `decide`. verify_custom_cleanup: after commands of the machine's
    own, what merely lies on the host fails the cleanup, too. render: how templates are rendered.
    host_key_policy: with `strict`, a run on a host of which no key is known is refused.
    hook_timeout: seconds for a playbook of the user's. has_collection: an Ansible collection is installed where runs
    happen. field_names: what the user's file calls a machine's fields, for `capra.errors.renamed`.
    """

    check: bool = False
    diff: bool = False
    restart: bool = False
    artifacts: str = ""
    bootstrap_timeout: int = 3600
    cleanup_timeout: int = 900
    output_bytes: int = 4096
    sentinel: str = "/run/cluster-api/bootstrap-success.complete"
    state_directory: str = ""
    k0s_data_dir: str = ""
    k0s_binary: str = ""
    take_over: str = ""
    ssh_config: str = "none"
    one_owner: bool = False
    default_clean_up: CleanUp | None = None
    verify_custom_cleanup: bool = False
    render: Render = jinja.render
    hook_timeout: int = 1800
    host_key_policy: HostKeyPolicy = HostKeyPolicy.ACCEPT_NEW
    has_collection: Callable[[str], bool] = lambda name: True
    field_names: Callable[[MachineKey], Mapping[str, str]] = lambda key: {}


def host_uid(observation: Observation) -> str:
    """The UID that the host's journal and claim go by: a move gives the object another; the host knows the first."""
    return observation.record.uid or observation.machine.uid


def connection(observation: Observation) -> Connection:
    """How the machine is reached: keys pinned in spec win over those trusted at first contact."""
    spec, record = observation.machine.spec, observation.record
    keys = spec.host_keys or record.host_keys
    bastions = tuple(
        replace(one, host_keys=one.host_keys or known_keys(record.bastion_keys, one), bastion=None)
        for one in spec.bastions
    )
    return Connection(spec.address, spec.port, spec.user, spec.use_sudo, keys, spec.become_method.value, bastions)


def plan_preflight(observation: Observation, options: PlanOptions) -> RunRequest:
    """A preflight of the host. Findings do not make the run fail; the terminal judges them itself."""
    variables: dict[str, object] = {"preflight_fail_on_error": False}
    if observation.machine.spec.ansible:
        variables["preflight_python"] = True
    return new_request(observation, options, Playbook.PREFLIGHT, variables, 60)


def new_request(
    observation: Observation,
    options: PlanOptions,
    playbook: Playbook,
    variables: Mapping[str, object],
    timeout: int,
) -> RunRequest:
    """What all runs have in common. variables, timeout: see RunRequest. Raises InputError (HostKeyNotPinned) where a
    host key is missing that has to be known."""
    machine: RemoteMachine = observation.machine
    field, way = _field(machine), connection(observation)
    way = replace(way, job=way_by_job(observation, playbook, variables))
    if options.host_key_policy is HostKeyPolicy.STRICT and way.job is None:
        _require_keys(way, field)
    if playbook not in {Playbook.PREFLIGHT, Playbook.HOOK, Playbook.K0S_CLUSTER}:
        common = {
            "uid": host_uid(observation),
            "name": f"{machine.key.namespace}/{machine.key.name}",
            "take_over": options.take_over or machine.annotations.get(TAKE_OVER_ANNOTATION, ""),
            "timeout": timeout,
            "output_bytes": options.output_bytes,
            "state_directory": options.state_directory,
            "progress": True,
        }
        variables = {**variables} | {f"{playbook}_{name}": value for name, value in common.items()}
    if playbook is not Playbook.HOOK:
        variables = {**variables, "use_sudo": machine.spec.use_sudo}
    offered = offered_keys(observation.ssh_key or SSHKey(""), observation.now)
    return RunRequest(
        key=machine.key,
        playbook=playbook,
        connection=way,
        variables=variables,
        secrets=_login_secrets(observation, offered),
        timeout=float(timeout),
        check=options.check,
        diff=options.diff,
        artifacts=options.artifacts,
        ssh_config=options.ssh_config,
        one_owner=options.one_owner,
        field=field,
        field_names=options.field_names(machine.key),
        accept_host_key=_accept_host_key(machine, options),
        accept_bastion_keys=tuple(
            _accept_bastion_key(machine, options, one, bastion_field(field, number))
            for number, one in enumerate(machine.spec.bastions)
        ),
        notes=(*offered.warnings, *_password_note(observation.ssh_key, way)),
    )


def _password_note(key: SSHKey | None, way: Connection) -> tuple[str, ...]:
    """A warning where the host may be logged in to with a password."""
    if key is None or not key.login_password:
        return ()
    told = f"{key.source} has a password to log in with, which is the last resort: give the host an SSH key"
    return (told if way.host_keys else f"{told}, and pin its host key: whoever answers for it first gets the password",)


def _login_secrets(observation: Observation, offered: OfferedKeys) -> RunSecrets:
    """The keys that the host and its bastions are offered, and the password for root."""
    first, *further = offered.keys or (SSHKey(""),)
    ways = _bastion_keys(observation, first)
    given = observation.ssh_key.become_password if observation.ssh_key else ""
    return RunSecrets(
        ssh_key=first.value,
        openssh_key=first.openssh,
        become_password=observation.become_password or (given if observation.machine.spec.use_sudo else ""),
        further_keys=tuple(key.openssh for key in further),
        given_keys=tuple(key.value for key in (*further, *ways)),
        certificates=_certificates((first, *further)),
        login_password=observation.ssh_key.login_password if observation.ssh_key else "",
        bastion_keys=tuple(key.openssh for key in ways),
        bastion_certificates=_certificates(ways),
    )


def _bastion_keys(observation: Observation, own: SSHKey) -> tuple[SSHKey, ...]:
    """The first key of each bastion that is valid now, and the machine's own where it has none."""
    given = observation.bastion_keys or [None for _ in observation.machine.spec.bastions]
    offered = (offered_keys(one, observation.now).keys if one is not None else (own,) for one in given)
    return tuple(keys[0] if keys else SSHKey("") for keys in offered)


def _certificates(keys: Sequence[SSHKey]) -> tuple[str, ...]:
    """See RunSecrets."""
    certificates = tuple(key.certificate.text if key.certificate else "" for key in keys)
    return certificates if any(certificates) else ()


def _require_keys(way: Connection, field: str) -> None:
    places = [(way.host_keys, field, "host"), *((one.host_keys, "", "bastion") for one in way.bastions)]
    for number, (keys, place, what) in enumerate(places):
        if not keys:
            problem = f"is needed with --host-key-policy=strict: no key of the {what} is known, and it is not contacted"
            name = f"{place or bastion_field(field, number - 1)}.hostKeys"
            raise InputError(problem, field=name, reason="HostKeyNotPinned")


def _field(machine: RemoteMachine) -> str:
    return "spec.machine" if machine.spec.pool else "spec"


def _accept_host_key(machine: RemoteMachine, options: PlanOptions) -> str:
    """See RunRequest: what the manifest says takes precedence, and a cluster keeps keys in an annotation."""
    if machine.spec.host_keys:
        return "put it in hostKeys of the PooledRemoteMachine" if machine.spec.pool else "put it in spec.hostKeys"
    if options.one_owner:
        # Who asks a host for its keys with `capra trust` does not know the way through a bastion.
        return "put it in spec.hostKeys" if machine.spec.bastion else ""
    return _without(machine, HOST_KEYS_ANNOTATION)


def _accept_bastion_key(machine: RemoteMachine, options: PlanOptions, bastion: Bastion, field: str) -> str:
    """The same for a bastion's."""
    if bastion.host_keys:
        return f"put it in {field}.hostKeys"
    return "" if options.one_owner else _without(machine, BASTION_HOST_KEYS_ANNOTATION)


def _without(machine: RemoteMachine, annotation: str) -> str:
    key = machine.key
    return f"kubectl annotate {key.kind.lower()} {key.name} --namespace {key.namespace} {annotation}-"


def hiding(secrets: RunSecrets, hidden: Hidden) -> RunSecrets:
    """The secrets of a run, with what is not to be shown."""
    return replace(
        secrets,
        hidden=ordered(hidden.parts),
        credentials=ordered(hidden.credentials),
        wholes=ordered(hidden.wholes),
    )
