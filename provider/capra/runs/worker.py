"""The process of one run: `python -m capra.runs.worker`, request on standard input, messages on standard output.

A process of its own, because it must outlive neither its parent nor its secrets: when its input ends, whatever became
of the parent, it ends Ansible on this side and removes its private directory. The program on the host goes on.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ansible_runner

from capra.errors import InputError
from capra.model.run import RunRequest, RunResult, TaskEvent
from capra.runs import events, evidence
from capra.runs.descendants import adopt_orphans, end_descendants
from capra.runs.directory.artifacts import keep_artifacts
from capra.runs.directory.layout import ansible_environment, inventory_name, lay_out, read_answer
from capra.runs.directory.private import private_directory
from capra.runs.hooks.surroundings import PLAYBOOK, forget_caller, hook_environment, own_collections
from capra.runs.hooks.watch import HookWatch, total_stats
from capra.runs.message import dump_result, load_request
from capra.runs.redaction.redact import Redactor
from capra.runs.ssh.bastions import bastions_said, new_bastion_keys
from capra.runs.ssh.config import read_way

GRACE = 60.0
"""Seconds beyond the host's own time limit before the run is ended from this side."""

OUTPUT_LINES, OUTPUT_CHARACTERS = 20, 1_000_000
"""Of Ansible's own output: lines that are kept of its end, and characters of one piece that are passed on."""


class Listener:
    """Collects what ansible-runner tells, and passes on what is worth telling at once."""

    def __init__(self, request: RunRequest) -> None:
        self.events: list[TaskEvent] = []
        self.stats: dict[str, int] | None = None
        self.output: list[str] = []
        self._host = inventory_name(request)
        self._redactor = Redactor.of(request.secrets)
        self.hook = HookWatch() if request.hook else None

    def on_event(self, event: dict[str, Any]) -> bool:
        """ansible-runner's event handler. Returns whether it keeps the event as a file."""
        if self.hook is not None:
            self.hook.see(event)
        if events.contacts(event, any_task=self.hook is not None):
            say("contacting", True)
        if (change := events.progress(event)) is not None:
            title, output = self._redactor.text(change.title), self._redactor.text(change.output)
            say("progress", asdict(replace(change, title=title, output=output)))
            return False
        if (result := events.task_event(event, self._redactor)) is not None and self._tells(result):
            self.events.append(result)
        if (recap := total_stats(event) if self.hook else events.stats(event, self._host)) is not None:
            self.stats = recap
        if text := self._redactor.text(str(event.get("stdout") or "")).strip():
            self.output = [*self.output, *text.splitlines()][-OUTPUT_LINES:]
            say("output", text[-OUTPUT_CHARACTERS:])
        return True

    def redacted(self, text: str) -> str:
        """The text without the run's secrets."""
        return self._redactor.text(text)

    def _tells(self, result: TaskEvent) -> bool:
        """The results of a user's tasks may be as large as facts are, and only failures are told."""
        return self.hook is None or result.name != "runner_on_ok"


def say(kind: str, value: Any) -> None:
    """One message to the parent. A parent that is gone does not hear it, and is noticed by `abandoned`."""
    try:
        sys.stdout.write(json.dumps({kind: value}) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def abandoned() -> bool:
    """True when nobody holds the other end of standard input any more."""
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and not os.read(sys.stdin.fileno(), 4096)


def run_playbook(request: RunRequest, directory: Path) -> RunResult:
    """The run itself."""
    try:
        # Where the machine says itself how it is reached, nothing of the caller's counts.
        told = bool(request.connection.bastions or request.connection.job)
        way = "" if told else read_way(request.connection, request.ssh_config)
    except InputError as error:
        refused = TaskEvent("runner_on_failed", "ssh -G", {"reason": "ssh_config", "msg": str(error)})
        return RunResult(events=(refused,), sent=False)
    lay_out(directory, request, way)
    listener = Listener(request)
    # A user's playbook has no limit of its own on the host.
    grace = 0.0 if request.hook else GRACE
    limit = request.timeout + grace if request.timeout else None
    finished = ansible_runner.run(
        private_data_dir=str(directory),
        project_dir=str(directory / "project"),
        **_what_runs(request, directory),
        settings={"pexpect_timeout": 1, "job_timeout": limit, "suppress_env_files": True},
        ident="run",
        quiet=True,
        event_handler=listener.on_event,
        cancel_callback=abandoned,
    )
    if listener.hook is not None and listener.hook.may_have_sent:
        evidence.doubt(directory)
    if request.artifacts:
        keep_artifacts(directory / "artifacts" / "run", Path(request.artifacts), request)
    return RunResult(
        events=tuple(listener.events),
        stats=listener.stats,
        host_keys=_new_host_keys(request, directory),
        ended={"canceled": "cancelled", "timeout": "timeout"}.get(finished.status, ""),
        output="\n".join(listener.output),
        answer=read_answer(directory),
        bastion_keys=new_bastion_keys(directory, request.connection),
        bastions_said=tuple(map(listener.redacted, bastions_said(directory, request.connection))),
    )


def _what_runs(request: RunRequest, directory: Path) -> dict[str, Any]:
    """The arguments for ansible-runner in which Capra's playbooks and a user's differ. Before a user's, the caller is
    forgotten."""
    environment = ansible_environment(directory, request)
    flags = [flag for flag, wanted in (("--check", request.check), ("--diff", request.diff)) if wanted]
    if request.hook:
        environment |= hook_environment(own_collections())
        forget_caller(os.environ, directory)
        return {"playbook": PLAYBOOK, "envvars": environment, "cmdline": " ".join(flags)}
    # Ansible's own task that validates a role's arguments, which Capra has made: a process of its own for each run.
    flags.append("--skip-tags always")
    return {"playbook": f"capra.machine.{request.playbook}", "envvars": environment, "cmdline": " ".join(flags)}


def _new_host_keys(request: RunRequest, directory: Path) -> tuple[str, ...]:
    """The keys that OpenSSH has accepted at the first contact."""
    if request.connection.host_keys:
        return ()
    lines = (directory / "known_hosts").read_text().splitlines()
    return tuple(" ".join(line.split()[1:3]) for line in lines if len(line.split()) >= 3)


def _terminate(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    """Read the request, run it, say the result."""
    # Interrupts of a terminal reach the whole foreground group; only the parent decides what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    os.setsid()
    adopt_orphans()
    clean_environment()
    request = load_request(read_line())
    with private_directory() as directory:
        say("directory", str(directory))
        try:
            result = run_playbook(request, directory)
        finally:
            end_descendants()
        # Nobody is left who could still send something.
        say("result", dump_result(replace(result, sent=result.sent and evidence.was_sent(directory))))


def clean_environment() -> None:
    """Nothing of the caller's own Ansible configuration counts, and Ansible's programs are those beside this Python."""
    for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
        del os.environ[name]
    beside, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != beside:
        os.environ["PATH"] = os.pathsep.join([beside, path])


def read_line() -> bytes:
    """One line of standard input, unbuffered: `abandoned` looks at the descriptor itself."""
    line = bytearray()
    while not line.endswith(b"\n"):
        chunk = os.read(sys.stdin.fileno(), 1 << 20)
        if not chunk:
            raise SystemExit("capra.runs.worker: no request")
        line += chunk
    return bytes(line)


if __name__ == "__main__":
    main()
