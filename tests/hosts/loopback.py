"""Hosts without root: an unprivileged sshd on 127.0.0.1, with a scratch directory in place of a disk."""

from __future__ import annotations

import contextlib
import ctypes.util
import getpass
import os
import pwd
import shutil
import socket
import time
from functools import partial
from pathlib import Path

from tests.support.processes import stat_fields

from . import apt, state
from .errors import HostError, Unavailable
from .host import Host
from .process import alive, end_all, run, start_time
from .rootfs import cache_home
from .state import Group

HERE = Path(__file__).parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PRIVILEGE_SEPARATION = Path("/run/sshd")

SSHD_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey "{place}/host_key"
AuthorizedKeysFile "{key_file}.pub"
PidFile none
LogLevel VERBOSE
UseDNS no
UsePAM no
StrictModes no
MaxStartups 1000
MaxSessions 1000
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
SetEnv {environment}
"""


def check() -> None:
    """`Unavailable`, with the reason, where no ssh client or sshd can be had."""
    for tool in ("ssh", "ssh-keygen"):
        if shutil.which(tool) is None:
            raise Unavailable(f"no {tool} (package openssh-client)")
    _sshd()


def _sshd() -> tuple[Path, dict[str, str]]:
    """The sshd binary and the environment it needs: the machine's, else one unpacked into the cache."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:{PATH}")
    if found:
        return Path(found), {}
    unpacked = cache_home() / "openssh"
    libraries = ["libwrap0"] if ctypes.util.find_library("wrap") is None else []
    apt.unpack(["openssh-server", *libraries], unpacked)
    places = [str(path) for path in (*unpacked.glob("usr/lib/*-linux-*"), *unpacked.glob("lib/*-linux-*"))]
    return unpacked / "usr/sbin/sshd", {"LD_LIBRARY_PATH": ":".join(places)}


def up(group: Group) -> list[Host]:
    """Start one sshd for each host of the group."""
    check()
    group.hosts_dir.mkdir(mode=0o700)
    hosts = [_start(group, name) for name in group.names]
    (group.state_dir / "known_hosts").write_text("".join(host.known_hosts_line for host in hosts))
    for host in hosts:
        host.wait_ready()
    return hosts


def _start(group: Group, name: str) -> Host:
    place = group.hosts_dir / name
    root = place / "root"
    for directory in ("etc/k0s-standin", "home", "usr/local/bin", "var/log", "var/lib", "run"):
        (root / directory).mkdir(parents=True)
    shutil.copyfile(os.environ.get("K0S_BINARY") or HERE / "k0s", root / "usr/local/bin/k0s")
    (root / "usr/local/bin/k0s").chmod(0o755)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", place / "host_key")
    log = root / "var/log/sshd.log"
    port, pid = _listen(group, place, log)
    return Host(
        name=name,
        address="127.0.0.1",
        port=port,
        user=getpass.getuser(),
        sudo_user=getpass.getuser(),
        key_file=group.key_file,
        host_key=" ".join((place / "host_key.pub").read_text().split()[:2]),
        init="none",
        root=root,
        pid=pid,
        pid_started=start_time(pid),
        sshd_log=log,
        state_dir=group.state_dir,
        backend=group.backend,
    )


def _session_environment(root: Path) -> str:
    """What sessions see in place of the user's own: home and state in the scratch directory."""
    values = {
        "HOME": root / "home",
        "XDG_STATE_HOME": root / "var/lib",
        "K0S_STANDIN_ROOT": root,
        "PATH": f"{root}/usr/local/bin:{PATH}",
    }
    return " ".join(f'"{name}={value}"' for name, value in values.items())


def _listen(group: Group, place: Path, log: Path) -> tuple[int, int]:
    """Start sshd on a free port; port and process id. Another port is tried when one was snatched away."""
    sshd, extra = _sshd()
    _provide_privilege_separation()
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        config = place / "sshd_config"
        environment = _session_environment(place / "root")
        config.write_text(SSHD_CONFIG.format(port=port, place=place, key_file=group.key_file, environment=environment))
        words = [str(sshd), "-D", "-f", str(config), "-E", str(log)]
        streams = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
        pid = os.posix_spawn(sshd, words, {"PATH": PATH, **extra}, file_actions=streams, setsid=True)
        state.write_whole(place / "pid", f"{pid} {start_time(pid)}\n")
        if _listens(pid, port):
            return port, pid
        end_all(partial(list, (pid,)))
    raise HostError(f"sshd does not start\n{log.read_text(errors='replace') if log.exists() else ''}")


def _listens(pid: int, port: int) -> bool:
    """Whether the sshd answers on its port before it ends, within 5 s."""
    deadline = time.monotonic() + 5
    while stat_fields(pid)[:1] not in ([], ["Z"]) and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.02)
    return False


def _provide_privilege_separation() -> None:
    """As root, sshd insists on an empty directory of root's and on a user `sshd`."""
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("sshd")
        except KeyError:
            raise Unavailable("as root, sshd needs a user named sshd (package openssh-server)") from None
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)


def down(group: Group) -> None:
    """End each sshd and what ran in its sessions; remove the files."""
    for name in group.names:
        place = group.hosts_dir / name
        with contextlib.suppress(FileNotFoundError):
            pid, started = (int(word) for word in (place / "pid").read_text().split())
            if alive(pid, started):
                end_all(partial(list, (pid,)))
        end_all(partial(_of_session, place / "root"))
    if group.hosts_dir.exists():
        shutil.rmtree(group.hosts_dir)


def _of_session(root: Path) -> list[int]:
    """Processes whose environment names this scratch directory: sessions and what they left running."""
    mark = f"K0S_STANDIN_ROOT={root}".encode()
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
    return found
