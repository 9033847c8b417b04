"""From plain data to a document of `capra.model.manifest.machines`, with errors for people. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from capra.errors import InputError, InputErrors
from capra.model.machine import GROUP
from capra.model.manifest.machines import PooledRemoteMachineDocument, RemoteMachineDocument
from capra.model.manifest.others import ConfigMapDocument, CoreMachineDocument, SecretDocument

Document = (
    RemoteMachineDocument | PooledRemoteMachineDocument | SecretDocument | ConfigMapDocument | CoreMachineDocument
)

CORE_GROUP = "cluster.x-k8s.io"
K0SCTL_GROUP = "k0sctl.k0sproject.io"
API_VERSIONS = ("v1beta1", "v1beta2")
TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
}
"""pydantic's name of a type error to what would be right."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Kind:
    """A kind that is read. group: empty for the core group. versions: those that are known."""

    name: str
    group: str
    versions: tuple[str, ...]
    model: type[Document]

    @property
    def api_versions(self) -> list[str]:
        """Every apiVersion that is known, as it stands in a manifest."""
        return [f"{self.group}/{version}" if self.group else version for version in self.versions]


KINDS = (
    Kind("RemoteMachine", GROUP, API_VERSIONS, RemoteMachineDocument),
    Kind("PooledRemoteMachine", GROUP, API_VERSIONS, PooledRemoteMachineDocument),
    Kind("Machine", CORE_GROUP, API_VERSIONS, CoreMachineDocument),
    Kind("Secret", "", ("v1",), SecretDocument),
    Kind("ConfigMap", "", ("v1",), ConfigMapDocument),
)
SHOWN = frozenset(
    {
        "address",
        "port",
        "user",
        "useSudo",
        "becomeMethod",
        "commandsAsScript",
        "workingDir",
        "pool",
        "cleanUp",
        "name",
        "namespace",
    }
)
"""Fields whose values are told where they are wrong. All others may hold a secret."""

CONTENTS = frozenset({"data", "stringData"})
"""What Secrets and ConfigMaps hold. Nothing of it is told."""

KEY = "[key]"
"""pydantic's last part of the place of a mapping's key."""

SHOWN_LENGTH = 60
"""Characters of such a value: a longer one is something else that came there by mistake."""

OTHER_OWN_KINDS = ("RemoteCluster", "RemoteClusterTemplate", "RemoteMachineTemplate")


def to_document(content: Mapping[str, Any], subject: str) -> Document | None:
    """The document, or None for one that stands in a cluster's manifests and says nothing about a machine.

    subject: what errors call it. Raises InputError or InputErrors.
    """
    api_version, name = (_text(content, field, subject) for field in ("apiVersion", "kind"))
    group, _, _ = api_version.rpartition("/")
    kind = next((kind for kind in KINDS if (kind.name, kind.group) == (name, group)), None)
    if kind is None:
        _refuse_unless_ignored(group, api_version, name, subject)
        return None
    if api_version not in kind.api_versions:
        known = " and ".join(kind.api_versions)
        raise InputError(f"{api_version} is not known for {name}; known: {known}", subject=subject, field="apiVersion")
    return validate(kind.model, content, subject)


def _text(content: Mapping[str, Any], field: str, subject: str) -> str:
    value = content.get(field)
    if not isinstance(value, str) or not value:
        raise InputError("is required, and must be text", subject=subject, field=field)
    return value


def _refuse_unless_ignored(group: str, api_version: str, name: str, subject: str) -> None:
    if (group, name) == ("", "Namespace"):
        return
    ours = [kind.name for kind in KINDS]
    close = difflib.get_close_matches(name, ours, 1, 0.8) if name not in OTHER_OWN_KINDS else []
    cluster_api = group == CORE_GROUP or group.endswith(f".{CORE_GROUP}")
    if cluster_api and (group != GROUP or not close):  # a mistyped name of a machine is not left alone
        return
    hint = f"did you mean {close[0]}? " if close else ""
    if group == K0SCTL_GROUP:
        hint = "capra up and capra down take this file, and capra import makes machines of it. "
    raise InputError(
        f"{name} of {api_version} is not known; {hint}Known: RemoteMachine and PooledRemoteMachine of {GROUP}, Machine"
        f" of {CORE_GROUP}, Secret and ConfigMap of v1; Namespace and other kinds of Cluster API are left alone",
        subject=subject,
        field="kind",
    )


def validate(model: type[Model], content: Mapping[str, Any], subject: str) -> Model:
    """The content as this model. Raises InputErrors with every problem; of values only those of SHOWN are told."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [_problem(model, details, subject) for details in error.errors(include_url=False)]
    raise InputErrors(problems) if len(problems) > 1 else problems[0]


def _problem(model: type[BaseModel], details: ErrorDetails, subject: str) -> InputError:
    place = details["loc"]
    if details["type"] == "invalid_key" or place[-1:] == (KEY,):
        place = place[: -2 if place[-1] == KEY else -1]
        if not isinstance(details["input"], str):
            return InputError(_about_key(details), subject=subject, field=path(place))
    return InputError(_sentence(model, details) + _given(details), subject=subject, field=path(place))


def _about_key(details: ErrorDetails) -> str:
    """Of a mapping."""
    key = details["input"]
    shown = f" {key!r}" if isinstance(key, int | float) and details["loc"][0] not in CONTENTS else ""
    return f"its key{shown} must be text, but is {kind_of(key)}; put it in quotes"


def _given(details: ErrorDetails) -> str:
    """The value, where it can be no secret and the sentence does not tell it."""
    value, place = details["input"], details["loc"]
    if not place or place[-1] not in SHOWN or place[0] in CONTENTS or details["type"] == "missing":
        return ""
    if not isinstance(value, str | int | float):
        return ""
    text = repr(value)
    told = isinstance(value, int) and details["type"] == "value_error"
    return "" if told or len(text) > SHOWN_LENGTH else f" (given: {text})"


def path(place: Iterable[int | str]) -> str:
    """`spec.cleanUpCommands[1]` of its parts."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _sentence(model: type[BaseModel], details: ErrorDetails) -> str:
    kind = details["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return _unknown_field(model, details["loc"])
    if kind in TYPES:
        given = details["input"]
        hint = "; put it in quotes" if kind == "string_type" and isinstance(given, bool | int | float | date) else ""
        return f"must be {TYPES[kind]}, but is {kind_of(given)}{hint}"
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind == "enum":
        return f"must be {details['ctx']['expected']}"
    return f"cannot be {kind_of(details['input'])} like this one: docs/reference/api.md tells what it may be"


def kind_of(value: object) -> str:
    """What a person calls the kind of a plain value. Never the value: it may be a secret."""
    names: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number with a fraction"),
        (str, "text"),
        (list, "a list"),
        (dict, "a mapping"),
        (date, "a date"),
        (bytes, "binary"),
        (type(None), "empty"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)


def _unknown_field(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    known = _known_fields(model, place[:-1])
    close = difflib.get_close_matches(str(place[-1]), known, 1, 0.6)
    return f"is not a known field; did you mean {close[0]}?" if close else f"is not known; known: {', '.join(known)}"


def _known_fields(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The names of the fields at a place in the document."""
    for part in place:
        if isinstance(part, int):  # the item of a list is of the list's own model
            continue
        annotation = next(field.annotation for field in model.model_fields.values() if field.alias == part)
        inner = [one for one in (annotation, *get_args(annotation)) if isinstance(one, type)]
        models = [one for one in inner if issubclass(one, BaseModel)]
        if not models:
            return []
        model = models[0]
    return sorted(field.alias or name for name, field in model.model_fields.items())
