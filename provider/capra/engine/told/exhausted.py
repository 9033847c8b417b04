"""What a machine is told that waits for a host of its pool. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capra.model.choosing.choice import ANY_HOST, Shortfall
from capra.model.machine import FACTS
from capra.model.observation import Observation
from capra.model.pool import PoolEntry
from capra.model.probe import Obstacle

NAMED_ENTRIES = 5
"""How many entries of an exhausted pool are named."""

NAMED_TERMS = 3
"""How many terms of a choice are."""

TERM_LENGTH = 160
"""Characters of each of them."""


def exhausted(observation: Observation, entries: Sequence[PoolEntry]) -> str:
    """A sentence on each entry that the machine could have, or on why there is none. entries: those that fit."""
    pool = observation.machine.spec.pool
    if observation.shortfall is not None:
        return _none_fits(pool, observation.shortfall)
    if not entries:
        return f"pool {pool} has no entries: waiting for a PooledRemoteMachine with spec.pool {pool}"
    told = ", ".join(f"{entry.name} {entry.unavailable}" for entry in entries[:NAMED_ENTRIES])
    left = max(observation.pool_size, len(entries)) - NAMED_ENTRIES
    more = f", and {left} more" if left > 0 else ""
    terms = observation.choice.terms if observation.choice != ANY_HOST else ()
    what = f"an entry of pool {pool}" + (f" with {_listed(terms)}" if terms else "")
    return f"waiting for {what} to become available: {told}{more}{_probed(observation)}"


def _none_fits(pool: str, shortfall: Shortfall) -> str:
    lacking = f"no entry has {_listed(shortfall.nobody)}" if shortfall.nobody else "each term is met, but not together"
    hint = "; probes tell facts (--probe-interval)" if any(term.startswith(FACTS) for term in shortfall.nobody) else ""
    return (
        f"no entry of pool {pool} is what this machine wants ({_listed(shortfall.wanted)}): {lacking}; the nearest is"
        f" {shortfall.nearest}, which fails {_listed(shortfall.fails)}{hint}"
    )


def _listed(terms: Iterable[str]) -> str:
    every = [term if len(term) <= TERM_LENGTH else f"{term[:TERM_LENGTH]}…" for term in terms]
    left = len(every) - NAMED_TERMS
    return " and ".join(every[:NAMED_TERMS]) + (f" and {left} more" if left > 0 else "")


def _probed(observation: Observation) -> str:
    """How many entries only their last probe keeps back, and what is in the way of the one with the least."""
    numbers = {Obstacle.UNREACHABLE: observation.pool_unreachable, Obstacle.UNFIT: observation.pool_unfit}
    counted = " and ".join(f"{number} {word.value}" for word, number in numbers.items() if number)
    known = [(entry.probe, entry.name) for entry in observation.pool if entry.probe and not entry.barred]
    against = [(one.obstacle is Obstacle.UNREACHABLE, one.errors, name, one) for one, name in known if one.obstacle]
    if not counted or not against:
        return ""
    *_, name, probe = min(against, key=lambda one: one[:3])
    return f"; by their last probes {counted}; the nearest is {name}: {probe.message}"
