"""One term of a selector of labels, with Kubernetes' operators and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

VALUE_LENGTH = 80
"""Characters of a term's values in a message."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class Operator(StrEnum):
    """Kubernetes' names: those of a LabelSelector, and `Gt` and `Lt` of a node affinity, for whole numbers."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GT = "Gt"
    LT = "Lt"


COMPARING = frozenset({Operator.GT, Operator.LT})
WITHOUT_VALUES = frozenset({Operator.EXISTS, Operator.DOES_NOT_EXIST})


@dataclass(frozen=True)
class Term:
    """A requirement of one label. A label that is not there meets `NotIn` and `DoesNotExist`, and nothing else."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def met_by(self, labels: Mapping[str, str]) -> bool:
        """These labels meet it."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.DOES_NOT_EXIST:
                return value is None
            case Operator.NOT_IN:
                return value is None or value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.IN:
                return value is not None and value in self.values
        given, bound = as_whole_number(value), as_whole_number(self.values[0])
        if given is None or bound is None:
            return False
        return given > bound if self.operator is Operator.GT else given < bound

    def __str__(self) -> str:
        if self.operator in WITHOUT_VALUES:
            return f"{self.key} {self.operator}"
        values = ", ".join(self.values)
        values = f"{values[:VALUE_LENGTH]}…" if len(values) > VALUE_LENGTH else values
        return f"{self.key} {self.operator} {values if self.operator in COMPARING else f'({values})'}"


def as_whole_number(text: str | None) -> int | None:
    """The number; None for anything else."""
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None
