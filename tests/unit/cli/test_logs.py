"""`capra logs`: of this terminal's runs."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

import pytest

from capra.model.machine import MachineKey
from capra.runs.kept.kept_run import KeptRun, KeptStep
from capra.runs.kept.kept_runs import KeptRuns
from capra.settings.values import KeepLimits
from tests.unit.cli.conftest import Terminal

KEY = MachineKey("default", "node-0")
STEPS = (
    KeptStep(1, "write /a", "ok", 0, 0.1),
    KeptStep(2, "run b\x1b[2J", "failed", 7, 2.0, "one\n\x1b[31mtwo\n"),
)


@pytest.fixture(autouse=True)
def _for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPRA_KEEP_OUTPUT", "64Mi,1000000h")  # the runs are of 1970


def _keep(capra: Terminal, **more: object) -> tuple[KeptRuns, KeptRun]:
    kept = KeptRuns(capra.state / "output", KeepLimits(), lambda: 3000.0)
    run = KeptRun(kept.new_name("bootstrap", 0.0), KEY.kind, KEY.namespace, KEY.name, "bootstrap", 0.0)
    run = replace(run, ended=3.0, outcome="StepFailed", message="step 2 of 2 failed", steps=STEPS)
    run = replace(run, **more)  # type: ignore[arg-type]  # each test names fields
    kept.write(run)
    return kept, run


def test_the_last_run_with_its_steps(capra: Terminal) -> None:
    _, run = _keep(capra)
    assert capra("logs", "node-0").stdout.splitlines() == [
        f"RemoteMachine default/node-0: bootstrap, begun 1970-01-01T00:00:00Z ({run.name})",
        "step 1 write /a: ok, status 0 (0.1 s)",
        "step 2 run b: failed, status 7 (2.0 s)",
        "    one",
        "    two",
        "1970-01-01T00:00:03Z StepFailed: step 2 of 2 failed",
    ]
    assert capra("logs", "node-0", "2").stdout == "one\ntwo\n"
    assert json.loads(capra("logs", "node-0", "--output", "json").stdout)["steps"][1]["rc"] == 7
    assert capra("logs", "node-0", "--list").stdout == f"{run.name}\n"
    assert run.name in capra("logs", "node-0", "--run", run.name).stdout


def test_a_step_that_has_printed_nothing_says_so(capra: Terminal) -> None:
    _keep(capra)
    told = capra("logs", "node-0", "1")
    assert (told.stdout, "step 1 write /a: ok, status 0 (0.1 s); it has printed nothing" in told.stderr) == ("", True)


@pytest.mark.parametrize("options", [[], ["--list"], ["--list", "--output", "json"]])
def test_a_machine_that_is_not_known(capra: Terminal, options: list[str]) -> None:
    _keep(capra)
    told = capra("logs", "nope", *options, code=2)
    wanted = "error: RemoteMachine default/nope: has no run whose output was kept; there are runs of default/node-0"
    assert (told.stdout, wanted in told.stderr) == ("", True)


def test_what_ansible_said_where_no_step_tells(capra: Terminal) -> None:
    _keep(capra, steps=(), output="ssh: no route\n", outcome="Unreachable", message="cannot be reached")
    assert capra("logs", "node-0").stdout.splitlines()[1:] == [
        "    ssh: no route",
        "1970-01-01T00:00:03Z Unreachable: cannot be reached",
    ]


def test_follow_waits_for_the_end_and_shows_each_line_once(capra: Terminal) -> None:
    running = KeptStep(1, "run a", "running", output="one\ntw")
    kept, run = _keep(capra, ended=0.0, outcome="", message="", steps=(running,))
    told = capra("logs", "node-0")
    assert told.stdout.splitlines()[1:] == ["step 1 run a: running", "    one"]
    assert "has not ended; --follow waits for it" in told.stderr

    def go_on() -> None:
        for step, ended in (
            (replace(running, output="one\ntwo\n"), 0.0),
            (replace(running, state="ok", rc=0, output="one\ntwo\n3"), 5.0),
        ):
            time.sleep(0.7)
            kept.write(replace(run, steps=(step,), ended=ended, outcome="Finished" if ended else "", message=""))

    writer = threading.Thread(target=go_on)
    writer.start()
    shown = capra("logs", "node-0", "--follow").stdout.splitlines()
    writer.join()
    assert [line for line in shown if line.startswith("    ")] == ["    one", "    two", "    3"]
    assert shown[-1] == "1970-01-01T00:00:05Z Finished"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["node-1"],
            "RemoteMachine default/node-1: has no run whose output was kept; there are runs of default/node-0",
        ),
        (["node-0", "9"], "STEP: is 9, and the run"),
        (["node-0", "--run", "x"], "has no run 'x'"),
        (["node-0", "--entry"], "PooledRemoteMachine default/node-0: has no run"),
        (["node-0", "--token-file", "x"], "is for a controller: give --server, too"),
        (["node-0", "--server", "http://localhost:1"], "--server: must be https://HOST:PORT"),
        (["node-0", "--server", "https://example.org"], "give --certificate-authority, or use `kubectl port-forward`"),
        (["node-0", "--server", "https://localhost:1"], "--token-file: is needed with --server"),
    ],
)
def test_what_is_wrong_is_named(capra: Terminal, arguments: list[str], told: str) -> None:
    _keep(capra)
    assert told in capra.said(capra("logs", *arguments, code=2))


def test_forget_removes_the_runs_too(capra: Terminal) -> None:
    manifest = capra.manifest()
    capra("bootstrap", "-f", manifest, "--bootstrap-data", capra.data())
    _keep(capra)
    capra("forget", "node-0", "--force")
    assert list((capra.state / "output").iterdir()) == []
