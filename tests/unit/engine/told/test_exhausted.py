"""What a machine is told that gets no host."""

from __future__ import annotations

from dataclasses import replace

from capra.engine.told.exhausted import exhausted
from capra.model.choosing.choice import Choice, HostSelector, Shortfall
from capra.model.choosing.terms import Operator, Term
from capra.model.machine import FACTS, MachineSpec
from capra.model.observation import Observation
from capra.model.pool import Holder, PoolEntry
from tests.unit.engine.examples import observation

RACK = Term("rack", Operator.IN, ("a",))


SEEN = observation(spec={"address": "", "pool": "p"})


def test_what_nobody_has_and_who_is_nearest() -> None:
    shortfall = Shortfall(("rack In (a)", "disk Exists"), ("disk Exists",), "e", ("disk Exists",))
    assert exhausted(_with(shortfall), ()) == (
        "no entry of pool p is what this machine wants (rack In (a) and disk Exists): no entry has disk Exists; the"
        " nearest is e, which fails disk Exists"
    )


def test_terms_that_nobody_meets_together() -> None:
    told = exhausted(_with(Shortfall(("a Exists", "b Exists"), (), "e", ("b Exists",))), ())
    assert "each term is met, but not together; the nearest is e, which fails b Exists" in told


def test_a_fact_that_nobody_has_shows_where_facts_come_from() -> None:
    term = f"{FACTS}os In (debian)"
    assert exhausted(_with(Shortfall((term,), (term,), "e", (term,))), ()).endswith("(--probe-interval)")


def test_a_message_is_bounded() -> None:
    terms = tuple(f"{'x' * 300}{number} Exists" for number in range(32))
    told = exhausted(_with(Shortfall(terms, terms, "e", terms)), ())
    assert len(told) < 1900
    assert told.count("and 29 more") == 3


def test_those_that_fit_are_named_with_what_is_wanted() -> None:
    entry = PoolEntry("e", MachineSpec(), Holder("m", "uid"))
    choice = Choice(HostSelector((RACK,)), "x")
    told = exhausted(_chosen(choice), (entry,))
    assert told == (
        "waiting for an entry of pool p with failureDomain = x and rack In (a) to become available: e is reserved by m"
    )


def _with(shortfall: Shortfall) -> Observation:
    return replace(SEEN, shortfall=shortfall)


def _chosen(choice: Choice) -> Observation:
    return replace(SEEN, choice=choice)
