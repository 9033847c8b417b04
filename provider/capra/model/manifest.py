"""The documents of a manifest that say something about a machine, in every API version. Frozen and strict: text is not
a number, and in Capra's own kinds an unknown field is an error. `capra.model.validation` reads them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from capra.model import checks
from capra.model.machine import DEFAULT_WORKING_DIR, MachineKey, MachineSpec, RemoteMachine

Address = Annotated[str, AfterValidator(checks.address)]
Port = Annotated[int, AfterValidator(checks.port)]
User = Annotated[str, AfterValidator(checks.user)]
AbsolutePath = Annotated[str, AfterValidator(checks.absolute_path)]
ObjectName = Annotated[str, AfterValidator(checks.object_name)]
Namespace = Annotated[str, AfterValidator(checks.namespace)]
# Only the list itself is lenient: YAML has no tuples. What stands in it is as strict as everything else.
Commands = Annotated[tuple[Annotated[str, AfterValidator(checks.command)], ...], Field(strict=False)]
HostKeys = Annotated[tuple[Annotated[str, AfterValidator(checks.host_key)], ...], Field(strict=False)]

_MODE = ConfigDict(strict=True, frozen=True, alias_generator=to_camel, hide_input_in_errors=True)


class Lenient(BaseModel):
    """A mapping of somebody else's kind: what is not known is left alone."""

    model_config = ConfigDict(**_MODE, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        """An API server drops nulls, and so `port:` with nothing after it means the default."""
        if not isinstance(value, dict):
            return value
        return {key: item for key, item in value.items() if item is not None}


class Strict(Lenient):
    """A mapping of Capra's own kinds."""

    model_config = ConfigDict(**_MODE, extra="forbid")


class Metadata(Lenient):
    """`metadata`, as far as it matters."""

    name: ObjectName
    namespace: Namespace = "default"
    uid: str = ""
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)


class SSHKeyReference(Strict):
    """`sshKeyRef`. Go clients send an empty name for no reference at all."""

    name: str = ""


class MachineFields(Strict):
    """What a RemoteMachine's spec and a PooledRemoteMachine's spec.machine share (reference/contract C). Both versions'
    names of the cleanup commands are known in either."""

    address: Address = ""
    port: Port = 22
    user: User = "root"
    use_sudo: bool = False
    commands_as_script: bool = False
    working_dir: AbsolutePath = DEFAULT_WORKING_DIR
    ssh_key_ref: SSHKeyReference = Field(default_factory=SSHKeyReference)
    clean_up_commands: Commands = ()
    custom_clean_up_commands: Commands = ()
    host_keys: HostKeys = ()

    @model_validator(mode="after")
    def _one_list_of_commands(self) -> MachineFields:
        given = {commands for commands in (self.clean_up_commands, self.custom_clean_up_commands) if commands}
        if len(given) > 1:
            raise ValueError("has both cleanUpCommands and customCleanUpCommands, and they differ; keep one")
        return self

    def to_spec(self, *, provider_id: str = "", pool: str = "") -> MachineSpec:
        """The fields in the engine's terms."""
        return MachineSpec(
            address=self.address,
            port=self.port,
            user=self.user,
            use_sudo=self.use_sudo,
            commands_as_script=self.commands_as_script,
            working_dir=self.working_dir,
            ssh_key_name=self.ssh_key_ref.name,
            clean_up_commands=self.clean_up_commands or self.custom_clean_up_commands,
            provider_id=provider_id,
            pool=pool,
            host_keys=self.host_keys,
        )


class RemoteMachineFields(MachineFields):
    """`spec` of a RemoteMachine."""

    provider_id: str = Field(default="", alias="providerID")
    pool: str = ""
    provision_job: Mapping[str, Any] | None = None

    @field_validator("provision_job")
    @classmethod
    def _no_job(cls, value: object) -> None:
        if value is not None:
            raise ValueError("is not supported yet: leave it out, and the host is reached over SSH directly")


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


class SecretDocument(Strict):
    """A Secret (v1)."""

    api_version: str
    kind: str
    metadata: Metadata
    type: str = "Opaque"
    immutable: bool = False
    data: Mapping[str, str] = Field(default_factory=dict, repr=False)
    string_data: Mapping[str, str] = Field(default_factory=dict, repr=False)

    @field_validator("data")
    @classmethod
    def _is_base64(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for key, text in value.items():
            try:
                base64.b64decode("".join(text.split()), validate=True)
            except (binascii.Error, ValueError):
                raise ValueError(f"key {key!r} is not base64; plain text belongs in stringData") from None
        return value

    def values(self) -> dict[str, bytes]:
        """Every key with its bytes; `stringData` wins over `data`, as the API server has it."""
        decoded = {key: base64.b64decode("".join(text.split())) for key, text in self.data.items()}
        return decoded | {key: text.encode() for key, text in self.string_data.items()}


class ConfigReference(Lenient):
    """`spec.bootstrap.configRef` of a Machine."""

    kind: str = ""


class MachineBootstrap(Lenient):
    """`spec.bootstrap` of a Machine."""

    config_ref: ConfigReference = Field(default_factory=ConfigReference)
    data_secret_name: str = ""


class InfrastructureReference(Lenient):
    """`spec.infrastructureRef` of a Machine; only v1beta1 has a namespace."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class CoreMachineFields(Lenient):
    """`spec` of a Machine."""

    cluster_name: str = ""
    bootstrap: MachineBootstrap = Field(default_factory=MachineBootstrap)
    infrastructure_ref: InfrastructureReference = Field(default_factory=InfrastructureReference)


class CoreMachineDocument(Lenient):
    """Cluster API's own Machine, as far as it leads to a RemoteMachine and its bootstrap data."""

    metadata: Metadata
    spec: CoreMachineFields = Field(default_factory=CoreMachineFields)

    @property
    def infrastructure(self) -> MachineKey:
        """The infrastructure machine that it owns."""
        reference = self.spec.infrastructure_ref
        return MachineKey(reference.namespace or self.metadata.namespace, reference.name, reference.kind)


MachineDocument = RemoteMachineDocument | PooledRemoteMachineDocument
Document = MachineDocument | SecretDocument | CoreMachineDocument
