"""`capra bootstrap` and `capra cleanup`: what they say, what they remember, and how they end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from capra.engine.ports import ProgressListener
from capra.model.run import Playbook, Progress, RunRequest, RunResult, TaskEvent
from capra.testing import FakeHosts, FakeRunner, finished, stepped
from tests.unit.cli.conftest import Terminal
from tests.unit.local.examples import HOST_KEY, TOKEN, machine, private_key, secret, write_text

STEPS: list[dict[str, Any]] = [
    {"number": 0, "title": "write /etc/k0s.token", "state": "ok", "rc": 0, "seconds": 0.1},
    {"number": 1, "title": "run runcmd[0]", "state": "ok", "rc": 0, "seconds": 1.5, "output": "one\n\x1b[31mtwo"},
]
FAILED = [STEPS[0], STEPS[1] | {"state": "failed", "rc": 7}]
UNREACHABLE = RunResult(
    events=(TaskEvent("runner_on_unreachable", "Work", {"msg": "Failed to connect to the host via ssh: timed out"}),),
    stats={"ok": 0, "dark": 1},
)
LOST = RunResult(output="killed")


def _results(capra: Terminal, *results: RunResult) -> FakeRunner:
    runner = FakeRunner(results)
    capra.runner = runner
    return runner


def _files(capra: Terminal) -> dict[str, str]:
    return {str(path): path.read_text() for path in capra.state.rglob("*") if path.is_file()}


def test_a_bootstrap_and_a_second_one(capra: Terminal) -> None:
    runner = _results(capra, finished((HOST_KEY,), steps=STEPS, msg="2 steps finished"))
    arguments = ("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data())

    [report] = capra.json(*arguments)

    assert report | {"seconds": 0} == {
        "name": "node-0",
        "namespace": "default",
        "kind": "RemoteMachine",
        "address": "192.0.2.1",
        "port": 22,
        "decision": "Bootstrap",
        "outcome": "Finished",
        "ok": True,
        "message": "2 steps finished",
        "next": "",
        "changed": True,
        "steps": [
            {"number": 1, "output": "", "cuts": []} | _without_number(STEPS[0]),
            {"number": 2, "cuts": []} | _without_number(STEPS[1]),
        ],
        "providerID": "remote-machine://192.0.2.1:22",
        "seconds": 0,
    }
    assert "is provisioned already" in capra(*arguments).stdout
    [report] = capra.json(*arguments)
    assert (report["decision"], report["outcome"]) == ("Keep", None)
    assert len(runner.requests) == 1
    assert runner.requests[0].secrets.ssh_key == private_key()


def _without_number(step: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in step.items() if name != "number"}


def test_the_pinned_key_is_used_by_the_next_run(capra: Terminal) -> None:
    runner = _results(capra, finished((HOST_KEY,)))
    arguments = ("-f", capra.manifest(), "--bootstrap-data", capra.data())

    capra("bootstrap", *arguments)
    capra("cleanup", *arguments[:2])

    assert runner.requests[0].connection.host_keys == ()
    assert runner.requests[1].connection.host_keys == (HOST_KEY,)


def test_other_data_needs_a_cleanup_first(capra: Terminal) -> None:
    manifest = capra.manifest()
    capra("bootstrap", "-f", manifest, "--bootstrap-data", capra.data())

    result = capra("bootstrap", "-f", manifest, "--bootstrap-data", capra.data("runcmd: [other]"), code=1)

    assert "was provisioned with other bootstrap data; nothing was run" in capra.said(result)
    assert "next: capra cleanup with the same files comes first" in capra.said(result)


def test_a_failing_step_tells_where_it_goes_on(capra: Terminal) -> None:
    message = "step 2 of 2 failed: run runcmd[0]: two (exit status 7)\none\ntwo"
    _results(capra, stepped(message=message, steps=FAILED), finished())
    arguments = ("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data())

    result = capra(*arguments, code=1)

    assert "StepFailed 1/2" in capra.said(result)
    assert "step 2 of 2 failed: run runcmd[0]: two (exit status 7)" in result.stdout
    assert result.stderr.count("    one\n    two\n") == 1
    assert "node-0: next: mend the cause and run the same command again: it goes on at step 2" in result.stderr
    said = capra.said(capra("status"))
    assert re.search(r"Failed StepFailed \S+Z 1 step 2 of 2 failed: run runcmd\[0\]: two \(exit status 7\)", said), said
    capra(*arguments)
    assert "Provisioned" in capra("status").stdout


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (stepped(steps=FAILED), "mend the cause and run the same command again: it looks at everything again"),
        (stepped(reason="timeout", steps=FAILED), "with a longer --timeout if need be: it looks at everything again"),
        (
            stepped(reason="cut_off", steps=[{"number": 2, "title": "reset k0s", "state": "cut", "cuts": ["lost"]}]),
            "run the same command again: it goes on at step 3",
        ),
    ],
)
def test_a_cleanup_that_looks_at_everything_again_is_not_said_to_go_on(
    capra: Terminal, result: RunResult, told: str
) -> None:
    _results(capra, result)
    assert told in capra.said(capra("cleanup", "-f", capra.manifest(), code=1))


def test_a_step_that_is_not_run_again_is_not_said_to_go_on(capra: Terminal) -> None:
    cut = [{"number": 0, "title": "run runcmd[0]", "state": "cut", "rc": -1, "cuts": ["reboot", "reboot"]}]
    message = "step 1 of 1 (run runcmd[0]) reboots the host"
    _results(capra, stepped(reason="reboots", message=message, steps=cut))

    result = capra("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data(), code=1)

    assert "goes on" not in result.stderr
    assert "next: mend step 1 and run the same command again, or have all steps run again with --restart" in capra.said(
        result
    )


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([finished(), finished()], 0),
        ([UNREACHABLE, UNREACHABLE], 3),
        ([finished(), UNREACHABLE], 3),
        ([LOST, UNREACHABLE], 1),
        ([LOST, finished()], 1),
    ],
)
def test_exit_codes_of_several_machines(capra: Terminal, results: list[RunResult], code: int) -> None:
    _results(capra, *results)
    manifest = capra.manifest(machine(), machine("node-1", address="192.0.2.2"), secret())

    result = capra("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(), "--concurrency", "1", code=code)

    lines = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == ["MACHINE", "node-0", "node-1"]


def test_a_lost_run_leaves_the_machine_bootstrapping(capra: Terminal) -> None:
    _results(capra, LOST)

    capra("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data(), code=1)

    assert capra.json("status")[0]["phase"] == "Bootstrapping"


@pytest.mark.parametrize("command", ["bootstrap", "cleanup"])
def test_a_check_leaves_no_state(capra: Terminal, command: str) -> None:
    would = [{"number": 0, "title": "write /etc/k0s.token", "would": "create"}]
    diff = [{"before": "", "after": "new\n", "before_header": "/a", "after_header": "/a"}]
    runner = _results(capra, finished((HOST_KEY,), steps=would, diff=diff))
    arguments = [command, "-f", capra.manifest(), "--check", "--diff"]

    result = capra(*arguments, *(["--bootstrap-data", capra.data()] if command == "bootstrap" else []))

    assert "node-0 1 create write /etc/k0s.token" in capra.said(result)
    assert "+new" in result.stdout
    assert (runner.requests[0].check, runner.requests[0].diff) == (True, True)
    assert not list((capra.state / "machines").iterdir())
    assert HOST_KEY in (capra.state / "known_hosts").read_text()


def test_every_cleanup_asks_the_host(capra: Terminal) -> None:
    looked = finished(findings=[], facts={})
    runner = _results(capra, looked, finished(), looked, finished(changed=False), UNREACHABLE, looked, finished())
    manifest = capra.manifest()

    [report] = capra.json("cleanup", "-f", manifest)
    assert (report["decision"], report["outcome"], report["message"]) == ("Cleanup", "Finished", "finished")
    [report] = capra.json("cleanup", "-f", manifest)
    assert (report["decision"], report["outcome"], report["changed"]) == ("Cleanup", "Finished", False)
    assert report["message"] == "nothing to clean"
    [report] = capra.json("cleanup", "-f", manifest, code=3)
    assert report["outcome"] == "Unreachable"
    [planned] = capra.json("plan", "--for", "cleanup", "-f", manifest)
    assert (planned["decision"], planned["playbook"]) == ("Cleanup", "capra.machine.k0s_cleanup")
    capra("cleanup", "-f", manifest)
    assert len(runner.requests) == 7


def test_commands_of_ones_own_do_not_say_that_there_is_nothing_to_clean(capra: Terminal) -> None:
    _results(capra, finished(changed=False, msg="2 would run"), finished(changed=False, msg="2 finished"))
    manifest = capra.manifest(machine(cleanUpCommands=["/opt/clean"]), secret())
    assert capra.json("cleanup", "-f", manifest, "--check")[0]["message"] == "2 would run"
    assert capra.json("cleanup", "-f", manifest)[0]["message"] == "2 finished"


def test_a_check_of_a_cleanup_shows_what_the_host_says(capra: Terminal) -> None:
    looked = finished(findings=[], facts={})
    would = [{"number": 0, "title": "stop k0s", "would": "run", "output": "stop: would stop k0sworker\n"}]
    clean = [{"number": 0, "title": "stop k0s", "would": "same", "output": "stop: nothing to do\n"}]
    _results(
        capra,
        looked,
        finished(steps=would, msg="1 of 1 steps would run"),
        looked,
        finished(steps=clean, changed=False, msg="0 of 1 steps would run"),
        looked,
        stepped(steps=[], message="no report"),
    )
    check = ("cleanup", "-f", capra.manifest(), "--check")

    said = capra.said(capra(*check))
    assert "node-0 1 run stop k0s stop: would stop k0sworker" in said
    assert "1 of 1 steps would run" in said
    said = capra.said(capra(*check))
    assert "node-0 1 same stop k0s stop: nothing to do" in said
    assert "nothing would be cleaned" in said
    assert "steps would run" not in said
    assert "nothing would be cleaned" not in capra.said(capra(*check, code=1))


def test_a_machine_that_was_made_anew_under_its_name_is_another_one(capra: Terminal) -> None:
    hosts = FakeHosts()
    hosts.remember = True
    capra.runner = hosts
    old, new = (machine() for _ in range(2))
    old["metadata"]["uid"], new["metadata"]["uid"] = "uid-1", "uid-2"
    data = capra.data()
    capra("bootstrap", "-f", capra.manifest(old, secret()), "--bootstrap-data", data)

    manifest = capra.manifest(new, secret())
    for command in (("bootstrap", "--bootstrap-data", data), ("cleanup",)):
        [report] = capra.json(*command, "-f", manifest, code=1)
        assert report["outcome"] == "HostClaimed"
    assert hosts["192.0.2.1"].used_by == "uid-1"
    # What one remembers of the new one is not the old one's either.
    capra("cleanup", "-f", capra.manifest(old, secret()))
    assert hosts["192.0.2.1"].used_by == ""


def test_an_unfinished_cleanup_comes_first(capra: Terminal) -> None:
    _results(capra, finished(), stepped(), finished())
    manifest, data = capra.manifest(), capra.data()
    capra("cleanup", "-f", manifest, code=1)

    result = capra("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)

    assert "CleanupUnfinished" in result.stdout
    assert "next: capra cleanup with the same files" in result.stderr
    capra("cleanup", "-f", manifest)
    capra("bootstrap", "-f", manifest, "--bootstrap-data", data)


def test_bad_input_of_one_machine_contacts_none(capra: Terminal) -> None:
    runner = _results(capra)
    manifest = capra.manifest(machine(), machine("node-1", address="192.0.2.2", port="22", useSodo=True), secret())

    result = capra("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(), code=2)

    assert result.stdout == ""
    subject = f"capra: error: {manifest}: RemoteMachine default/node-1"
    assert result.stderr.splitlines() == [
        f"{subject}: spec.port: must be a whole number, but is text (given: '22')",
        f"{subject}: spec.useSodo: is not a known field; did you mean useSudo?",
    ]
    assert runner.requests == []
    assert not capra.state.exists()


def test_a_damaged_state_file_contacts_none(capra: Terminal) -> None:
    arguments = ("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data())
    capra(*arguments)
    [path] = (capra.state / "machines").iterdir()
    path.write_text("{")

    result = capra(*arguments, code=2)

    assert f"capra: error: state file {path}: is damaged" in result.stderr
    capra("status", code=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("bootstrap",),
        ("bootstrap", "-f", "machine.yaml", "--concurrency", "0"),
        ("bootstrap", "-f", "machine.yaml", "--output", "xml"),
        ("bootstrap", "--nonsense"),
        ("nonsense",),
    ],
)
def test_wrong_usage(capra: Terminal, arguments: tuple[str, ...]) -> None:
    capra(*arguments, code=2)


def test_another_capra_at_the_same_machine(capra: Terminal) -> None:
    class Nested:
        """A host on which, in the middle of a run, somebody else calls capra."""

        async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
            arguments = ("bootstrap", "-f", "machine.yaml", "--bootstrap-data", "user-data.yaml")
            self.inner = await asyncio.to_thread(lambda: capra.json(*arguments, code=1))
            return finished()

    capra.runner = nested = Nested()
    capra.manifest()
    # Signals can only be handled in the main thread, and so the nested call needs an event loop without them.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capra.cli.shared.work.SIGNALS", ())
        capra("bootstrap", "-f", "machine.yaml", "--bootstrap-data", capra.data())

    [report] = nested.inner
    assert report["outcome"] == "Busy"
    assert f"another capra (pid {os.getpid()}) is at work on RemoteMachine default/node-0" in report["message"]


class Interrupted:
    """Hosts that the person at the terminal does not wait for."""

    def __init__(self, number: int) -> None:
        self._number = number

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """Never ends by itself."""
        listener(Progress(1, 3, "run runcmd[0]", "running"))
        os.kill(os.getpid(), self._number)
        await asyncio.sleep(60)
        raise AssertionError


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_hosts_resumable(capra: Terminal, number: int, code: int) -> None:
    capra.runner = Interrupted(number)
    manifest = capra.manifest(machine(), machine("node-1", address="192.0.2.2"), secret())
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(), "--concurrency", "1")

    reports = capra.json(*arguments, code=code)

    assert [report["outcome"] for report in reports] == ["Interrupted"] * 2
    assert reports[0]["message"] == "at step 2 of 3 (run runcmd[0]); the host goes on"
    assert reports[1]["message"] == "was not begun"
    assert [one["name"] for one in capra.json("status")] == ["node-0"]
    _results(capra, finished())
    capra(*arguments)


def test_a_defect_of_one_machine_does_not_stop_the_others(capra: Terminal) -> None:
    runner = _results(capra)
    runner.die_before = True
    manifest = capra.manifest(machine(), machine("node-1", address="192.0.2.2"), secret())

    reports = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(), "--concurrency", "1", code=1)

    assert [report["outcome"] for report in reports] == ["Failed", "Finished"]
    assert "an error in capra itself (RunnerDiedError)" in reports[0]["message"]


def test_verbose_shows_the_steps_output_without_control_characters(capra: Terminal) -> None:
    capra.runner = FakeRunner([finished(steps=STEPS)], [Progress(0, 2, "write /etc/k0s.token", "ok", 0.1)])

    result = capra("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data(), "-v")

    assert "node-0: step 1/2 write /etc/k0s.token: ok in 0.1 s" in result.stderr
    assert "node-0 |     one\nnode-0 |     two\n" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr


def test_options_reach_the_run(capra: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPRA_TIMEOUT", "11")
    runner = _results(capra, finished())
    password = write_text(capra.directory, "open sesame", "password")

    capra(
        *("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data(), "--artifacts", "kept"),
        *("--sentinel", "/s/sentinel", "--state-directory", "/s/state", "--become-password-file", password),
    )
    capra(
        *("cleanup", "-f", capra.manifest(), "--timeout", "12", "--sentinel", "/s/sentinel"),
        *("--k0s-data-dir", "/s/k0s", "--k0s-binary", "/s/bin/k0s"),
    )

    first, looked, second = runner.requests
    assert looked.playbook is Playbook.PREFLIGHT
    assert (first.timeout, first.artifacts, first.secrets.become_password) == (11.0, "kept", "open sesame")
    assert first.variables["bootstrap_sentinel"] == "/s/sentinel"
    assert first.variables["bootstrap_state_directory"] == "/s/state"
    assert second.timeout == 12.0
    assert second.variables["k0s_cleanup_data_dir"] == "/s/k0s"
    assert second.variables["k0s_cleanup_binary"] == "/s/bin/k0s"


@pytest.mark.parametrize("output", ["table", "json"])
def test_secrets_are_nowhere(capra: Terminal, output: str) -> None:
    _results(capra, stepped(steps=FAILED), finished((HOST_KEY,), steps=STEPS))
    manifest, data = capra.manifest(), capra.data()
    arguments = ("-f", manifest, "-vv", "--output", output)

    said = capra("plan", *arguments, "--bootstrap-data", data).output
    for code in (1, 0):
        result = capra("bootstrap", *arguments, "--bootstrap-data", data, code=code)
        said += result.stdout + result.stderr
    said += capra("status", "-o", output).output
    said += capra("cleanup", *arguments).output

    key = private_key().splitlines()[1]
    for name, text in {"output": said, **_files(capra)}.items():
        assert TOKEN not in text, name
        assert key not in text, name


def test_the_state_is_json_that_says_how_far_the_host_is(capra: Terminal) -> None:
    capra("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data())

    [path] = (capra.state / "machines").iterdir()

    assert path.name == "default.node-0@192.0.2.1_22.json"
    saved = json.loads(path.read_text())
    assert (saved["phase"], saved["address"], saved["version"]) == ("Provisioned", "192.0.2.1", 1)


def test_limit(capra: Terminal) -> None:
    manifest = capra.manifest(machine(), machine("node-1", address="192.0.2.2"), secret())

    reports = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(), "--limit", "node-1")

    assert [report["name"] for report in reports] == ["node-1"]


def test_notes_go_to_standard_error(capra: Terminal, tmp_path: Path) -> None:
    cluster = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": {"name": "c"}}
    manifest = capra.manifest(cluster, machine(), secret())

    result = capra("cleanup", "-f", manifest, "-o", "json")

    assert "capra: left alone, as only a cluster needs them: 1 Cluster" in result.stderr
    assert len(json.loads(result.stdout)["machines"]) == 1


def test_the_end_of_an_output_is_shown_once(capra: Terminal) -> None:
    step = {"number": 0, "title": "run runcmd[0]", "state": "failed", "rc": 7, "output": "one\ntwo\n"}
    message = "step 1 of 1 failed: run runcmd[0]: two (exit status 7)\none\ntwo"
    _results(capra, stepped(message=message, steps=[step]))
    arguments = ("bootstrap", "-f", capra.manifest(), "--bootstrap-data", capra.data())

    for options in ((), ("--verbose",)):
        result = capra(*arguments, *options, code=1)
        assert "one" not in result.stdout
        assert sum(line.endswith(" one") for line in result.stderr.splitlines()) == 1
    [report] = capra.json(*arguments, code=1)
    assert report["message"] == "step 1 of 1 failed: run runcmd[0]: two (exit status 7)"
    assert report["steps"][0]["output"] == "one\ntwo\n"
