"""Numbers of objects for the metrics. The cache has counted them: no object is visited here."""

from __future__ import annotations

from capra.controller.serving.metrics import Metrics
from capra.kube.cache.cache import Cache
from capra.kube.cache.known import By
from capra.kube.client.resources import ENTRIES, MACHINES


def measure(cache: Cache, metrics: Metrics) -> None:
    """Set what is only reported on demand."""
    phases = cache.numbers(MACHINES, By.PHASE).items()
    metrics.set_machines({(namespace, str(phase)): number for (namespace, phase), number in phases})
    states = cache.numbers(ENTRIES, By.STATE).items()
    metrics.set_pool_entries({(namespace, *state): number for (namespace, state), number in states})
