"""`spec.hostSelector` of a RemoteMachine: a LabelSelector of Kubernetes, with preferences and a strategy beside it.
Capra's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from capra.model.choosing.choice import HostSelector, Preference, Strategy
from capra.model.choosing.terms import COMPARING, WITHOUT_VALUES, Operator, Term, as_whole_number
from capra.model.machine import FACTS
from capra.model.manifest.base import Strict

MOST_TERMS, MOST_VALUES, MOST_PREFERENCES, MOST_WEIGHT = 32, 64, 16, 100
FACT_NAMES = (
    "os",
    "osVersion",
    "kernel",
    "architecture",
    "cpus",
    "memoryMiB",
    "diskMiB",
    "init",
    "virtualization",
    "machineID",
)
"""The facts of a host that can be selected by, in the order of `status.facts`."""

_PREFIX = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_NAME = r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"({_PREFIX}/)?{_NAME}")
VALUE = re.compile(r"[\x21-\x7e]{0,128}")
SHOWN_LENGTH = 60


def _shown(text: str) -> str:
    return f"; {text!r} is not" if len(text) <= SHOWN_LENGTH else ""


def _key(text: str) -> str:
    if len(text) > 317 or not _KEY.fullmatch(text):
        raise ValueError(f"must be the name of a label, as rack or example.org/rack{_shown(text)}")
    if text.startswith(FACTS) and text.removeprefix(FACTS) not in FACT_NAMES:
        raise ValueError(f"is no fact of a host{_shown(text)}; the facts are {', '.join(FACT_NAMES)}")
    return text


def _value(text: str) -> str:
    if not VALUE.fullmatch(text):
        raise ValueError(f"must be at most 128 printable ASCII characters without blanks{_shown(text)}")
    return text


def _few(most: int) -> AfterValidator:
    def check(values: Any) -> Any:
        if len(values) > most:
            raise ValueError(f"has {len(values)} items; at most {most} are accepted")
        return values

    return AfterValidator(check)


Key = Annotated[str, AfterValidator(_key)]
Value = Annotated[str, AfterValidator(_value)]


class MatchExpression(Strict):
    """An item of `matchExpressions`."""

    key: Key
    operator: str
    values: Annotated[tuple[Value, ...], _few(MOST_VALUES), Field(strict=False)] = ()

    @field_validator("operator")
    @classmethod
    def _known(cls, value: str) -> str:
        known = [one.value for one in Operator]
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}{_shown(value)}")
        return value

    @model_validator(mode="after")
    def _values_of_the_operator(self) -> MatchExpression:
        operator = Operator(self.operator)
        if operator in WITHOUT_VALUES:
            if self.values:
                raise ValueError(f"has values, which {operator} does not take; leave them out, or use In or NotIn")
        elif operator in COMPARING:
            if len(self.values) != 1 or as_whole_number(self.values[0]) is None:
                raise ValueError(f'needs one whole number in values for {operator}, as ["8"]')
        elif not self.values:
            raise ValueError(f"needs values for {operator}; to ask for the label alone, use Exists or DoesNotExist")
        return self

    def to_term(self) -> Term:
        """The term in the engine's words."""
        return Term(self.key, Operator(self.operator), self.values)


class LabelSelectorFields(Strict):
    """A LabelSelector."""

    match_labels: Annotated[Mapping[Key, Value], _few(MOST_TERMS)] = Field(default_factory=dict)
    match_expressions: Annotated[tuple[MatchExpression, ...], _few(MOST_TERMS), Field(strict=False)] = ()

    def to_terms(self) -> tuple[Term, ...]:
        """All of it as terms, the labels first, by name."""
        labels = [Term(key, Operator.IN, (value,)) for key, value in sorted(self.match_labels.items())]
        return (*labels, *(one.to_term() for one in self.match_expressions))


class PreferenceFields(Strict):
    """An item of `preferred`."""

    weight: int
    selector: LabelSelectorFields

    @field_validator("weight")
    @classmethod
    def _in_bounds(cls, value: int) -> int:
        if not 1 <= value <= MOST_WEIGHT:
            raise ValueError(f"must be from 1 to {MOST_WEIGHT}, but is {value}")
        return value

    @field_validator("selector")
    @classmethod
    def _selects(cls, value: LabelSelectorFields) -> LabelSelectorFields:
        if not value.to_terms():
            raise ValueError("is empty, and prefers every host alike; name what is liked, or leave the preference out")
        return value


class HostSelectorFields(LabelSelectorFields):
    """`hostSelector`."""

    preferred: Annotated[tuple[PreferenceFields, ...], _few(MOST_PREFERENCES), Field(strict=False)] = ()
    strategy: Strategy | None = Field(default=None, strict=False)

    def to_host_selector(self) -> HostSelector:
        """The selector in the engine's terms."""
        preferred = tuple(Preference(one.weight, one.selector.to_terms()) for one in self.preferred)
        return HostSelector(self.to_terms(), preferred, self.strategy or Strategy.NAME)
