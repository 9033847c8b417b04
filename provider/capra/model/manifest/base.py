"""What every document of a manifest is made of. Frozen and strict: text is not a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from capra.model import checks

ObjectName = Annotated[str, AfterValidator(checks.object_name)]
Namespace = Annotated[str, AfterValidator(checks.namespace)]

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
