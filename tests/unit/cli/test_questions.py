"""The commands that change no host: preflight, cancel, plan, status, trust, ansible-path."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.filter.cleanup import cleanup_steps
from capra import __version__
from capra.cli.commands.trust import parse_place
from capra.cli.output.listing import VERIFY, cleanup_titles
from capra.engine.ports import ProgressListener
from capra.errors import InputError, Retry
from capra.local.state import StateDirectory
from capra.model.keys.host_key import fingerprint
from capra.model.machine import MachineSpec, RemoteMachine
from capra.model.observation import Phase, Record
from capra.model.run import Playbook, RunRequest, RunResult
from capra.runs.ssh import keyscan
from capra.testing import FakeRunner, finished
from tests.unit.cli.conftest import Terminal
from tests.unit.local.examples import HOST_KEY, OTHER_HOST_KEY, TOKEN, machine, owner, secret


def _finding(level: str) -> dict[str, Any]:
    return {"name": "hostname", "level": level, "value": "x", "message": "it resolves", "advice": "well done"}


def test_preflight(capra: Terminal) -> None:
    capra.runner = runner = FakeRunner([finished((HOST_KEY,), findings=[_finding("ok"), _finding("warning")])])
    manifest = capra.manifest()

    result = capra("preflight", "-f", manifest)
    assert "hostname warning x it resolves: well done" in capra.said(result)
    assert "hostname ok" not in capra.said(result)
    assert "1 finding is ok; --all shows them" in result.stderr
    assert "Finished - " in capra.said(result)
    assert "no errors, 1 warning (hostname)" in result.stdout
    result = capra("preflight", "-f", manifest, "--all")
    assert "hostname warning x it resolves: well done hostname ok x it resolves" in capra.said(result)
    assert "--all" not in result.stderr
    [report] = capra.json("preflight", "-f", manifest)

    assert report["findings"][0] == _finding("ok")
    assert runner.requests[0].playbook is Playbook.PREFLIGHT
    assert runner.requests[1].connection.host_keys == (HOST_KEY,)
    assert capra.json("status") == []


def test_findings_that_are_all_ok_are_counted(capra: Terminal) -> None:
    capra.runner = FakeRunner([finished(findings=[_finding("ok")] * 3)])
    result = capra("preflight", "-f", capra.manifest())
    assert "no errors, no warnings" in result.stdout
    assert "FINDING" not in result.stdout
    assert "3 findings are ok; --all shows them" in result.stderr


def test_preflight_with_an_error_among_the_findings(capra: Terminal) -> None:
    capra.runner = FakeRunner([finished(findings=[_finding("warning"), _finding("error")])] * 2)

    [report] = capra.json("preflight", "-f", capra.manifest(), code=1)
    assert (report["outcome"], report["ok"]) == ("NotReady", False)
    assert report["message"] == "1 error (hostname), 1 warning (hostname)"

    said = capra.said(capra("preflight", "-f", capra.manifest(), code=1))
    assert "Finished" not in said  # neither on the way nor at the end
    assert said.index("hostname error") < said.index("hostname warning")


def test_cancel(capra: Terminal) -> None:
    capra.runner = runner = FakeRunner([finished(msg="cancelled")])

    [report] = capra.json("cancel", "-f", capra.manifest(), "--bootstrap-data", capra.data())

    assert (report["decision"], report["message"]) == ("Cancel", "cancelled")
    assert runner.requests[0].variables["bootstrap_state"] == "cancelled"


class _Meanwhile(FakeRunner):
    """Another capra ends a bootstrap of the machine while a run is under way."""

    def __init__(self, capra: Terminal, result: RunResult) -> None:
        super().__init__([result])
        self._state = StateDirectory(capra.state)

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        spec = MachineSpec(address=request.connection.address, port=request.connection.port)
        record = Record(phase=Phase.PROVISIONED, run_id="run", host_keys=(HOST_KEY,))
        self._state.write(RemoteMachine(request.key, spec), record)
        return await super().run(request, listener)


@pytest.mark.parametrize("command", ["preflight", "cancel"])
def test_what_a_bootstrap_has_noted_meanwhile_stays(capra: Terminal, command: str) -> None:
    """cancel is there to be called while a bootstrap is at work."""
    manifest, data = ("-f", capra.manifest()), ("--bootstrap-data", capra.data())
    capra.runner = _Meanwhile(capra, finished((OTHER_HOST_KEY,)))

    capra(command, *manifest, *(data if command == "cancel" else ()))

    assert [one["phase"] for one in capra.json("status")] == ["Provisioned"]
    assert HOST_KEY in (capra.state / "known_hosts").read_text()
    assert OTHER_HOST_KEY not in (capra.state / "known_hosts").read_text()


def test_plan_of_a_bootstrap(capra: Terminal) -> None:
    capra.runner = runner = FakeRunner()
    arguments = ("plan", "-f", capra.manifest(machine(useSudo=True, user="ops"), secret()))

    [planned] = capra.json(*arguments, "--bootstrap-data", capra.data())
    result = capra(*arguments, "--bootstrap-data", capra.data())

    assert (planned["decision"], planned["playbook"]) == ("Bootstrap", "capra.machine.bootstrap")
    assert planned["inventory"] == {
        "address": "192.0.2.1",
        "port": 22,
        "user": "ops",
        "become": True,
        "hostKeyPolicy": "trusted at first contact, then pinned",
    }
    assert planned["steps"][0] == {
        "number": 1,
        "title": "write /etc/k0s.token",
        "path": "/etc/k0s.token",
        "mode": "0600",
        "owner": "",
        "size": len(TOKEN),
    }
    assert [step["title"] for step in planned["steps"][1:]] == [
        "run runcmd[0]: k0s install worker",
        "run runcmd[1]: k0s start",
        "look for the sentinel file",
    ]
    assert "1 write /etc/k0s.token 0600 27" in capra.said(result)
    assert TOKEN not in capra.said(result)
    assert runner.requests == []
    assert not capra.state.exists()


def test_plan_of_a_cleanup(capra: Terminal) -> None:
    manifest = capra.manifest(
        machine(hostKeys=[HOST_KEY]),
        owner(kind="K0sControllerConfig"),
        machine("node-1", address="192.0.2.2", cleanUpCommands=["/opt/clean"]),
        secret(),
    )

    first, second = capra.json("plan", "--for", "cleanup", "-f", manifest)

    assert (first["playbook"], first["variables"]["k0s_cleanup_role"]) == ("capra.machine.k0s_cleanup", "controller")
    assert first["inventory"]["hostKeyPolicy"] == f"pinned: ssh-ed25519 {fingerprint(HOST_KEY)}"
    assert second["variables"]["custom_cleanup_commands"] == ["/opt/clean"]
    shown = capra("plan", "--for", "cleanup", "-f", manifest)
    assert "custom_cleanup" in shown.stdout
    assert "STEP TITLE 1 leave etcd 2 stop k0s" in capra.said(shown)
    assert "STEP TITLE 1 cleanUpCommands[0]: /opt/clean 2 remove what Capra left" in capra.said(shown)
    assert [step["title"] for step in first["steps"]][-1] == VERIFY


def test_a_plan_hides_the_passwords_of_commands(capra: Terminal) -> None:
    command = "curl -u admin:hunter2-and-more https://example.com/clean"
    manifest = capra.manifest(machine(cleanUpCommands=[command]), secret())
    result = capra("plan", "--for", "cleanup", "-f", manifest)
    assert "cleanUpCommands[0]: curl" in result.stdout
    assert "hunter2" not in result.stdout


@pytest.mark.parametrize("name", ["k0s", "kubeadm", "rke2", "k3s"])
def test_every_cleanup_lists_its_steps(name: str) -> None:
    titles = cleanup_titles(Playbook(f"{name}_cleanup"))
    assert len(titles) >= 4
    assert titles[-1] == VERIFY


@pytest.mark.parametrize("verify", [True, False])
def test_a_custom_cleanup_lists_what_its_filter_makes(verify: bool) -> None:
    commands = ["/opt/clean", "echo " + "long " * 30, "two\nlines"]
    made = cleanup_steps(commands, binding="all" if verify else "none")
    assert cleanup_titles(Playbook.CUSTOM_CLEANUP, commands, verify=verify) == tuple(one["title"] for one in made)


def test_plan_of_what_is_done(capra: Terminal) -> None:
    arguments = ("-f", capra.manifest(), "--bootstrap-data", capra.data())
    capra("bootstrap", *arguments)

    assert capra("plan", *arguments).stdout.startswith("node-0: Keep: is provisioned already; nothing was run")


def test_status(capra: Terminal) -> None:
    manifest = capra.manifest(machine(), machine("node-1", address="192.0.2.2"), secret())
    assert "nothing is remembered" in capra("status").stderr
    capra("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(), "--limit", "node-0")

    assert [one["phase"] for one in capra.json("status", "-f", manifest)] == ["Provisioned", "New"]
    assert [one["phase"] for one in capra.json("status")] == ["Provisioned"]
    assert capra.json("status", "--limit", "node-7") == []
    assert "node-0 192.0.2.1:22 Provisioned Finished 20" in capra.said(capra("status"))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that every host shows."""
    keys = [HOST_KEY, OTHER_HOST_KEY]

    async def scan(address: str, port: int = 22, files: str = "") -> list[str]:
        if not keys:
            raise Retry(f"{address}:{port} shows no host key")
        return keys

    monkeypatch.setattr(keyscan, "scan", scan)
    return keys


