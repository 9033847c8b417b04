"""Whose turn it is to run a playbook that only a limited number of machines may run at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from capra.errors import Retry
from capra.kube.cache.known import By, Known
from capra.kube.client.resources import MACHINES, RECORD, annotations_of, name_of
from capra.model.machine import MachineKey

AGAIN = 1.0
"""Seconds until a machine looks again when another one has got the turn first."""


class Turns:
    """Turns of a namespace's machines at a hook, by its name. What machines have noted counts, across restarts; and,
    from the moment at which one gets its turn until that is noted, what this process knows."""

    def __init__(self, cache: Known) -> None:
        self._cache = cache
        self._taken: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        """By namespace and hook: names of machines, and what was noted of each when it was given its turn."""

    def held(self, key: MachineKey, name: str, serial: int, *, begun: bool) -> str:
        """Why it is not the machine's turn; empty where it is. serial: machines at once, 0 for any number. begun: it
        has run on this machine before, but not succeeded: a failure elsewhere does not keep it from going on."""
        if not serial:
            return ""
        failed = self._others(By.FAILED, key, name) if not begun else set()
        if failed:
            return f"hook {name} is begun on no other machine while it has failed on RemoteMachine {min(failed)}"
        if len(self._others(By.RUNNING, key, name) | self._about_to_run(key, name)) < serial:
            return ""
        # No names here: the status of all that wait would be written whenever another one runs.
        return f"hook {name} runs on {serial} at a time: waiting for one of them to end"

    @contextmanager
    def taken(self, key: MachineKey, name: str, serial: int, *, begun: bool) -> Iterator[None]:
        """The machine has its turn meanwhile. Raises Retry where it is another one's by now."""
        if held := self.held(key, name, serial, begun=begun):
            raise Retry(held, after=AGAIN)
        place = key.namespace, name
        self._taken[place][key.name] = self._noted(key.namespace, key.name)
        try:
            yield
        finally:
            del self._taken[place][key.name]
            if not self._taken[place]:
                del self._taken[place]

    def _about_to_run(self, key: MachineKey, name: str) -> set[str]:
        """Others that have got their turn and have noted nothing since."""
        taken = self._taken.get((key.namespace, name), {})
        return {one for one, noted in taken.items() if one != key.name and noted == self._noted(key.namespace, one)}

    def _noted(self, namespace: str, name: str) -> str:
        raw = self._cache.get(MACHINES, namespace, name)
        return annotations_of(raw).get(RECORD, "") if raw is not None else ""

    def _others(self, by: By, key: MachineKey, name: str) -> set[str]:
        return {name_of(raw) for raw in self._cache.by(MACHINES, key.namespace, by, name)} - {key.name}
