"""The controller's metrics, for Prometheus. docs/reference/cli.md lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from capra.engine.ports import ObserveRun
from capra.kube.client.resources import CLUSTERS, ENTRIES, MACHINES, NODES_OF_CLUSTER, ObjectKey
from capra.model.run import Progress, RunRequest, RunResult

RUN_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
"""From a host that is clean already to the time limit of a bootstrap."""

MACHINE_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400)
"""From a small bootstrap to a machine that has waited for a host for a day."""

WAIT_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60)
"""From an empty queue to one that makes no progress."""

VERSIONS = {"version": "capra", "ansible_core": "ansible-core", "ansible_runner": "ansible-runner", "kopf": "kopf"}
"""Labels of `capra_build_info`, and the packages."""


class Metrics:
    """All metrics of one controller, in a registry of their own. Passed to all that count something."""

    def __init__(self) -> None:
        # A time of creation for each series would double them, and nobody reads it.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
        self.registry = CollectorRegistry()
        self.before_rendering: Callable[[], None] = lambda: None
        """Called before the metrics are read, to set what is only counted then."""

        ProcessCollector(registry=self.registry)
        self.runs = Counter("capra_runs", "Runs that have ended.", ("playbook", "outcome"), registry=self.registry)
        self.run_seconds = Histogram(
            "capra_run_seconds", "How long runs took.", ("playbook",), registry=self.registry, buckets=RUN_SECONDS
        )
        self.cold_runs = Counter(
            "capra_cold_runs",
            "Runs that had to start Ansible, because no warm process was available.",
            registry=self.registry,
        )
        self.probes = Counter(
            "capra_probes", "Probes of hosts of pools that have ended.", ("result",), registry=self.registry
        )
        self.runs_in_progress = Gauge("capra_runs_in_progress", "Runs that are under way.", registry=self.registry)
        self.decisions = Counter(
            "capra_decisions", "What was decided for machines.", ("decision",), registry=self.registry
        )
        self.machines = Gauge(
            "capra_machines", "RemoteMachines, by phase.", ("namespace", "phase"), registry=self.registry
        )
        self.machine_seconds = Histogram(
            "capra_machine_seconds",
            "From the creation of a machine until it was provisioned, and from its deletion until it was clean.",
            ("until",),
            registry=self.registry,
            buckets=MACHINE_SECONDS,
        )
        self.pool_entries = Gauge(
            "capra_pool_entries",
            "PooledRemoteMachines, by pool and state.",
            ("namespace", "pool", "state"),
            registry=self.registry,
        )
        self.cleanups_given_up = Counter(
            "capra_cleanups_given_up", "Hosts that were let go without a verified cleanup.", registry=self.registry
        )
        self.workqueue_depth = Gauge("capra_workqueue_depth", "Objects that wait for work.", registry=self.registry)
        self.workqueue_wait_seconds = Histogram(
            "capra_workqueue_wait_seconds",
            "How long after an object was due its reconciliation began.",
            registry=self.registry,
            buckets=WAIT_SECONDS,
        )
        self.reconciliations = Counter(
            "capra_reconciliations",
            "Reconciliations that have ended.",
            ("kind", "result"),
            registry=self.registry,
        )
        for kind in (MACHINES, ENTRIES, CLUSTERS, NODES_OF_CLUSTER):
            self.reconciliations.labels(kind, "defect")  # or the first one would be no increase
        self.build = Gauge(
            "capra_build_info", "1, with the versions of what runs.", tuple(VERSIONS), registry=self.registry
        )
        self.build.labels(**{name: version(package) for name, package in VERSIONS.items()}).set(1)
        self.api_requests = Counter(
            "capra_api_requests",
            "Answers of the Kubernetes API; code 0 stands for none.",
            ("verb", "code"),
            registry=self.registry,
        )
        self.leader = Gauge("capra_leader", "1 while this replica does the work, else 0.", registry=self.registry)

    def began(self, key: ObjectKey, waited: float) -> None:
        """See queue.QueueListener."""
        self.workqueue_wait_seconds.observe(max(0.0, waited))

    def ended(self, key: ObjectKey, result: str) -> None:
        """See queue.QueueListener."""
        self.reconciliations.labels(key.kind, result).inc()

    def count_api_request(self, verb: str, code: int) -> None:
        """One answer of the API: its HTTP method and status, 0 when there was no answer."""
        self.api_requests.labels(verb, str(code)).inc()

    def set_machines(self, by_phase: Mapping[tuple[str, str], int]) -> None:
        """How many RemoteMachines there are, by namespace and phase. What is no longer named is gone from the
        metrics."""
        self.machines.clear()
        for place, number in by_phase.items():
            self.machines.labels(*place).set(number)

    def set_pool_entries(self, by_place: Mapping[tuple[str, str, str], int]) -> None:
        """How many PooledRemoteMachines there are, by namespace, pool and state; as `set_machines`."""
        self.pool_entries.clear()
        for place, number in by_place.items():
            self.pool_entries.labels(*place).set(number)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The metrics as text, and its content type. accept: the request's header."""
        self.before_rendering()
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Measured:
    """A port `RunObserver`: one run."""

    def __init__(self, metrics: Metrics, request: RunRequest) -> None:
        self._measuring = ExitStack()
        self._measuring.enter_context(metrics.runs_in_progress.track_inprogress())
        self._measuring.enter_context(metrics.run_seconds.labels(request.playbook.value).time())

    def hear(self, progress: Progress) -> None:
        """Progress is not measured."""

    async def ended(self, result: RunResult | None) -> None:
        """It counts, however it ended."""
        self._measuring.close()


def measuring(metrics: Metrics) -> ObserveRun:
    """Measures runs."""
    return partial(_Measured, metrics)
