"""The documents of a manifest that are machines, in every API version. In Capra's own kinds an unknown field is an
error. `capra.model.manifest.validation` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from capra.model import checks
from capra.model.bastion import MOST_BASTIONS, Bastion
from capra.model.machine import DEFAULT_WORKING_DIR, BecomeMethod, CleanUp, MachineKey, MachineSpec, RemoteMachine
from capra.model.manifest.ansible import AnsibleFields
from capra.model.manifest.base import Metadata, Strict
from capra.model.manifest.host_selector import HostSelectorFields

HostAddress = Annotated[str, AfterValidator(checks.address)]
RequiredAddress = Annotated[str, AfterValidator(checks.required_address)]
Port = Annotated[int, AfterValidator(checks.port)]
User = Annotated[str, AfterValidator(checks.user)]
AbsolutePath = Annotated[str, AfterValidator(checks.absolute_path)]
# Only the list itself is lenient: YAML has no tuples. What stands in it is as strict as everything else.
Commands = Annotated[tuple[Annotated[str, AfterValidator(checks.command)], ...], Field(strict=False)]
FailureDomain = Annotated[str, AfterValidator(checks.failure_domain)]
HostKeys = Annotated[tuple[Annotated[str, AfterValidator(checks.pinned_key)], ...], Field(strict=False)]


class SSHKeyReference(Strict):
    """`sshKeyRef`. Go clients send an empty name for no reference at all."""

    name: str = ""


class BecomePasswordReference(Strict):
    """`becomePasswordRef`."""

    name: str = ""
    key: str = "value"


class BastionFields(Strict):
    """`bastion`, of a machine or of a bastion."""

    address: RequiredAddress
    port: Port = 22
    user: User = "root"
    ssh_key_ref: SSHKeyReference = Field(default_factory=SSHKeyReference)
    host_keys: HostKeys = ()
    bastion: BastionFields | None = None

    def to_bastion(self) -> Bastion:
        """The bastion in the engine's terms."""
        return Bastion(
            address=self.address,
            port=self.port,
            user=self.user,
            ssh_key_name=self.ssh_key_ref.name,
            host_keys=self.host_keys,
            bastion=self.bastion.to_bastion() if self.bastion is not None else None,
        )


def _chained(value: Any) -> Any:
    """A chain that is not too long, before anybody goes down it."""
    length, one = 0, value
    while isinstance(one, dict):
        length, one = length + 1, one.get("bastion")
    if length > MOST_BASTIONS:
        raise ValueError(f"is a chain of {length} bastions; at most {MOST_BASTIONS} may lead to a host")
    return value


def dump_bastion(bastion: Bastion | None) -> dict[str, Any] | None:
    """What `BastionFields` reads, as a merge patch: what it does not say is taken away. None without one."""
    if bastion is None:
        return None
    return {
        "address": bastion.address,
        "port": bastion.port,
        "user": bastion.user,
        "sshKeyRef": {"name": bastion.ssh_key_name} if bastion.ssh_key_name else None,
        "hostKeys": list(bastion.host_keys) or None,
        "bastion": dump_bastion(bastion.bastion),
    }


class MachineFields(Strict):
    """What a RemoteMachine's spec and a PooledRemoteMachine's spec.machine share (docs/reference/contract.md). Both
    versions' names of the cleanup commands are known in either."""

    address: HostAddress = ""
    port: Port = 22
    user: User = "root"
    use_sudo: bool = False
    become_method: BecomeMethod | None = Field(default=None, strict=False)
    become_password_ref: BecomePasswordReference = Field(default_factory=BecomePasswordReference)
    commands_as_script: bool = False
    working_dir: AbsolutePath = DEFAULT_WORKING_DIR
    ssh_key_ref: SSHKeyReference = Field(default_factory=SSHKeyReference)
    clean_up_commands: Commands = ()
    custom_clean_up_commands: Commands = ()
    clean_up: CleanUp | None = Field(default=None, strict=False)
    host_keys: HostKeys = ()
    ansible: AnsibleFields = Field(default_factory=AnsibleFields)
    bastion: Annotated[BastionFields | None, BeforeValidator(_chained)] = None

    @model_validator(mode="after")
    def _one_list_of_commands(self) -> MachineFields:
        given = {commands for commands in (self.clean_up_commands, self.custom_clean_up_commands) if commands}
        if len(given) > 1:
            raise ValueError("has both cleanUpCommands and customCleanUpCommands, and they differ; keep one")
        return self

    @model_validator(mode="after")
    def _becomes_somebody(self) -> MachineFields:
        given = {"becomeMethod": self.become_method, "becomePasswordRef": self.become_password_ref.name}
        if not self.use_sudo and (names := [name for name, value in given.items() if value]):
            raise ValueError(f"has {' and '.join(names)} without useSudo: set useSudo: true, or take that out")
        return self

    def to_spec(self, *, provider_id: str = "", pool: str = "") -> MachineSpec:
        """The fields in the engine's terms."""
        return MachineSpec(
            address=self.address,
            port=self.port,
            user=self.user,
            use_sudo=self.use_sudo,
            become_method=self.become_method or BecomeMethod.SUDO,
            become_secret=self.become_password_ref.name,
            become_key=(self.become_password_ref.key or "value") if self.become_password_ref.name else "",
            commands_as_script=self.commands_as_script,
            working_dir=self.working_dir,
            ssh_key_name=self.ssh_key_ref.name,
            clean_up_commands=self.clean_up_commands or self.custom_clean_up_commands,
            clean_up=self.clean_up,
            provider_id=provider_id,
            pool=pool,
            host_keys=self.host_keys,
            ansible=self.ansible.to_ansible(),
            bastion=self.bastion.to_bastion() if self.bastion is not None else None,
        )


class RemoteMachineFields(MachineFields):
    """`spec` of a RemoteMachine. What it wants of a host is read where one is chosen."""

    provider_id: str = Field(default="", alias="providerID")
    pool: str = ""
    host_selector: HostSelectorFields = Field(default_factory=HostSelectorFields)
    failure_domain: FailureDomain = ""
    provision_job: Mapping[str, Any] | None = None

    @field_validator("provision_job")
    @classmethod
    def _no_job(cls, value: object) -> None:
        if value is not None:
            raise ValueError("asks for a Kubernetes Job, which only the controller runs: leave it out to use SSH here")


class RemoteMachineDocument(Strict):
    """A RemoteMachine."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: RemoteMachineFields = Field(default_factory=RemoteMachineFields)
    status: Any = None

    def to_machine(self) -> RemoteMachine:
        """The machine in the engine's terms."""
        fields = self.spec.to_spec(provider_id=self.spec.provider_id, pool=self.spec.pool)
        return _machine(self.metadata, self.kind, fields)


class PooledFields(Strict):
    """`spec` of a PooledRemoteMachine."""

    pool: str
    failure_domain: FailureDomain = ""
    machine: MachineFields


class PooledRemoteMachineDocument(Strict):
    """An entry of a pool, which from a terminal is a machine like any other."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: PooledFields
    status: Any = None

    def to_machine(self) -> RemoteMachine:
        """The machine in the engine's terms."""
        return _machine(self.metadata, self.kind, self.spec.machine.to_spec(pool=self.spec.pool))


def _machine(metadata: Metadata, kind: str, spec: MachineSpec) -> RemoteMachine:
    return RemoteMachine(
        key=MachineKey(metadata.namespace, metadata.name, kind),
        spec=spec,
        uid=metadata.uid,
        labels=metadata.labels,
        annotations=metadata.annotations,
    )
