"""The documents beside the machines: Secrets, ConfigMaps, and Cluster API's own Machine."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from pydantic import Field, field_validator

from capra.model.machine import MachineKey
from capra.model.manifest.base import Lenient, Metadata, Strict


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


class ConfigMapDocument(Strict):
    """A ConfigMap (v1)."""

    api_version: str
    kind: str
    metadata: Metadata
    immutable: bool = False
    data: Mapping[str, str] = Field(default_factory=dict)
    binary_data: Mapping[str, str] = Field(default_factory=dict)

    def values(self) -> dict[str, bytes]:
        """Every key of `data` with its bytes. A playbook is text: `binaryData` holds none."""
        return {key: text.encode() for key, text in self.data.items()}


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
