"""The main job on a throw-away host, without a cluster: bootstrap it, show it, clean it, show that it is clean.

With root the host is a real Linux with systemd in a network namespace; without, an SSH server of this user on loopback
whose files are below a scratch directory. Called by `make demo`.
"""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from capra.model.host_port import join_host_port  # noqa: E402  # the repository root must be on the path first
from tests.hosts import Host, Hosts  # noqa: E402  # the same

EXAMPLE = ROOT / "docs" / "examples" / "worker-user-data.yaml"
TRACEBACK = "CAPRA_DEMO_TRACEBACK"
"""The variable that has an error shown whole."""

LONGEST = 500
SENTINEL = "/run/cluster-api/bootstrap-success.complete"


def say(text: str) -> None:
    """A heading."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


class Demo:
    """One host, and `capra` with a state directory of its own. scratch: where a host without root has its files."""

    def __init__(self, host: Host, directory: Path) -> None:
        self._host = host
        self._directory = directory
        self._scratch = str(host.root) if host.backend == "loopback" else ""

    def _documents(self) -> list[dict[str, Any]]:
        host = self._host
        sudo = not self._scratch
        key = base64.b64encode(Path(host.key_file).read_bytes()).decode()
        spec = {
            "address": host.address,
            "port": host.port,
            "user": host.sudo_user if sudo else host.user,
            "useSudo": sudo,
            "sshKeyRef": {"name": "demo-key"},
        }
        machine = {
            "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2",
            "kind": "RemoteMachine",
            "metadata": {"name": "demo-worker-0", "namespace": "default"},
            "spec": spec,
        }
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "demo-key", "namespace": "default"}}
        return [machine, {**secret, "data": {"value": key}}]

    def _data(self) -> str:
        """The example; for a host without root, with its paths below the scratch directory."""
        text = EXAMPLE.read_text()
        if not self._scratch:
            return text
        document = yaml.safe_load(text)
        for file in document["write_files"]:
            file["path"] = self._scratch + file["path"]
        root = shlex.quote(self._scratch)
        environment = f"export K0S_STANDIN_ROOT={root} PATH={root}/usr/local/bin:$PATH; "
        document["runcmd"] = [
            environment + command.replace("/etc/k0s.token", f"{root}/etc/k0s.token").replace("/run/", f"{root}/run/")
            for command in document["runcmd"]
        ]
        return "#cloud-config\n" + yaml.safe_dump(document)

    def prepare(self) -> None:
        """Write the manifest and the bootstrap data."""
        manifest = self._directory / "machine.yaml"
        manifest.write_text(yaml.safe_dump_all(self._documents(), explicit_start=True))
        manifest.chmod(0o600)
        (self._directory / "user-data.yaml").write_text(self._data())

    def capra(self, *arguments: str) -> None:
        """Show the command and run it."""
        if self._scratch:
            arguments = (*arguments, *self._rootless(arguments[0]))
        print(f"$ capra {shlex.join(arguments)}", flush=True)
        environment = {
            **os.environ,
            "XDG_STATE_HOME": str(self._directory / "state"),
            "K0S_STANDIN_ROOT": self._scratch,
        }
        command = [sys.executable, "-m", "capra", *arguments]
        done = subprocess.run(command, env=environment, cwd=self._directory, check=False)
        if done.returncode:
            raise SystemExit(f"demo: capra {arguments[0]} ended with {done.returncode}")

    def _rootless(self, command: str) -> list[str]:
        if command not in ("bootstrap", "cleanup"):
            return []
        flags = ["--sentinel", self._scratch + SENTINEL, "--state-directory", f"{self._scratch}/var/lib/capra"]
        if command == "cleanup":
            flags += ["--k0s-data-dir", f"{self._scratch}/var/lib/k0s"]
            flags += ["--k0s-binary", f"{self._scratch}/usr/local/bin/k0s"]
        return flags

    def look(self) -> str:
        """What there is on the host of all that the bootstrap makes."""
        root = self._scratch
        paths = " ".join(
            shlex.quote(root + path)
            for path in ("/etc/k0s.token", "/etc/k0s-example", "/var/lib/k0s", "/var/lib/capra", SENTINEL)
        )
        done = self._host.ssh(f"ls -ld {paths} 2>/dev/null")
        return done.stdout


def main() -> None:
    """The demo. Argument: the backend of the test hosts, `auto` by default."""
    backend = sys.argv[1] if len(sys.argv) > 1 else "auto"
    say("Starting a throw-away host (the first time builds its file system)")
    with tempfile.TemporaryDirectory(prefix="capra-demo-") as directory, Hosts.up(count=1, backend=backend) as hosts:
        host = hosts[0]
        demo = Demo(host, Path(directory))
        demo.prepare()
        print(f"{host.name}: {host.backend}, {join_host_port(host.address, host.port)}")
        say("What would run, without contacting anybody")
        demo.capra("plan", "-f", "machine.yaml", "--bootstrap-data", "user-data.yaml")
        say("Bootstrap, from the example of the k0s worker (with a stand-in for k0s: nothing is downloaded)")
        demo.capra("bootstrap", "-f", "machine.yaml", "--bootstrap-data", "user-data.yaml")
        print(demo.look())
        say("A second bootstrap has nothing to do")
        demo.capra("bootstrap", "-f", "machine.yaml", "--bootstrap-data", "user-data.yaml")
        demo.capra("status")
        say("Cleanup, verified")
        demo.capra("cleanup", "-f", "machine.yaml")
        left = demo.look()
        if left:
            raise SystemExit(f"demo: the host is not clean:\n{left}")
        print("On the host: no token, no k0s data, no journal, no sentinel.")
    say("Try next, with a host of your own: put its address and user into docs/examples/machine.yaml")
    print(
        "  . .venv/bin/activate\n"
        "  capra preflight -f docs/examples/machine.yaml --ssh-key ~/.ssh/id_ed25519\n"
        "  capra plan      -f docs/examples/machine.yaml --bootstrap-data docs/examples/worker-user-data.yaml"
        " --ssh-key ~/.ssh/id_ed25519\n"
        "  capra bootstrap --help"
    )


def told() -> int:
    """The demo, and where it cannot go on one line that says why. Returns its exit code."""
    try:
        main()
    except KeyboardInterrupt:
        return _ended("interrupted", 130)
    except subprocess.CalledProcessError as error:
        command = error.cmd if isinstance(error.cmd, str) else shlex.join(map(str, error.cmd))
        said = _text(error.stderr) or _text(error.output)
        return _ended(f"{command} ended with {error.returncode}{said and f': {said}'}")
    except Exception as error:  # whatever a host may need that this machine does not have
        if os.environ.get(TRACEBACK):
            raise
        return _ended(f"{_text(str(error)) or type(error).__name__} ({TRACEBACK}=1 shows where)")
    return 0


def _ended(why: str, code: int = 1) -> int:
    print(f"demo: {why}", file=sys.stderr)
    return code


def _text(said: str | bytes | None) -> str:
    """In one line, the end of it where it is long."""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said or ""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"…{line[-LONGEST:]}"


if __name__ == "__main__":
    sys.exit(told())
