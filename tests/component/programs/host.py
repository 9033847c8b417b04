"""A host for tests of the shell programs: this machine, one of its shells, and a directory of the test's own."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import parts, payload, programs, results
from tests.missing import missing
from tests.support.waiting import Wait, wait_until

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
PATIENCE = 8.0
"""Seconds after which a test gives up waiting."""

OTHER = 65534
"""The user `nobody`, who owns a directory."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")

JOURNAL_LINES = tuple(
    re.compile(form)
    for form in (
        r"begin 0 \S+ \d+\.\d+ \d+ \d+",
        r"for 0 \S+ \S+ \S+",
        r"kept \d+ \S+ [0-9a-f]{32} \S+",
        r"changed \d+ \S+",
        r"again \d+ \S+",
        r"anew 0 \S+",
        r"start \d+ \S+ \d+\.\d+ [0-9a-f]{32}",
        r"sentinel 0 \S+",
        r"(process|command) \d+ \d+ \d+",
        r"full \d+ 0",
        r"end \d+ \d+ \d+\.\d+",
        r"cut \d+ (reboot|lost|cancelled|timeout)",
        r"finished 0 [0-9a-f]{32}",
    )
)
"""docs/reference/on-the-host.md has what they mean."""


def write(path: Path | str, content: bytes, **more: Any) -> dict[str, Any]:
    """A step that writes a file whole."""
    step = {"kind": "write", "path": str(path), "content": base64.b64encode(content).decode(), "mode": "0644"}
    return step | more


def append(path: Path | str, content: bytes, **more: Any) -> dict[str, Any]:
    """A step that adds to a file, whose mode stays."""
    return write(path, content) | {"kind": "append", "mode": ""} | more


def command(text: str) -> dict[str, Any]:
    """A step that runs a command."""
    return {"kind": "command", "command": text}


