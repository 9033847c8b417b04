"""Finds the entries of a pool that are what a machine wants, the best one first.

A choice is learnt when it is first asked for: all entries of its pool are looked at once. From then on every change of
an entry keeps what is known of it true, so that neither the thousandth machine of a template nor one that waits looks
at the pool again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import cast

from capra.kube.cache.choosing.lines import Lines
from capra.kube.cache.choosing.wants import wanted_host
from capra.kube.cache.index import Index, Trait
from capra.kube.cache.known import FREE, TO_BE_HAD, By, Known
from capra.kube.client.resources import ENTRIES, MACHINES, Raw, name_of, namespace_of
from capra.kube.objects.fields import pool_of
from capra.kube.objects.probes.offers import to_offer
from capra.model.choosing.choice import ANY_HOST, Choice, Offer, Shortfall
from capra.model.observation import Problem
from capra.model.probe import Obstacle

MOST = 64
"""Choices of one pool that are kept up to date beside twice as many as machines wait for; of more, those that were not
asked for the longest are forgotten, and learnt again when they are asked for. A template makes one, and three failure
domains make three of it."""


class Choosing:
    """What is known of choices, and who waits. cache: which knows the objects."""

    def __init__(self, cache: Known) -> None:
        self._cache = cache
        self._index = Index()
        self._numbers = count()
        self._learnt: dict[tuple[str, str], dict[Choice, int]] = {}
        """By namespace and pool: its choices, and the number that stands for each; what was asked for last comes
        last."""
        self.lines = Lines()

    def machine_changed(self, namespace: str, name: str, its: frozenset[Trait]) -> None:
        """A machine, or its owner, has changed. its: traits that the machine has by itself."""
        waits = next((trait for trait in its if trait.by is By.WAITING), None)
        machine = self._cache.get(MACHINES, namespace, name)
        wants = wanted_host(self._cache, machine) if waits is not None and machine is not None else None
        if waits is None or wants is None or isinstance(wants, Problem):
            left = self.lines.leave(namespace, name)
            empty = left and not self._cache.number(ENTRIES, namespace, By.POOL, left)
            if empty and not self.lines.of(namespace, left):
                self._learnt.pop((namespace, left), None)  # nobody has use for it
        else:
            self.lines.set(namespace, name, str(waits.value), wants, waits.order)

    def entry_changed(self, namespace: str, name: str, raw: Raw | None, its: frozenset[Trait]) -> None:
        """An entry, or what others make of it, has changed; None: it has gone. its: the traits that are shared."""
        choices = self._learnt.get((namespace, pool_of(raw)), {}) if raw is not None else {}
        found: frozenset[Trait] = frozenset()
        if raw is not None and choices:
            offer = to_offer(raw, facts=self._cache.probes)
            found = found.union(*(_traits(choice, number, offer, its) for choice, number in choices.items()))
        self._index.set(ENTRIES, namespace, name, found)

    def effective(self, namespace: str, pool: str, wants: Choice) -> Choice:
        """What counts of that in this pool: failure domains do where any entry names one."""
        if wants.failure_domain and not self._cache.number(ENTRIES, namespace, By.DOMAIN, pool):
            return replace(wants, failure_domain="")
        return wants

    def choice_of(self, machine: Raw) -> Choice | Problem:
        """What counts for this machine, or what is wrong with what it wants."""
        wants = wanted_host(self._cache, machine)
        if isinstance(wants, Problem):
            return wants
        return self.effective(namespace_of(machine), pool_of(machine), wants)

    def to_be_had(self, namespace: str, pool: str, choice: Choice) -> int:
        """How many entries that fit can be handed out; those that are to be tried again count as one."""
        if choice == ANY_HOST:
            available, silent = (self._cache.number(ENTRIES, namespace, by, pool) for by in (By.AVAILABLE, By.SILENT))
        else:
            available, silent = (self.number(namespace, pool, choice, by) for by in (By.CHOSEN, By.CHOSEN_SILENT))
        return available + bool(silent)

    def find(
        self, namespace: str, pool: str, choice: Choice, by: By, obstacle: Obstacle | None = None
    ) -> Iterator[Raw]:
        """The entries of the pool that are found by this. To change the cache meanwhile, make a list of them first."""
        number = self._number(namespace, pool, choice)
        for _, name in self._index.find(ENTRIES, namespace, by, (number, obstacle) if obstacle else number):
            raw = self._cache.get(ENTRIES, namespace, name)
            if raw is not None:
                yield raw

    def number(self, namespace: str, pool: str, choice: Choice, by: By, obstacle: Obstacle | None = None) -> int:
        """How many those are."""
        number = self._number(namespace, pool, choice)
        return len(self._index.find(ENTRIES, namespace, by, (number, obstacle) if obstacle else number))

    def shortfall(self, namespace: str, pool: str, choice: Choice) -> Shortfall | None:
        """Why no entry of the pool fits; None where one does, or there is none."""
        if self.number(namespace, pool, choice, By.FITTING):
            return None
        number = self._number(namespace, pool, choice)
        nearest = next(self.find(namespace, pool, choice, By.FAILING), None)
        if nearest is None:
            return None
        meeting = [self._index.find(ENTRIES, namespace, By.MEETING, (number, n)) for n in range(len(choice.terms))]
        met = choice.met(to_offer(nearest, facts=self._cache.probes))
        return Shortfall(
            wanted=choice.terms,
            nobody=tuple(term for term, names in zip(choice.terms, meeting, strict=True) if not names),
            nearest=name_of(nearest),
            fails=tuple(term for term, fine in zip(choice.terms, met, strict=True) if not fine),
        )

    def _number(self, namespace: str, pool: str, choice: Choice) -> int:
        """The number that stands for a choice, which is learnt by then."""
        choices = self._learnt.setdefault((namespace, pool), {})
        number = choices.pop(choice, None)
        if number is not None:
            choices[choice] = number
            return number
        choices[choice] = number = next(self._numbers)
        most = MOST + 2 * len(self.lines.of(namespace, pool))  # each event asks for those that are waited for
        forgotten = choices.pop(next(iter(choices))) if len(choices) > most else None
        for raw in self._cache.by(ENTRIES, namespace, By.POOL, pool):
            its = self._cache.standing(raw)
            offer = to_offer(raw, facts=self._cache.probes)
            known = self._index.of(ENTRIES, namespace, name_of(raw))
            kept = known if forgotten is None else {one for one in known if _number_of(one) != forgotten}
            self._index.set(ENTRIES, namespace, name_of(raw), frozenset(kept | _traits(choice, number, offer, its)))
        return number


def _number_of(trait: Trait) -> object:
    return trait.value[0] if isinstance(trait.value, tuple) else trait.value


def _traits(choice: Choice, number: int, offer: Offer, its: frozenset[Trait]) -> set[Trait]:
    """What an entry is found by for this choice. its: the traits that say whether it can be handed out."""
    met = choice.met(offer)
    found = {Trait(By.MEETING, (number, n)) for n, fine in enumerate(met) if fine}
    standing = next((trait for trait in its if trait.by in FREE), None)
    if not all(met):
        taken = standing is None or standing.by not in TO_BE_HAD
        found.add(Trait(By.FAILING, number, f"{met.count(False):03}{int(taken)}"))
        return found
    found.add(Trait(By.FITTING, number))
    if standing is None:
        return found
    if standing.by is By.AVAILABLE:
        found.add(Trait(By.CHOSEN, number, choice.rank(offer, fit=standing.order != "1")))
    elif standing.by is By.SILENT:
        found.add(Trait(By.CHOSEN_SILENT, number, standing.order))
    else:
        _, obstacle = cast(tuple[str, Obstacle], standing.value)
        found.add(Trait(By.CHOSEN_PROBED, (number, obstacle), standing.order))
    return found
