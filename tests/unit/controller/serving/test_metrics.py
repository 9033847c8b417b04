"""What is measured, and how it is told."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest

from capra.controller.serving.metrics import Metrics, measuring
from capra.engine.plan import plan_bootstrap
from capra.engine.requests import PlanOptions
from capra.kube.client.resources import ObjectKey
from capra.model.run import Progress, RunRequest, RunResult
from capra.runs.runner import ObservedRunner
from capra.testing import FakeRunner, finished
from tests.unit.engine.examples import READY


def values(metrics: Metrics) -> dict[str, float]:
    """Every sample of Capra's own, as Prometheus sees it."""
    body, _ = metrics.render("")
    found = re.findall(r"^(capra_\w+(?:\{.*\})?) (\S+)$", body.decode(), re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_every_metric_is_there_from_the_start() -> None:
    body, content_type = Metrics().render("")
    assert content_type.startswith("text/plain")
    names = set(re.findall(r"^# TYPE (capra_\w+) ", body.decode(), re.MULTILINE))
    assert names >= {
        "capra_runs_total",
        "capra_run_seconds",
        "capra_runs_in_progress",
        "capra_decisions_total",
        "capra_machines",
        "capra_pool_entries",
        "capra_cleanups_given_up_total",
        "capra_workqueue_depth",
        "capra_api_requests_total",
        "capra_leader",
        "capra_build_info",
        "capra_machine_seconds",
        "capra_workqueue_wait_seconds",
        "capra_reconciliations_total",
    }
    assert b"_created" not in body
    assert b"process_resident_memory_bytes" in body


def test_two_controllers_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.leader.set(1)
    assert values(second)["capra_leader"] == 0


def test_answers_of_the_api_are_counted_by_verb_and_status() -> None:
    metrics = Metrics()
    for verb, code in (("GET", 200), ("GET", 200), ("PATCH", 409), ("GET", 0)):
        metrics.count_api_request(verb, code)
    told = values(metrics)
    assert told['capra_api_requests_total{code="200",verb="GET"}'] == 2
    assert told['capra_api_requests_total{code="409",verb="PATCH"}'] == 1
    assert told['capra_api_requests_total{code="0",verb="GET"}'] == 1


def test_what_runs_is_told() -> None:
    [told] = [name for name in values(Metrics()) if name.startswith("capra_build_info")]
    for label, package in (("version", "capra"), ("ansible_core", "ansible-core"), ("kopf", "kopf")):
        assert f'{label}="{version(package)}"' in told


def test_a_defect_is_an_increase_from_the_first_one_on() -> None:
    told = values(Metrics())
    for kind in ("RemoteMachine", "PooledRemoteMachine", "RemoteCluster", "Nodes"):
        assert told[f'capra_reconciliations_total{{kind="{kind}",result="defect"}}'] == 0


def test_reconciliations_are_counted() -> None:
    metrics, key = Metrics(), ObjectKey("RemoteMachine", "ns", "m")
    metrics.began(key, 0.3)
    metrics.began(key, -1e-9)
    for result in ("ok", "ok", "defect"):
        metrics.ended(key, result)
    told = values(metrics)
    assert told['capra_reconciliations_total{kind="RemoteMachine",result="ok"}'] == 2
    assert told['capra_reconciliations_total{kind="RemoteMachine",result="defect"}'] == 1
    assert told['capra_workqueue_wait_seconds_bucket{le="0.1"}'] == 1
    assert told['capra_workqueue_wait_seconds_bucket{le="0.5"}'] == 2


def test_what_is_not_there_any_more_is_gone() -> None:
    metrics = Metrics()
    metrics.set_machines({("ns", "Pending"): 2, ("ns", "Provisioned"): 1})
    metrics.set_machines({("ns", "Provisioned"): 3})
    metrics.set_pool_entries({("ns", "p", "Available"): 2, ("ns", "p", "Reserved"): 1})
    metrics.set_pool_entries({("ns", "p", "Available"): 1})
    told = {name: value for name, value in values(metrics).items() if "machines" in name or "pool" in name}
    assert told == {
        'capra_machines{namespace="ns",phase="Provisioned"}': 3,
        'capra_pool_entries{namespace="ns",pool="p",state="Available"}': 1,
    }


def test_what_is_only_counted_when_somebody_asks() -> None:
    metrics = Metrics()
    metrics.before_rendering = lambda: metrics.workqueue_depth.set(7)
    assert values(metrics)["capra_workqueue_depth"] == 7


def ignore(progress: Progress) -> None:
    pass


async def test_a_run_is_measured_while_it_goes_on_and_when_it_has_ended() -> None:
    metrics, seen = Metrics(), []

    class Looking(FakeRunner):
        async def run(self, request: RunRequest, listener: object) -> RunResult:
            seen.append(values(metrics)["capra_runs_in_progress"])
            return finished()

    request = plan_bootstrap(READY, PlanOptions())
    assert (await ObservedRunner(Looking(), measuring(metrics)).run(request, ignore)) == finished()
    told = values(metrics)
    assert seen == [1]
    assert told["capra_runs_in_progress"] == 0
    assert told['capra_run_seconds_count{playbook="bootstrap"}'] == 1


async def test_a_run_that_dies_is_not_in_progress_any_more() -> None:
    class Dying(FakeRunner):
        async def run(self, request: RunRequest, listener: object) -> RunResult:
            raise RuntimeError("it has died")

    metrics = Metrics()
    with pytest.raises(RuntimeError):
        await ObservedRunner(Dying(), measuring(metrics)).run(plan_bootstrap(READY, PlanOptions()), ignore)
    told = values(metrics)
    assert told["capra_runs_in_progress"] == 0
    assert told['capra_run_seconds_count{playbook="bootstrap"}'] == 1
