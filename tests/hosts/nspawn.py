"""Hosts as systemd-nspawn containers: an overlay over the rootfs, own network, own cgroups, own boots."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from . import apt, cgroup, extras, limits, network, rootfs, state
from .errors import HostError, Unavailable
from .host import Host
from .process import end_all, run, start_time
from .state import Group

HERE = Path(__file__).parent
CREATES_AT_ONCE = 16
Spawn = Callable[[Group, int, Path], int]
"""Starts a host in its directory; the id of the process that stands for it."""


def check() -> None:
    """`Unavailable`, with the reason, where containers cannot be started."""
    if os.geteuid() != 0:
        raise Unavailable("containers take root")
    apt.install_missing(rootfs.TOOLS)


def up(group: Group) -> list[Host]:
    """Start all hosts of the group and wait until they are ready."""
    return start_all(group, _spawn, group.init)


def start_all(group: Group, spawn: Spawn, init: str) -> list[Host]:
    """The same for hosts that are started otherwise. init: what they then run."""
    check()
    lower = extras.ensure(group.extra or group.init)
    limits.make_room()
    with state.one_at_a_time():
        group = group.with_subnet(network.free_subnet())
        group.save()
        network.create(group.id, group.network, len(group.names))
    # In memory: quick, nothing to flush, and one unmount takes all of it away.
    group.hosts_dir.mkdir(mode=0o755)
    run("mount", "-t", "tmpfs", "-o", "mode=0755", f"capra-{group.id}", group.hosts_dir)
    _write_layer(group)
    with ThreadPoolExecutor(CREATES_AT_ONCE) as pool:
        hosts = list(pool.map(lambda index: _start(group, index, lower, spawn, init), range(len(group.names))))
        (group.state_dir / "known_hosts").write_text("".join(host.known_hosts_line for host in hosts))
        list(pool.map(Host.wait_ready, hosts))
    return hosts


def _write_layer(group: Group) -> None:
    """The part all hosts of the group share, as a layer between the rootfs and each host's own."""
    layer = group.hosts_dir / ".layer"
    ssh, binaries, knobs = layer / "etc/ssh", layer / "usr/local/bin", layer / "etc/k0s-standin"
    for directory in (ssh, binaries, knobs):
        directory.mkdir(parents=True)
    shutil.copyfile(group.state_dir / "key.pub", ssh / "authorized_keys")
    (ssh / "authorized_keys").chmod(0o644)
    shutil.copyfile(os.environ.get("K0S_BINARY") or HERE / "k0s", binaries / "k0s")
    (binaries / "k0s").chmod(0o755)


def _start(group: Group, index: int, lower: Path, spawn: Spawn, init: str) -> Host:
    """Mount, furnish and start one host; it is not ready yet."""
    name, place = group.names[index], group.hosts_dir / group.names[index]
    root, upper, work = place / "root", place / "upper", place / "work"
    for directory in (root, upper, work):
        directory.mkdir(parents=True)
    lowers = ":".join(str(path).replace(":", "\\:") for path in (group.hosts_dir / ".layer", lower))
    options = f"lowerdir={lowers},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "-o", options, f"capra-{group.id}", root)
    host_key = _furnish(group, index, root)
    pid = spawn(group, index, place)
    return Host(
        name=name,
        address=network.address(group.network, index),
        port=22,
        user="root",
        sudo_user="ops",
        key_file=group.key_file,
        host_key=host_key,
        init=init,
        root=root,
        pid=pid,
        pid_started=start_time(pid),
        sshd_log=root / "var/log/sshd.log",
        state_dir=group.state_dir,
        backend=group.backend,
    )


def _furnish(group: Group, index: int, root: Path) -> str:
    """What makes a host itself: name, addresses of the group, machine id, host key (returned, public)."""
    etc = root / "etc"
    (etc / "hostname").write_text(group.names[index] + "\n")
    peers = (f"{network.address(group.network, i)} {name}\n" for i, name in enumerate(group.names))
    # A host that cannot resolve its own name makes every sudo wait 20 s.
    (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n" + "".join(peers))
    (etc / "machine-id").write_text(uuid.uuid4().hex + "\n")
    key = etc / "ssh/ssh_host_ed25519_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", group.names[index], "-f", key)
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


def _spawn(group: Group, index: int, place: Path) -> int:
    """Start the host's supervisor in a session of its own; its id."""
    namespace = network.namespace(group.id, index)
    # A node's network is made and removed in the host's own namespace. Other inits would take it down when they reboot.
    capabilities = ["--capability=CAP_NET_ADMIN"] if group.init == "systemd" else []
    arguments = [
        "--quiet",
        "--register=no",
        "--keep-unit",
        "--boot",
        "--console=pipe",
        f"--network-namespace-path=/run/netns/{namespace}",
        *capabilities,
        f"--directory={place / 'root'}",
        f"--machine={namespace}",
        f"--hostname={group.names[index]}",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
    ]
    nodes = [str(node) for node in cgroup.create(group.id, index)]
    return spawn([str(HERE / "supervise.sh"), str(place / "restart"), *nodes, "--", *arguments], place)


def spawn(script: list[str], place: Path) -> int:
    """Start a shell script with its arguments in a session of its own, its output in the host's console log; its id."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(place / "console.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn("/bin/sh", ["sh", *script], environment, file_actions=streams, setsid=True)


def down(group: Group) -> None:
    """Remove all there is of the group, however far it got."""
    for index in range(len(group.names)):
        end_all(partial(cgroup.processes, group.id, index))
    _unmount_below(group.hosts_dir)
    for index in range(len(group.names)):
        cgroup.remove(group.id, index)
    network.remove(group.id, len(group.names))
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(group.hosts_dir)


def _unmount_below(directory: Path) -> None:
    """Unmount the directory and everything below it, last mounted first."""
    for mounted in reversed(mount_points(directory)):
        if run("umount", mounted, check=False).returncode != 0:
            run("umount", "--lazy", mounted, check=False)
    if left := mount_points(directory):
        raise HostError(f"still mounted: {', '.join(map(str, left))}")


def mount_points(directory: Path) -> list[Path]:
    """Mount points at and below a directory, in the order of mounting."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    escaped = (line.split()[4] for line in lines)
    # Blanks and the like are written as \040 in octal.
    paths = (Path(text.encode().decode("unicode_escape").encode("latin-1").decode()) for text in escaped)
    return [path for path in paths if path == directory or directory in path.parents]