@pytest.mark.usefixtures("shown")
def test_trust_pins_the_key_with_the_fingerprint(capra: Terminal) -> None:
    capra("trust", "192.0.2.1:2222", fingerprint(HOST_KEY))
    assert (capra.state / "known_hosts").read_text() == f"[192.0.2.1]:2222 {HOST_KEY}\n"

    capra("trust", "192.0.2.1:2222", fingerprint(OTHER_HOST_KEY))
    assert (capra.state / "known_hosts").read_text() == f"[192.0.2.1]:2222 {OTHER_HOST_KEY}\n"


@pytest.mark.usefixtures("shown")
def test_trust_refuses_another_fingerprint(capra: Terminal) -> None:
    result = capra("trust", "192.0.2.1", "SHA256:" + "A" * 43, code=1)

    assert f"It shows: ssh-ed25519 {fingerprint(HOST_KEY)}" in result.stderr
    assert not capra.state.exists()
    capra("trust", "192.0.2.1", "MD5:00", code=2)


@pytest.mark.usefixtures("shown")
def test_trust_without_a_fingerprint_needs_a_person(capra: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    result = capra("trust", "192.0.2.1", code=1)  # not 2: the host was asked for its keys
    assert fingerprint(HOST_KEY) in result.stderr

    monkeypatch.setattr("capra.cli.commands.trust.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr("typer.confirm", lambda *arguments, **options: False)
    capra("trust", "192.0.2.1", code=1)
    monkeypatch.setattr("typer.confirm", lambda *arguments, **options: True)
    capra("trust", "192.0.2.1", "-o", "json")
    assert (capra.state / "known_hosts").read_text().count("192.0.2.1 ") == 2


def test_trust_of_a_host_that_does_not_answer(capra: Terminal, shown: list[str]) -> None:
    shown.clear()

    assert "192.0.2.1:22 shows no host key" in capra("trust", "192.0.2.1", code=3).stderr


@pytest.mark.parametrize(
    ("place", "parsed"),
    [
        ("host", ("host", 22)),
        ("host:2222", ("host", 2222)),
        ("2001:db8::1", ("2001:db8::1", 22)),
        ("[2001:db8::1]", ("2001:db8::1", 22)),
        ("[2001:db8::1]:2222", ("2001:db8::1", 2222)),
    ],
)
def test_places(place: str, parsed: tuple[str, int]) -> None:
    assert parse_place(place) == parsed


@pytest.mark.parametrize(
    "place", ["", ":22", "host:", "host:x", "host:0", "host:٣", "-oProxyCommand=id", "a b", "[::1", "[::1]x", "[::1]:"]
)
def test_places_that_are_none(place: str) -> None:
    with pytest.raises(InputError):
        parse_place(place)


def test_ansible_path_and_version(capra: Terminal) -> None:
    assert capra("ansible-path").stdout.strip().endswith((".collections", "ansible"))
    assert capra("--version").stdout == f"capra {__version__}\n"
