"""What the end-to-end tests share: manifests for test hosts, bootstrap data, and `capra` as a process of its own."""

from __future__ import annotations

import base64
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.hosts import Host
from tests.support.waiting import Wait, wait_until

SENTINEL = "mkdir -p /run/cluster-api && touch /run/cluster-api/bootstrap-success.complete"
TOKEN = "H4sIAAAAAAAC-join-token-5f1e9d7c3b2a"
"""Stands for a join token: must be seen nowhere but in its file on the host."""


def cloud_config(
    files: Sequence[dict[str, Any]] = (), commands: Sequence[str] = (), after: Sequence[str] = ()
) -> bytes:
    """Bootstrap data as the k0s bootstrap provider writes it; the sentinel is made by a command between those before it
    and those `after` it."""
    document = {"write_files": list(files), "runcmd": [*commands, SENTINEL, *after]}
    return b"## template: jinja\n#cloud-config\n" + yaml.safe_dump(document).encode()


def counted(name: str, then: str = "true") -> str:
    """A command that counts its runs on the host in /var/tmp/count.<name>, then does something."""
    return f"echo ran >> /var/tmp/count.{name}; {then}"


def count(host: Host, name: str) -> int:
    """How often a counted command has begun."""
    done = host.ssh(f"cat /var/tmp/count.{name} 2>/dev/null | wc -l")
    return int(done.stdout.strip() or 0)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until something is true; fails the test with its name when it takes too long."""
    wait_until(condition, Wait(what, seconds))


def machine(host: Host, *, user: str = "root", version: str = "v1beta2", **spec: Any) -> dict[str, Any]:
    """A RemoteMachine document for a test host."""
    return {
        "apiVersion": f"infrastructure.cluster.x-k8s.io/{version}",
        "kind": "RemoteMachine",
        "metadata": {"name": host.name, "namespace": "default"},
        "spec": {
            "address": host.address,
            "port": host.port,
            "user": user,
            "sshKeyRef": {"name": f"{host.name}-key"},
            **({"useSudo": True} if user != "root" else {}),
            **spec,
        },
    }


def key_secret(host: Host) -> dict[str, Any]:
    """The Secret with the host's SSH key."""
    key = Path(host.key_file).read_bytes()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{host.name}-key", "namespace": "default"},
        "data": {"value": base64.b64encode(key).decode()},
    }


@dataclass
class Capra:
    """`capra` in a directory of its own, with its own state."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    ssh_configuration: str = ""
    """`~/.ssh/config` of the caller. OpenSSH takes the home from /etc/passwd, not from $HOME."""

    @property
    def state(self) -> Path:
        """Where it keeps its state."""
        return self.directory / "state" / "capra"

    @property
    def private(self) -> Path:
        """Where its runs have their private directories; with a blank, which such a place may have."""
        return self.directory / "run time"

    def manifests(self, *documents: dict[str, Any], name: str = "machine.yaml") -> Path:
        """Write a manifest file."""
        path = self.directory / name
        path.write_text(yaml.safe_dump_all(documents))
        path.chmod(0o600)
        return path

    def data(self, content: bytes, name: str = "user-data.yaml") -> Path:
        """Write a bootstrap data file."""
        path = self.directory / name
        path.write_bytes(content)
        return path

    def process_environment(self) -> dict[str, str]:
        """What its processes get."""
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        self.private.mkdir(exist_ok=True, mode=0o700)
        return {
            **os.environ,
            "HOME": str(home),
            "XDG_STATE_HOME": str(self.directory / "state"),
            "XDG_RUNTIME_DIR": str(self.private),
            "PYTHONPATH": "",
            **self.environment,
        }

    def _as_caller(self) -> list[str]:
        """With a mount namespace of its own, in which the caller has another home."""
        if not self.ssh_configuration:
            return []
        home = self.directory / "home"
        (home / ".ssh").mkdir(parents=True, exist_ok=True)
        (home / ".ssh" / "config").write_text(self.ssh_configuration)
        users = self.directory / "passwd"
        lines = Path("/etc/passwd").read_text().splitlines()
        mine = pwd.getpwuid(os.getuid())
        others = [line for line in lines if not line.startswith(f"{mine.pw_name}:")]
        moved = f"{mine.pw_name}:x:{mine.pw_uid}:{mine.pw_gid}:test:{home}:{mine.pw_shell}"
        users.write_text("".join(f"{line}\n" for line in (moved, *others)))
        script = 'mount --bind "$1" /etc/passwd && shift && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh", str(users)]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start it and come back at once."""
        return subprocess.Popen(
            [*self._as_caller(), sys.executable, "-m", "capra", *map(str, arguments)],
            env=self.process_environment(),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str | Path, code: int = 0, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run it to the end; its exit code must be `code`."""
        process = self.start(*arguments)
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            raise AssertionError(f"capra took more than {timeout} s\n{output}\n{errors}") from None
        assert process.returncode == code, f"exit code {process.returncode}, not {code}\n{output}\n{errors}"
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def json(self, *arguments: str | Path, code: int = 0, timeout: float = 120) -> list[dict[str, Any]]:
        """Run it with --output json; the machines of its report."""
        done = self.run(*arguments, "--output", "json", code=code, timeout=timeout)
        report: list[dict[str, Any]] = json.loads(done.stdout)["machines"]
        return report


def run_ansible(
    arguments: Sequence[str | Path], cwd: Path, environment: dict[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """`ansible-playbook` of this environment, as a person would call it."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), *map(str, arguments)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**kept, "PYTHONPATH": "", "ANSIBLE_HOST_KEY_CHECKING": "False", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, f"exit code {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
    return done
