"""What the page is made of: the controller's cache, and the runs that were kept."""

from __future__ import annotations

from collections.abc import Callable

from capra.errors import InputError
from capra.kube.cache.cache import Cache
from capra.kube.client.resources import ENTRIES, MACHINES, Raw
from capra.model.machine import MachineKey
from capra.runs.kept.kept_run import KeptRun
from capra.runs.kept.kept_runs import KeptRuns


class PageSource:
    """Where the page looks. Whoever does the work says what it knows (`serve`), and when it ends (`stop`)."""

    def __init__(self, kept: KeptRuns | None) -> None:
        self._kept = kept
        self._cache: Cache | None = None
        self._ready: Callable[[], bool] = lambda: False

    def serve(self, cache: Cache, ready: Callable[[], bool]) -> None:
        """The process works from now on. ready: the cache holds everything."""
        self._cache, self._ready = cache, ready

    def stop(self) -> None:
        """The work has ended."""
        self._cache = None

    @property
    def missing(self) -> str:
        """Why nothing can be shown; empty where it can."""
        if self._cache is None:
            return "This replica waits until it is the leader, and knows nothing. Ask the one that holds the Lease."
        return "" if self._ready() else "The controller is still reading the objects of the cluster."

    def objects(self, namespace: str) -> tuple[list[Raw], list[Raw]]:
        """RemoteMachines and PooledRemoteMachines as they are now, in the event loop's thread; they may be read in any,
        since no object in the cache is ever changed in place. namespace: empty for all."""
        cache, where = self._cache, namespace or None
        if cache is None:
            return [], []
        return list(cache.all(MACHINES, where)), list(cache.all(ENTRIES, where))

    def one(self, key: MachineKey) -> Raw | None:
        """One of them."""
        return self._cache.get(key.kind, key.namespace, key.name) if self._cache is not None else None

    def runs(self, key: MachineKey, most: int) -> list[KeptRun]:
        """The newest runs that were kept. Reads files: called in a thread of its own."""
        if self._kept is None:
            return []
        found = []
        for name in reversed(self._kept.names(key)[-most:]):
            try:
                found.append(self._kept.read(key, name))
            except InputError:
                continue  # removed since, for there are too many
        return found
