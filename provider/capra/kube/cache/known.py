"""What may be asked of the cache: one object by its name, or all that have something in common, without walking through
the others."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from capra.kube.client.resources import Raw

if TYPE_CHECKING:
    from capra.kube.cache.choosing.choosing import Choosing
    from capra.kube.cache.index import Trait


class By(Enum):
    """What objects are looked for by, within their kind and namespace."""

    NAMESPACE = "nothing else"
    PLACE = "address, in one form, and port of a host"
    USER = "the same, of machines that have begun to use the host"
    QUARANTINE = "the same, of entries in quarantine"
    POOL = "pool of an entry"
    HOLDER_UID = "UID of the machine that holds an entry"
    HOLDER_NAME = "name of the machine that holds an entry"
    SECRET = "name of a Secret that the object refers to"  # noqa: S105  # a kind of object
    NEEDED_KEY = "the same, of machines that have begun on their host, and of entries in quarantine"
    OWNER = "name of the Machine or Cluster that the object names as its owner"
    CLUSTER = "name of a Cluster"
    WAITING = "pool of a machine without a host: first those that were told that it is exhausted, the oldest first"
    EXHAUSTED = "pool of a machine that was told so and takes what there is: the oldest first"
    RUNNING = "name of the hook that a machine runs since its annotation asks for it"
    FAILED = "the same, of machines on which it has failed and not ended well since"
    TURN = "the same, of machines that were told to wait for their turn"
    MACHINE_ID = "machine ID of a host that was adopted"
    PHASE = "phase in a machine's status"
    STATE = "pool and state of an entry"
    AVAILABLE = "pool of an entry that can be handed out"
    PROBED = "pool of an entry that only its last probe keeps back, and what that found: first what is mended soonest"
    SILENT = "the same, but its host did not answer: first the one to be tried again first"
    DOMAIN = "pool of an entry that names a failure domain"
    IN_DOMAIN = "pool and failure domain of an entry"
    CHOSEN = "a choice that an entry fits which can be handed out: the best one first"
    CHOSEN_SILENT = "a choice that an entry fits whose host did not answer: first the one to be tried again first"
    CHOSEN_PROBED = "a choice that an entry fits which only its last probe keeps back: first what is mended soonest"
    FITTING = "a choice that an entry fits, whoever has it"
    FAILING = "a choice that an entry does not fit: first the one that fails the fewest of its terms"
    MEETING = "a choice and the number of one of its terms, which an entry meets"


TO_BE_HAD = frozenset({By.AVAILABLE, By.SILENT})
FREE = TO_BE_HAD | {By.PROBED}
"""By what entries are found that nothing but the state of their hosts may keep from being handed out."""

SHARED = FREE | {By.STATE}
"""What others have a say in."""

AT_THE_HOST = frozenset({By.PLACE, By.USER, By.QUARANTINE})
"""What a machine or an entry says that counts for all that have its address and port."""


class Known(Protocol):
    """The part of the cache that is only read. Objects come by name unless `By` says otherwise; to change the cache
    meanwhile, make a list of them first."""

    @property
    def probes(self) -> bool:
        """Hosts that nobody uses are probed, and what that finds counts."""

    @property
    def choosing(self) -> Choosing:
        """Entries by what machines want of them, and the machines that wait."""

    def standing(self, entry: Raw) -> frozenset[Trait]:
        """What an entry is found by, as far as others have a say in it."""

    def get(self, kind: str, namespace: str, name: str) -> Raw | None:
        """One object."""

    def by(self, kind: str, namespace: str, by: By, value: Hashable) -> Iterator[Raw]:
        """Those with this value."""

    def number(self, kind: str, namespace: str, by: By, value: Hashable) -> int:
        """How many those are."""

    def numbers(self, kind: str, by: By) -> Mapping[tuple[str, Any], int]:
        """How many there are, by namespace and value."""
