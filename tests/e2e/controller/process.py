"""`capra controller` as a process of its own, under the rights of its own ServiceAccount."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.controlplane.process import free_port
from tests.support.waiting import Wait, wait_until

READY_SECONDS = 60.0


@dataclass
class ControllerProcess:
    """One replica. kubeconfig: its way to the API server. settings: further flags. wrap: makes another command of the
    command and its environment, to run it in other surroundings."""

    kubeconfig: Path
    directory: Path
    settings: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    wrap: Callable[[list[str], dict[str, str]], list[str]] = lambda command, environment: command
    process: subprocess.Popen[bytes] | None = None
    health_port: int = 0

    @property
    def log(self) -> Path:
        """All that it has said, over all its lives."""
        return self.directory / "controller.log"

    @property
    def private(self) -> Path:
        """Where its runs have their private directories; with a blank, which such a place may have."""
        return self.directory / "run time"

    def start(self, *, ready: bool = True) -> None:
        """Start it, and wait until it has read everything once."""
        self.private.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.health_port = self.health_port or free_port()
        command = [
            sys.executable,
            "-m",
            "capra",
            "controller",
            f"--kubeconfig={self.kubeconfig}",
            f"--health-addr=127.0.0.1:{self.health_port}",
            *([] if any("diagnostics-address" in one for one in self.settings) else ["--diagnostics-address=0"]),
            *self.settings,
        ]
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "XDG_RUNTIME_DIR": str(self.private),
            "TMPDIR": str(self.private),
            **self.environment,
        }
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.wrap(command, environment),
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if ready:
            self.wait_until_ready()

    def answers(self, path: str = "/readyz") -> bool:
        """The probe says yes."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as refused:
            refused.close()
            return False
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        wait = Wait("the controller is ready", READY_SECONDS, self._log_size, self._check, self.tail)
        wait_until(self.answers, wait, 0.05)

    def _log_size(self) -> int:
        return self.log.stat().st_size

    def _check(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, f"the controller has ended:\n{self.tail()}"

    def stop(self, timeout: float = 40.0) -> int:
        """SIGTERM, as the kubelet does it; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout)

    def kill(self) -> None:
        """kill -9, of this process alone. What it has started must end by itself."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """End it however it can be ended, with all that it has started."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def lines(self) -> list[dict[str, Any]]:
        """Its log, as far as it is made of events."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found
