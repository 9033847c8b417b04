"""One running host, as tests see it."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import cpu_ticks
from tests.support.waiting import Wait, wait_until

from .errors import HostError, Unavailable
from .process import alive, children, run

VOLATILE = ("run", "tmp", "dev", "proc", "sys")
"""Top directories that a host mounts for itself: they can be seen only while it runs."""

READY = {
    "systemd": 'case "$(systemctl is-system-running --wait)" in running|degraded) ;; *) exit 1 ;; esac',
    "sysvinit": "until [ \"$(runlevel)\" = 'N 2' ] && ! pgrep -f 'init.d/r[c]' >/dev/null; do sleep 0.1; done",
    "openrc": "until [ \"$(rc-status -r)\" = default ] && ! pgrep -f 'init.d/r[c]' >/dev/null; do sleep 0.1; done",
}
"""Init → command that ends well when the init has finished booting."""


@dataclass(frozen=True)
class Host:
    """A host and the way to it; also one entry of hosts.json."""

    name: str
    address: str
    port: int
    user: str
    """`root`; with loopback, whoever runs this."""
    sudo_user: str
    """`ops`, with passwordless sudo; with loopback, whoever runs this."""
    key_file: Path
    """Private key for every user of the host."""
    host_key: str
    """The host's public key: type and base64."""
    init: str
    """`systemd`, `sysvinit`, `openrc`; with bare and loopback, `none`."""
    root: Path
    """The host's file system as seen from outside (loopback: the scratch directory)."""
    pid: int
    """Supervisor (loopback: sshd) outside; stays the same over reboots."""
    pid_started: int
    sshd_log: Path
    state_dir: Path
    backend: str

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Host:
        paths = ("key_file", "root", "sshd_log", "state_dir")
        return cls(**{**data, **{name: Path(data[name]) for name in paths}})

    def to_json(self) -> dict[str, Any]:
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}

    @property
    def known_hosts(self) -> Path:
        """A known_hosts file with the keys of all hosts of the group."""
        return self.state_dir / "known_hosts"

    @property
    def known_hosts_line(self) -> str:
        where = self.address if self.port == 22 else f"[{self.address}]:{self.port}"
        return f"{where} {self.host_key}\n"

    def ssh_command(self, user: str | None = None) -> list[str]:
        """The ssh command line up to and including the destination."""
        options = {
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "LogLevel": "ERROR",
        }
        words = ["ssh", "-F", "none", "-i", str(self.key_file), "-p", str(self.port)]
        words += [f"-o{name}={_one_word(value)}" for name, value in options.items()]
        return [*words, f"{user or self.user}@{self.address}"]

    def ssh(
        self,
        command: str,
        user: str | None = None,
        stdin: str = "",
        timeout: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command on the host; status 255 is ssh's own. `check`: `HostError` if it fails."""
        return run(*self.ssh_command(user), command, check=check, stdin=stdin, timeout=timeout)

    def exec_requests(self) -> int:
        """How many commands sshd was asked to run so far (exec and subsystem requests, all users)."""
        try:
            text = self.sshd_log.read_text(errors="replace")
        except FileNotFoundError:
            return 0
        wanted = ("Starting session: command", "Starting session: forced-command", "Starting session: subsystem")
        return sum(line.startswith(wanted) for line in text.splitlines())

    def path(self, name: str | Path) -> Path:
        """A path of the host as seen from outside; what it keeps in memory (/run, /tmp) only while it runs."""
        relative = Path(str(name).lstrip("/"))
        volatile = relative.parts[:1] and relative.parts[0] in VOLATILE
        if self.backend != "loopback" and volatile:
            return Path(f"/proc/{self.leader()}/root") / relative
        return self.root / relative

    def k0s_calls(self) -> list[str]:
        """The words of each call of the stand-in k0s, first to last, e.g. `reset --data-dir=/x`."""
        log = self.path("/var/log/k0s-calls.log")
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.partition(" args: ")[2] for line in lines]

    def leader(self) -> int:
        """Id, outside, of the host's process 1; `HostError` when it is off. Another one after a reboot."""
        for container in [self.pid] if self.backend == "bare" else children(self.pid):
            for candidate in children(container):
                status = Path(f"/proc/{candidate}/status")
                try:
                    spaces = [line for line in status.read_text().splitlines() if line.startswith("NSpid:")]
                except OSError:
                    continue
                if spaces and spaces[0].split()[-1] == "1" and len(spaces[0].split()) > 2:
                    return candidate
        raise HostError(f"{self.name} is not running")

    def boot_id(self) -> str:
        """What the host says in /proc/sys/kernel/random/boot_id; empty when it does not answer."""
        return self.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip()

    def wait_ready(self, timeout: float = 60, not_boot: str = "") -> None:
        """Return when sshd answers and the init has booted, with a boot id other than `not_boot`."""
        said = "no answer yet"

        def booted() -> bool:
            nonlocal said
            if not self._greets():
                return False
            try:
                done = self.ssh(f"cat /proc/sys/kernel/random/boot_id; {READY.get(self.init, ':')}", timeout=timeout)
            except subprocess.TimeoutExpired:
                said = "its init has not finished"
                return False
            said = (done.stdout + done.stderr).strip()
            return done.returncode == 0 and done.stdout.split()[:1] != [not_boot]

        def check() -> None:
            if not alive(self.pid, self.pid_started):
                raise HostError(f"{self.name} went off while it was waited for\n{self._console()}")

        def tell() -> str:
            return f"{said}\n{self._console()}"

        wait_until(booted, Wait(f"{self.name} is ready", timeout, self._progress, check, tell, HostError))

    def reboot(self, hard: bool = False, timeout: float = 60) -> None:
        """Boot the same host again and wait for it: by its own `reboot`, or (`hard`) as if power was cut."""
        if self.backend != "nspawn":
            raise Unavailable(f"a {self.backend} host has nothing that could boot it again")
        before = self.boot_id()
        if hard:
            (self.root.parent / "restart").touch()
            run("kill", "-KILL", str(self.leader()))
        else:
            self.ssh("reboot")
        self.wait_ready(timeout, not_boot=before)

    def _greets(self) -> bool:
        """Whether an SSH server answers at the address."""
        try:
            with socket.create_connection((self.address, self.port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _logs(self) -> list[Path]:
        return [log for log in (self.root.parent / "console.log", self.sshd_log) if log.exists()]

    def _progress(self) -> list[int]:
        """What changes as long as it boots: what it has said, and the processor time that it has used."""
        return [*(log.stat().st_size for log in self._logs()), cpu_ticks(self.pid)]

    def _console(self) -> str:
        """The last lines of what it said on its console and in sshd's log."""
        return "\n".join(line for log in self._logs() for line in log.read_text(errors="replace").splitlines()[-10:])


def _one_word(value: object) -> str:
    """The value of an option of ssh, which splits it at blanks and expands percent signs."""
    return '"{}"'.format(str(value).replace("%", "%%"))


def inventory_line(host: Host, user: str) -> str:
    """One host of an Ansible inventory in ini format."""
    known_hosts = shlex.quote(f"UserKnownHostsFile={_one_word(host.known_hosts)}")
    options = f"-o {known_hosts} -o StrictHostKeyChecking=yes"
    values = {
        "ansible_host": host.address,
        "ansible_port": str(host.port),
        "ansible_user": user,
        "ansible_ssh_private_key_file": str(host.key_file),
        "ansible_ssh_common_args": options,
    }
    return " ".join([host.name, *(f"{key}={json.dumps(value)}" for key, value in values.items())]) + "\n"
