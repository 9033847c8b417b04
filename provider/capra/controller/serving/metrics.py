"""The controller's metrics, for Prometheus. docs/reference/cli.md lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from capra.engine.ports import ProgressListener, Runner
from capra.model.run import RunRequest, RunResult

RUN_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
"""From a host that is clean already to the time limit of a bootstrap."""


class Metrics:
    """All metrics of one controller, in a registry of their own. Handed to whoever counts something."""

    def __init__(self) -> None:
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
            "Runs that started Ansible anew, as no warm process was to be had.",
            registry=self.registry,
        )
        self.runs_in_progress = Gauge("capra_runs_in_progress", "Runs that are under way.", registry=self.registry)
        self.decisions = Counter(
            "capra_decisions", "What was decided for machines.", ("decision",), registry=self.registry
        )
        self.machines = Gauge("capra_machines", "RemoteMachines, by phase.", ("phase",), registry=self.registry)
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
        self.api_requests = Counter(
            "capra_api_requests",
            "Answers of the Kubernetes API; code 0 stands for none.",
            ("verb", "code"),
            registry=self.registry,
        )
        self.leader = Gauge("capra_leader", "1 while this replica does the work, else 0.", registry=self.registry)

    def count_api_request(self, verb: str, code: int) -> None:
        """One answer of the API: its HTTP method and status, 0 when there was no answer."""
        self.api_requests.labels(verb, str(code)).inc()

    def set_machines(self, by_phase: Mapping[str, int]) -> None:
        """How many RemoteMachines there are, by phase. What is not named any more is gone from the metrics."""
        self.machines.clear()
        for phase, number in by_phase.items():
            self.machines.labels(phase).set(number)

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


class MeteredRunner:
    """A port `Runner` that measures the runs of another."""

    def __init__(self, runner: Runner, metrics: Metrics) -> None:
        self._runner = runner
        self._metrics = metrics

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """See engine.ports.Runner."""
        seconds = self._metrics.run_seconds.labels(request.playbook.value)
        with self._metrics.runs_in_progress.track_inprogress(), seconds.time():
            return await self._runner.run(request, listener)
