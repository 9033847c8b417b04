"""What deploy/monitoring has for Prometheus and Grafana fits the metrics there are; each alert fires, by promtool."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.controller.serving.metrics import Metrics
from tests.controlplane.assets import cache_home
from tests.hosts import apt
from tests.hosts.errors import Unavailable

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "deploy" / "monitoring"
GUIDE = ROOT / "docs" / "guide" / "monitoring.md"
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["spec"]["groups"][0]["rules"]
PANELS: list[dict[str, Any]] = json.loads((MONITORING / "dashboard.json").read_text())["panels"]

POOL = 'namespace="n",pool="p"'
FIRING: dict[str, dict[str, str]] = {
    "CapraIsDown": {"up": "1x120"},
    "CapraHasNoLeader": {"capra_leader": "0x120"},
    "CapraRunsFail": {
        'capra_runs_total{outcome="Unreachable"}': "0+2x120",
        'capra_runs_total{outcome="Finished"}': "0+1x120",
    },
    "CapraMachinesFailed": {'capra_machines{namespace="n",phase="Failed"}': "2 _ _ 2 _ _ _ 2" + " _ _ _ 2" * 29},
    "CapraCleanupGivenUp": {"capra_cleanups_given_up_total": "0x100 1x20"},
    "CapraHostsQuarantined": {f'capra_pool_entries{{{POOL},state="Quarantined"}}': "1x120"},
    "CapraPoolIsExhausted": {f'capra_pool_entries{{{POOL},state="Reserved"}}': "3x120"},
    "CapraQueueIsSlow": {
        'capra_workqueue_wait_seconds_bucket{le="5"}': "0+1x120",
        'capra_workqueue_wait_seconds_bucket{le="15"}': "0+10x120",
        'capra_workqueue_wait_seconds_bucket{le="+Inf"}': "0+10x120",
    },
    "CapraHasADefect": {'capra_reconciliations_total{kind="RemoteMachine",result="defect"}': "0x110 1x10"},
    "CapraCannotReachTheAPI": {
        'capra_api_requests_total{verb="GET",code="0"}': "0+1x120",
        'capra_api_requests_total{verb="GET",code="200"}': "0+5x120",
    },
    "CapraRunsAreCold": {"capra_cold_runs_total": "0+1x120"},
}
"""Series, a sample a minute for two hours, with which each alert fires at their end."""

QUIET = {
    "capra_build_info": "1x120",
    "capra_leader": "1x120",
    'capra_runs_total{outcome="Unreachable"}': "0+1x120",
    'capra_runs_total{outcome="Finished"}': "0+2x120",
    'capra_runs_total{outcome="Cancelled"}': "0+9x120",
    'capra_machines{namespace="n",phase="Provisioned"}': "2x120",
    "capra_cleanups_given_up_total": "7x120",
    f'capra_pool_entries{{{POOL},state="Reserved"}}': "3x120",
    f'capra_pool_entries{{{POOL},state="Available"}}': "1x120",
    'capra_workqueue_wait_seconds_bucket{le="5"}': "0+10x120",
    'capra_workqueue_wait_seconds_bucket{le="+Inf"}': "0+10x120",
    'capra_reconciliations_total{kind="RemoteMachine",result="ok"}': "0+9x120",
    'capra_reconciliations_total{kind="RemoteMachine",result="defect"}': "3x120",
    'capra_api_requests_total{verb="GET",code="200"}': "0+99x120",
    'capra_api_requests_total{verb="GET",code="0"}': "0+1x120",
    "capra_cold_runs_total": "5x120",
}
"""Series of a controller that does well."""


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Of Debian's package of Prometheus."""
    place = cache_home() / "prometheus"
    try:
        apt.unpack(["prometheus"], place)
    except Unavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"promtool: {error}")
    return place / "usr" / "bin" / "promtool"


def _run(*arguments: str | Path) -> None:
    done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _write(path: Path, document: object) -> Path:
    path.write_text(yaml.safe_dump(document))
    return path


def _rules(directory: Path, rules: list[dict[str, Any]]) -> Path:
    return _write(directory / "rules.yaml", {"groups": [{"name": "capra", "rules": rules}]})


def _expressions() -> Iterator[str]:
    """All of them; with Grafana's variables filled in."""
    yield from (rule["expr"] for rule in RULES)
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m").replace("$namespace", ".*")


def test_prometheus_can_read_every_expression(promtool: Path, tmp_path: Path) -> None:
    recorded = [{"record": f"m{number}", "expr": expression} for number, expression in enumerate(_expressions())]
    assert len(recorded) > len(RULES)
    _run(promtool, "check", "rules", _rules(tmp_path, [*RULES, *recorded]))


def _fires(promtool: Path, directory: Path, series: dict[str, str], firing: str = "") -> None:
    """The alerts after two hours: none, or this one, whatever else there is."""
    told = [rule for rule in RULES if not firing or rule["alert"] == firing]
    expected = {"alertname": firing, "exp_alerts": [_alert(series)]} if firing else None
    checks = [expected] if expected else [{"alertname": rule["alert"], "exp_alerts": []} for rule in told]
    values = [{"series": name, "values": value} for name, value in series.items()]
    tests = [
        {
            "interval": "1m",
            "input_series": values,
            "alert_rule_test": [{"eval_time": "119m", **one} for one in checks],
        }
    ]
    bare = [{**rule, "annotations": {}, "labels": {}} for rule in told]
    _rules(directory, bare)
    _run(
        promtool,
        "test",
        "rules",
        _write(directory / "test.yaml", {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}),
    )


def _alert(series: dict[str, str]) -> dict[str, Any]:
    """The labels that the alert has from its series."""
    name = next(iter(series))
    labels = dict(re.findall(r'(\w+)="([^"]*)"', name))
    if name.startswith(("capra_machines", "capra_pool_entries")):
        return {"exp_labels": {key: value for key, value in labels.items() if key in {"namespace", "pool"}}}
    return {"exp_labels": labels if name.startswith("capra_reconciliations") else {}}


@pytest.mark.parametrize("alert", [rule["alert"] for rule in RULES])
def test_each_alert_fires(promtool: Path, tmp_path: Path, alert: str) -> None:
    _fires(promtool, tmp_path, FIRING[alert], alert)


def test_none_fires_while_all_is_well(promtool: Path, tmp_path: Path) -> None:
    _fires(promtool, tmp_path, QUIET)


def test_every_metric_is_there() -> None:
    body = Metrics().render("")[0].decode()
    known = set(re.findall(r"^# TYPE (\w+) ", body, re.MULTILINE))
    used = {name for one in _expressions() for name in re.findall(r"\b(?:capra|process)_\w+", one)}
    assert len(used) > 10
    assert {re.sub("_bucket$", "", name) for name in used} <= known


def test_every_alert_has_its_section() -> None:
    sections = re.findall(r"^### (\w+)$", GUIDE.read_text(), re.MULTILINE)
    assert sections == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/guide/monitoring.md#{rule['alert'].lower()}"
