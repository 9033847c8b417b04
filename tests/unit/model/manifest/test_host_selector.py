"""`hostSelector` as it is written, and what is told of a mistake in it."""

from __future__ import annotations

from typing import Any

import pytest

from capra.errors import InputError
from capra.kube.objects.probes.offers import MEASURED, TOLD
from capra.model.choosing.choice import HostSelector, Preference, Strategy
from capra.model.choosing.terms import Operator, Term
from capra.model.machine import FACTS
from capra.model.manifest.host_selector import FACT_NAMES, HostSelectorFields
from capra.model.manifest.validation import to_document, validate


def read(**fields: Any) -> HostSelector:
    return validate(HostSelectorFields, fields, "").to_host_selector()


def expressed(**expression: Any) -> dict[str, Any]:
    return {"matchExpressions": [expression]}


def test_a_plain_label_selector_and_what_stands_beside_it() -> None:
    liked = {"weight": 5, "selector": {"matchLabels": {"disk": "nvme"}}}
    selector = read(
        matchLabels={"b": "2", "example.org/a": ""},
        matchExpressions=[{"key": f"{FACTS}cpus", "operator": "Gt", "values": ["8"]}],
        preferred=[liked],
        strategy="Random",
    )
    assert selector.terms == (
        Term("b", Operator.IN, ("2",)),
        Term("example.org/a", Operator.IN, ("",)),
        Term(f"{FACTS}cpus", Operator.GT, ("8",)),
    )
    assert selector.preferred == (Preference(5, (Term("disk", Operator.IN, ("nvme",)),)),)
    assert selector.strategy is Strategy.RANDOM
    assert read() == HostSelector()


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"matchLabels": {"a label": "x"}}, "matchLabels", "must be the name of a label, as rack or example.org/rack"),
    ({"matchLabels": {f"{FACTS}arch": "x"}}, "matchLabels", "the facts are os, osVersion, kernel, architecture, cpus"),
    ({"matchLabels": {"rack": "a b"}}, "matchLabels.rack", "must be at most 128 printable ASCII characters"),
    ({"matchLabels": {"rack": 1}}, "matchLabels.rack", "must be text, but is a whole number; put it in quotes"),
    (expressed(key="k", operator="in", values=["a"]), "matchExpressions[0].operator", "must be one of In, NotIn"),
    (expressed(key="k", operator="In"), "matchExpressions[0]", "needs values for In; to ask for the label alone, use"),
    (expressed(key="k", operator="Exists", values=["a"]), "matchExpressions[0]", "has values, which Exists does not"),
    (
        expressed(key="k", operator="Gt", values=["8Gi"]),
        "matchExpressions[0]",
        "needs one whole number in values for Gt",
    ),
    (expressed(key="k", operator="Lt", values=["1", "2"]), "matchExpressions[0]", "needs one whole number"),
    (expressed(operator="Exists"), "matchExpressions[0].key", "is required"),
    ({"preferred": [{"weight": 0, "selector": {"matchLabels": {"a": "b"}}}]}, "preferred[0].weight", "from 1 to 100"),
    ({"preferred": [{"weight": 1, "selector": {}}]}, "preferred[0].selector", "is empty, and prefers every host alike"),
    ({"strategy": "Oldest"}, "strategy", "Name"),
    ({"required": {}}, "required", "is not known; known: matchExpressions, matchLabels, preferred, strategy"),
    ({"matchLabels": {f"k{n}": "" for n in range(33)}}, "matchLabels", "has 33 items; at most 32 are accepted"),
]


@pytest.mark.parametrize(("fields", "field", "problem"), MISTAKES, ids=[problem for _, _, problem in MISTAKES])
def test_a_mistake_is_told_with_its_field_and_what_would_be_right(
    fields: dict[str, Any], field: str, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(**fields)
    error = getattr(caught.value, "errors", (caught.value,))[0]
    assert error.field.startswith(field)
    assert problem in error.problem


def test_a_terminal_accepts_what_it_makes_no_use_of() -> None:
    kinds = {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "metadata": {"name": "m"}}
    selector = {"matchLabels": {"rack": "a"}}
    spec = {"address": "192.0.2.1", "hostSelector": selector, "failureDomain": "x"}
    machine = {**kinds, "kind": "RemoteMachine", "spec": spec}
    entry = {**kinds, "kind": "PooledRemoteMachine", "spec": {"pool": "p", "failureDomain": "x", "machine": {}}}
    for document in (machine, entry):
        assert to_document(document, "a document") is not None
    with pytest.raises(InputError, match="must be a name of at most 256 characters"):
        to_document({**entry, "spec": {"pool": "p", "failureDomain": "a b", "machine": {}}}, "")


def test_the_facts_are_those_that_are_labels() -> None:
    assert {*TOLD, *MEASURED.values()} == set(FACT_NAMES)
