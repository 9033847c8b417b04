"""The order in which everything is measured: Capra and the floor take turns on the same hosts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from bench import work
from bench.fleets.capra import Capra
from bench.fleets.figures import Row, Run, seconds
from bench.fleets.floor import Floor
from bench.fleets.hosts import check_clean, check_done
from tests.hosts import Host

SLEEP = 3
"""Seconds that each bootstrap sleeps, in the work that does."""


class Rounds:
    """All works on some hosts."""

    def __init__(self, capra: Capra, floor: Floor, hosts: Sequence[Host], rounds: int) -> None:
        """rounds: of each work that takes less than a minute."""
        self._capra, self._floor, self._hosts, self._rounds = capra, floor, hosts, rounds
        self._addresses = {host.name: host.address for host in hosts}
        self._cleanup = work.cleanup_script()

    def measure(self, dead: Sequence[str]) -> list[Row]:
        """All rows. dead: addresses of hosts that drop packets, for a row of their own."""
        count = len(self._hosts)
        created = Row(count, "created → provisioned", "created")
        sleeping = Row(count, f"created → provisioned, each sleeping {SLEEP} s", "sleeping")
        deleted = Row(count, "deleted → gone, with the k0s cleanup", "deleted")
        self._capra.warm_up(self._hosts[0].address, work.cloud_config())
        while not any(row.enough(self._rounds) for row in (created, deleted)):
            self._turn(created, deleted)
        while not sleeping.enough(self._rounds):
            self._turn(sleeping, None, SLEEP)
        self._memory(created, deleted)
        self._memory(sleeping, None, SLEEP)
        rows = [created, sleeping, deleted]
        if dead:
            rows.append(self._among(dead, created.capra))
        return rows

    def _turn(self, created: Row, deleted: Row | None, sleep: int = 0) -> None:
        """The floor there and back, then Capra there and back."""
        hosts = self._hosts
        created.floor.append(self._checked(self._floor.run(hosts, work.script(sleep)), check_done))
        back = self._checked(self._floor.run(hosts, self._cleanup), check_clean)
        created.capra.append(
            self._checked(self._capra.provision(self._addresses, work.cloud_config(sleep)), check_done)
        )
        gone = self._checked(self._capra.delete(list(self._addresses)), check_clean)
        _tell(created)
        if deleted is not None:
            deleted.floor.append(back)
            deleted.capra.append(gone)
            _tell(deleted)

    def _memory(self, created: Row, deleted: Row | None, sleep: int = 0) -> None:
        """A round of its own, because looking takes time from what is looked at."""
        with self._capra.watching_memory() as peak:
            self._capra.provision(self._addresses, work.cloud_config(sleep))
        created.memory = peak[0]
        with self._capra.watching_memory() as peak:
            self._capra.delete(list(self._addresses))
        if deleted is not None:
            deleted.memory = peak[0]

    def _among(self, dead: Sequence[str], alone: Sequence[Run]) -> Row:
        """The same as `created` with dead hosts among the machines."""
        row = Row(len(self._hosts), f"created → provisioned, {len(dead)} dead hosts among them", "dead", "Capra alone")
        row.floor += alone
        others = {f"dead-{number}": address for number, address in enumerate(dead, 1)}
        while not row.enough(self._rounds):
            row.capra.append(self._capra.provision(self._addresses, work.cloud_config(), others))
            check_done(self._hosts)
            self._capra.abandon(list(others))
            self._capra.delete(list(self._addresses))
            check_clean(self._hosts)
            _tell(row)
        return row

    def _checked(self, run: Run, check: Callable[[Sequence[Host]], None]) -> Run:
        check(self._hosts)
        return run


def _tell(row: Row) -> None:
    """Progress, for whoever waits."""
    told = f"{row.title}: Capra {row.capra[-1].seconds:.2f} s"
    print(f"{told}, {row.floor_name} {seconds(row.floor):.2f} s", file=sys.stderr, flush=True)
