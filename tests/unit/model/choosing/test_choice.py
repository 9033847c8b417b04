"""Which host fits, and which comes first."""

from __future__ import annotations

from collections import Counter

from capra.model.choosing.choice import ANY_HOST, Choice, HostSelector, Offer, Preference, Strategy
from capra.model.choosing.terms import Operator, Term

RACK = Term("rack", Operator.IN, ("a",))
DISK = Term("disk", Operator.EXISTS)
CHOICE = Choice(HostSelector((RACK, DISK)), "x")


def liking(*preferred: Preference, strategy: Strategy = Strategy.NAME) -> Choice:
    return Choice(HostSelector(preferred=preferred, strategy=strategy))


def first(choice: Choice, **offers: Offer) -> list[str]:
    return sorted(offers, key=lambda name: (choice.rank(offers[name], fit=True), name))


def test_every_term_and_the_domain_must_be_met() -> None:
    assert CHOICE.terms == ("failureDomain = x", "rack In (a)", "disk Exists")
    good = Offer({"rack": "a", "disk": "nvme"}, "x")
    assert CHOICE.fits(good)
    assert CHOICE.met(Offer({"rack": "a"}, "y")) == (False, True, False)
    assert not CHOICE.fits(Offer(good.labels, "y"))
    assert not CHOICE.fits(Offer({"rack": "b", "disk": "nvme"}, "x"))
    assert ANY_HOST.fits(Offer())
    assert ANY_HOST.terms == ()


def test_weights_are_added_up() -> None:
    choice = liking(Preference(30, (RACK,)), Preference(30, (DISK,)), Preference(50, (Term("old", Operator.EXISTS),)))
    both, old, rack = Offer({"rack": "a", "disk": ""}), Offer({"old": ""}), Offer({"rack": "a"})
    assert first(choice, a_none=Offer(), b_rack=rack, c_old=old, d_both=both) == ["d_both", "c_old", "b_rack", "a_none"]


def test_all_terms_of_a_preference_are_liked_together() -> None:
    choice = liking(Preference(100, (RACK, DISK)))
    assert first(choice, a=Offer({"rack": "a"}), b=Offer({"rack": "a", "disk": ""})) == ["b", "a"]


def test_a_host_that_is_known_to_be_fit_comes_before_one_that_is_liked() -> None:
    choice = liking(Preference(100, (RACK,)))
    assert choice.rank(Offer(), fit=True) < choice.rank(Offer({"rack": "a"}), fit=False)


def test_the_one_given_back_the_longest_ago_and_before_it_those_never_used() -> None:
    choice = liking(strategy=Strategy.LEAST_RECENTLY_USED)
    offers = {"a": Offer(released="2026-02-01T00:00:00Z"), "b": Offer(released="2026-01-31T23:59:59Z"), "c": Offer()}
    assert first(choice, **offers) == ["c", "b", "a"]
    assert first(liking(), **offers) == ["a", "b", "c"]


def test_chance_is_another_one_each_time_that_a_host_is_given_back() -> None:
    choice = liking(strategy=Strategy.RANDOM)
    winners = Counter(
        first(choice, **{name: Offer(uid=f"uid-{name}", released=str(turn)) for name in "abcd"})[0]
        for turn in range(400)
    )
    assert set(winners) == set("abcd")
    assert min(winners.values()) > 50
    offer = Offer(uid="uid", released="1")
    assert choice.rank(offer, fit=True) == choice.rank(offer, fit=True)
