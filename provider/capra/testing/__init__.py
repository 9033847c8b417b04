"""Fakes of the engine's ports, for tests of Capra and of what is built on it: no host, no cluster, no waiting."""

from capra.testing.clock import FakeClock
from capra.testing.hosts import FakeHost, FakeHosts
from capra.testing.runner import FakeRunner, RunnerDiedError, finished, stepped, unreachable
from capra.testing.store import MemoryStore

__all__ = [
    "FakeClock",
    "FakeHost",
    "FakeHosts",
    "FakeRunner",
    "MemoryStore",
    "RunnerDiedError",
    "finished",
    "stepped",
    "unreachable",
]
