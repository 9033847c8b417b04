"""What a machine wants of its host, and which of those that it may have comes first."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from capra.model.choosing.terms import Term

HIGHEST = 99_999
"""More than all weights of a selector together."""


class Strategy(StrEnum):
    """Which of several hosts that are wanted alike comes first."""

    NAME = "Name"
    """The first entry by name."""
    LEAST_RECENTLY_USED = "LeastRecentlyUsed"
    """The one that was never given back, or the longest ago."""
    RANDOM = "Random"
    """By chance, anew each time that one is given back."""


@dataclass(frozen=True)
class Preference:
    """What is liked of a host. weight: 1 to 100."""

    weight: int
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class HostSelector:
    """`spec.hostSelector` of a RemoteMachine. terms: a host must meet all of them."""

    terms: tuple[Term, ...] = ()
    preferred: tuple[Preference, ...] = ()
    strategy: Strategy = Strategy.NAME


@dataclass(frozen=True)
class Offer:
    """What a host of a pool is chosen by. labels: those of its entry, and its facts as labels. released: when it was
    given back last, as RFC 3339; empty where it never was. uid: the entry's."""

    labels: Mapping[str, str] = field(default_factory=dict)
    failure_domain: str = ""
    released: str = ""
    uid: str = ""


@dataclass(frozen=True)
class Choice:
    """What a machine wants. failure_domain: the one that its host must be of; empty for any."""

    selector: HostSelector = HostSelector()
    failure_domain: str = ""

    @property
    def terms(self) -> tuple[str, ...]:
        """All that a host must meet, as people read it."""
        domain = [f"failureDomain = {self.failure_domain}"] if self.failure_domain else []
        return (*domain, *map(str, self.selector.terms))

    def met(self, offer: Offer) -> tuple[bool, ...]:
        """Which of the terms this host meets, in their order."""
        domain = [offer.failure_domain == self.failure_domain] if self.failure_domain else []
        return (*domain, *(term.met_by(offer.labels) for term in self.selector.terms))

    def fits(self, offer: Offer) -> bool:
        """The machine may have this host."""
        return all(self.met(offer))

    def rank(self, offer: Offer, *, fit: bool) -> str:
        """What sorts the hosts that fit: the first one is taken. Where it is the same, names decide. fit: a probe has
        found nothing in the way of this one, or there are no probes."""
        liked = sum(
            one.weight for one in self.selector.preferred if all(term.met_by(offer.labels) for term in one.terms)
        )
        return f"{int(not fit)}{HIGHEST - liked:05}{self._order(offer)}"

    def _order(self, offer: Offer) -> str:
        match self.selector.strategy:
            case Strategy.LEAST_RECENTLY_USED:
                return offer.released
            case Strategy.RANDOM:
                # The API server has made the UID by chance.
                return f"{zlib.crc32(f'{offer.uid} {offer.released}'.encode()):08x}"
        return ""


ANY_HOST = Choice()
"""The first one by name."""


@dataclass(frozen=True)
class Shortfall:
    """Why no host of a pool is what a machine wants. wanted: all terms. nobody: those that no host meets. nearest: the
    name of the entry that fails the fewest. fails: those that it fails."""

    wanted: tuple[str, ...]
    nobody: tuple[str, ...] = ()
    nearest: str = ""
    fails: tuple[str, ...] = ()