class Host:
    """What the action plugin sees of a host, without SSH."""

    def __init__(self, root: Path, shell: str) -> None:
        self.root = root
        self.base = root / "state"
        self.work = root / "work"
        self.work.mkdir()
        self.shell = shell
        self.program = programs.detached()
        self.environment = dict(os.environ) | {"HOME": str(root)}
        tools = root / "bin"
        tools.mkdir()
        # The detached half is started as `sh`; a name of its own makes it this shell.
        (tools / "sh").symlink_to(shutil.which(SHELLS[shell][0]) or "")
        self.environment["PATH"] = f"{tools}:{os.environ['PATH']}"

    def text(
        self,
        mode: str,
        steps: list[dict[str, Any]],
        run_id: str,
        *,
        kind: str = "steps",
        uid: str = "",
        flags: Sequence[str] = (),
        sentinel: str = "",
        **settings: object,
    ) -> bytes:
        """What goes over the wire."""
        made = [parts.to_part(step, number) for number, step in enumerate(steps)]
        # As the action has it.
        flags = [*flags, "cleans"] if any(part.kind == "forget" for part in made) else flags
        program = self.program if mode == "run" else ""
        head = {
            "mode": mode,
            "id": run_id,
            "follow": 20,
            "directory": parts.encode(str(self.base)),
            "plan": parts.plan(kind, uid, flags, made, sentinel),
        } | settings
        sent = payload.build(head, made, program, contents=mode == "run")
        return payload.call(programs.session(dry_run=mode == "check"), sent, program)

    def session(self, text: bytes, **more: Any) -> subprocess.Popen[bytes]:
        """A session that has got this text on its standard input, as sshd gives it."""
        process = subprocess.Popen(
            [shutil.which(SHELLS[self.shell][0]) or "", *SHELLS[self.shell][1:], "-s"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            start_new_session=True,
            **more,
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(text)
            process.stdin.close()
        process.stdin = None
        return process

    def exchange(
        self, mode: str, steps: list[dict[str, Any]] | None = None, run_id: str = "one", **settings: Any
    ) -> payload.Report:
        """One round trip."""
        process = self.session(self.text(mode, steps or [], run_id, **settings))
        return self.heard(process)

    def heard(self, process: subprocess.Popen[bytes]) -> payload.Report:
        """What a session says until it ends."""
        output, self.errors = process.communicate(timeout=PATIENCE * 3)
        return payload.parse_report(output.decode())

    def run(self, *steps: dict[str, Any], run_id: str = "one", **settings: Any) -> list[results.StepResult]:
        """A run to its end; the report stays in `report`."""
        self.report = self.exchange("run", list(steps), run_id, **settings)
        return results.step_results(list(steps), self.report)

    def finished(self, *steps: dict[str, Any], run_id: str = "one", **settings: Any) -> list[results.StepResult]:
        """A run that ends well."""
        ended = self.run(*steps, run_id=run_id, **settings)
        assert results.finished(self.report, self.report.since), (self.report, self.errors)
        assert self.report.complete
        return ended

    def holder(self) -> int:
        """The pid of the newest holder of the host, once there is one."""
        wait_for(lambda: list(self.base.glob("lock.*")))
        newest = max(self.base.glob("lock.*"), key=lambda path: int(path.suffix[1:]))
        return int(os.readlink(newest).split(":")[0])

    def kill_program(self) -> None:
        """As the kernel's out-of-memory killer might: the program and all that it has started, at once."""
        pid = self.holder()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid))

    def close(self) -> None:
        """Ends whatever a test has left running."""
        for lock in self.base.glob("lock.*"):
            pid = int(os.readlink(lock).split(":")[0])
            line = Path(f"/proc/{pid}/cmdline")
            if line.exists() and str(self.base).encode() in line.read_bytes():
                os.killpg(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether the process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def group_lives(group: int) -> bool:
    """Whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Any) -> None:
    """Until it holds, or the test fails."""
    wait_until(condition, Wait("what the test waits for", PATIENCE), 0.005)


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every path below a directory, with its mode and content."""
    return {
        str(path.relative_to(directory)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(directory.rglob("*"))
    }


class RootsHost(Host):
    """One whose directories stand for those that root has on a host by default."""

    def __init__(self, root: Path, shell: str) -> None:
        super().__init__(root, shell)
        self.ends = root / "ends"
        self.program = self._here(self.program)

    def text(self, *arguments: Any, **settings: Any) -> bytes:
        """The same, with the session's half as it is there."""
        return self._here(super().text(*arguments, **settings).decode()).encode()

    def _here(self, text: str) -> str:
        return re.sub(r"/var/lib/capra(?![\w-])", str(self.base), text).replace("/run/capra", str(self.ends))


def hosts(request: pytest.FixtureRequest, kind: type[Host] = Host) -> Iterator[Host]:
    """A host with the shell that the parameter names. Other users may enter its directory: pytest closes its own, and
    does so again whenever another pytest of this user begins."""
    if shutil.which(SHELLS[request.param][0]) is None:
        missing(request.param)
    # Below the usual place for temporary files everybody may make names, which makes all paths special.
    shared = os.geteuid() != 0 or request.param == "bash"
    with tempfile.TemporaryDirectory(prefix="capra-host-", dir=None if shared else "/var/lib") as directory:
        Path(directory).chmod(0o711)
        host = kind(Path(directory), request.param)
        yield host
        host.close()


def mode(path: Path) -> int:
    """The permission bits of a path."""
    return stat.S_IMODE(path.lstat().st_mode)


def states(steps: list[results.StepResult]) -> list[str]:
    """How each step stands."""
    return [step.state for step in steps]


def count(host: Host, name: str) -> int:
    """How often the command `once(name)` ran."""
    path = host.work / f"count.{name}"
    return len(path.read_text().splitlines()) if path.exists() else 0


def counted(host: Host, name: str, then: str = "") -> dict[str, Any]:
    """A command that counts its runs, and then does something."""
    return command(f"echo x >>{host.work}/count.{name}\n{then}")


def journal_problems(host: Host, run_id: str = "one") -> list[str]:
    """Lines of a journal that are no lines of a journal, and steps that have ended without having begun."""
    problems, running = [], set()
    for line in (host.base / run_id / "journal").read_text().split("\n")[:-1]:
        event, number, *_ = [*line.split(" "), "", ""]
        if not any(form.fullmatch(line) for form in JOURNAL_LINES):
            problems.append(line)
        elif event == "start":
            running.add(number)
        elif event == "end":
            if number not in running:
                problems.append(line)
            running.discard(number)
    return problems


def own(seconds: int) -> str:
    """A time that no other test process lets anything sleep."""
    return f"{seconds}.{os.getpid()}"


def sleepers(seconds: int) -> list[int]:
    """The processes that sleep for this time of this test process's own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if entry.read_bytes() == f"sleep\0{own(seconds)}\0".encode():
                found.append(int(entry.parent.name))
    return found
