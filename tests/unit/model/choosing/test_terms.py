"""What Kubernetes' operators mean."""

from __future__ import annotations

import pytest

from capra.model.choosing.terms import Operator, Term

LABELS = {"rack": "a", "cores": "16", "empty": "", "text": "many", "low": "-3"}

MET = [
    ("rack In a", True),
    ("rack In b,a", True),
    ("rack In b", False),
    ("none In a", False),
    ("rack NotIn a", False),
    ("rack NotIn b", True),
    ("none NotIn a", True),
    ("rack Exists", True),
    ("empty Exists", True),
    ("none Exists", False),
    ("rack DoesNotExist", False),
    ("none DoesNotExist", True),
    ("cores Gt 8", True),
    ("cores Gt 16", False),
    ("cores Lt 17", True),
    ("cores Lt 16", False),
    ("cores Gt 9", True),  # as numbers: as texts it would be less
    ("low Lt 0", True),
    ("text Gt 1", False),
    ("text Lt 1", False),
    ("none Gt 0", False),
    ("none Lt 9", False),
    ("empty Gt -1", False),
]


def term(text: str) -> Term:
    key, operator, *values = text.split()
    return Term(key, Operator(operator), tuple(values[0].split(",")) if values else ())


@pytest.mark.parametrize(("text", "met"), MET, ids=[text for text, _ in MET])
def test_a_term(text: str, met: bool) -> None:
    assert term(text).met_by(LABELS) is met


def test_a_number_that_is_none_is_met_by_nothing() -> None:
    assert not Term("cores", Operator.GT, ("many",)).met_by(LABELS)


@pytest.mark.parametrize(
    ("text", "told"),
    [("rack In a,b", "rack In (a, b)"), ("rack Exists", "rack Exists"), ("cores Gt 8", "cores Gt 8")],
)
def test_as_people_read_it(text: str, told: str) -> None:
    assert str(term(text)) == told


def test_many_values_are_cut_off() -> None:
    text = str(Term("rack", Operator.IN, tuple(f"value-{number}" for number in range(64))))
    assert text.endswith("…)")
    assert len(text) < 100
