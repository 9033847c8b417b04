"""The root file systems the hosts boot from: one base by debootstrap, one copy of it for each init.

They live in `${XDG_CACHE_HOME:-~/.cache}/capra/rootfs/<init>-<key>`, the key a hash of all they are made
of. They are never written again: a host sees one through an overlay.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import apt
from .errors import HostError, Unavailable
from .process import run

BASE_PACKAGES = (
    *("openssh-server", "sudo", "iproute2", "iputils-ping", "procps", "wget", "ca-certificates"),
    # What a kube-proxy and network plugins leave in the kernel is seen with it, as on a real node.
    "iptables",
)

INIT_PACKAGES: dict[str, tuple[tuple[str, ...], ...]] = {
    # In stages: systemd must be configured before systemd-sysv may be unpacked.
    "systemd": (("systemd", "dbus"), ("systemd-sysv",)),
    "sysvinit": (("sysvinit-core", "sysv-rc", "initscripts"),),
    "openrc": (("sysvinit-core", "openrc", "initscripts"),),
}
"""Init → packages that make it process 1. OpenRC on Debian is run by sysvinit's process 1."""

TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mount": "mount",
    "unshare": "util-linux",
}

SSHD_CONFIG = """\
# Generous limits: tests open many sessions at once. VERBOSE logs one line for each session started.
LogLevel VERBOSE
UseDNS no
MaxStartups 1000
MaxSessions 1000
PermitRootLogin prohibit-password
PasswordAuthentication no
PrintMotd no
AuthorizedKeysFile /etc/ssh/authorized_keys .ssh/authorized_keys
HostKey /etc/ssh/ssh_host_ed25519_key
"""

OPENRC_NET = """\
#!/sbin/openrc-run
# The network is there before the host boots; services that need `net` (k0s's own does) can say so.
description="Network set up from outside"
depend() {
    provide net
}
start() {
    return 0
}
"""

UNUSED_UNITS = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "console-getty.service")


def cache_home() -> Path:
    """Where everything of ours that is cached lives."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "capra"


def key(init: str) -> str:
    """Hash of all a rootfs is made of: release, architecture, packages, and the text of this module."""
    parts = [apt.code_name(), platform.machine(), repr(BASE_PACKAGES), repr(INIT_PACKAGES.get(init))]
    text = "\n".join(parts).encode() + Path(__file__).read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]


def place(init: str) -> Path:
    return cache_home() / "rootfs" / f"{init}-{key(init)}"


def ensure(init: str) -> Path:
    """The rootfs of that init, built if it is not there (about a minute, of which the base is most)."""
    if init not in INIT_PACKAGES:
        raise ValueError(f"unknown init {init!r}: one of {', '.join(INIT_PACKAGES)}")
    root = place(init)
    if root.is_dir():
        return root
    if os.geteuid() != 0:
        raise Unavailable("building a rootfs takes root")
    apt.install_missing(TOOLS)
    root.parent.mkdir(parents=True, exist_ok=True)
    with alone(root.parent / ".lock"):
        if not root.is_dir():
            _build_variant(init, _ensure_base())
    return root


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One builder at a time on this machine; the lock goes with the process."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def whole(root: Path) -> Iterator[Path]:
    """A temporary directory that becomes `root` when the block ends well; leftovers of others go first."""
    partial = root.parent / f".partial-{root.name}"
    run("rm", "-rf", "--one-file-system", partial)
    partial.mkdir(mode=0o755)
    try:
        yield partial
    except BaseException:
        run("rm", "-rf", "--one-file-system", partial, check=False)
        raise
    partial.rename(root)


def namespaced(*command: str | Path, proc: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run in its own mount and pid namespaces, so that a killed build leaves no mount and no process."""
    mount = ["--mount-proc=" + str(proc)] if proc else []
    # A shell outside the chroot stays process 1: maintainer scripts tell by it that they are in a chroot,
    # and do not wait 45 s for an init to answer.
    stay = ("sh", "-c", '"$@"; exit $?', "sh")
    run("unshare", "--mount", "--pid", "--fork", "--kill-child", *mount, *stay, *command, timeout=900, env=env)


def _ensure_base() -> Path:
    """The common part, by debootstrap; its packages stay in a cache beside it."""
    base = place("base")
    if base.is_dir():
        return base
    archive = apt.mirror()
    packages = cache_home() / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    options = ["--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", f"--cache-dir={packages}"]
    if archive.signed_by.startswith("/"):
        options.append(f"--keyring={archive.signed_by}")
    if archive.trusted:
        options.append("--no-check-gpg")
    with whole(base) as root:
        words = [*options, archive.suite, str(root), archive.uri]
        namespaced("debootstrap", *words, env=apt.proxy_environment())
        _configure(root)
        refuse_python(root)
    return base


def _build_variant(init: str, base: Path) -> None:
    downloader = apt.Downloader(apt.mirror(), cache_home() / "apt")
    with whole(place(init)) as root:
        run("cp", "-a", "--reflink=auto", f"{base}/.", root)
        for packages in INIT_PACKAGES[init]:
            install(downloader, root, packages)
        _configure_init(root, init)
        refuse_python(root)


def install(downloader: apt.Downloader, root: Path, packages: Sequence[str]) -> None:
    """Install the packages, and what they need, into the root file system."""
    downloader.fetch(root, packages, root / "packages")
    # Again for each package that had to be configured before another may be unpacked.
    command = "for _ in 1 2 3; do dpkg --force-unsafe-io --install /packages/*.deb && break; done"
    command += ' && test -z "$(dpkg --audit)"'
    namespaced("chroot", root, "sh", "-c", command, proc=root / "proc", env=apt.QUIET)
    shutil.rmtree(root / "packages")


def _configure(root: Path) -> None:
    """What every host has: the users, sudo, sshd. Keys and names come at `up`."""
    (root / "etc/ssh/sshd_config.d/capra.conf").write_text(SSHD_CONFIG)
    (root / "etc/default/ssh").write_text('SSHD_OPTS="-E /var/log/sshd.log"\n')
    for user in ("ops", "nosudo"):
        run("chroot", root, "useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", user)
    sudoers = root / "etc/sudoers.d/ops"
    sudoers.write_text("ops ALL=(ALL:ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)
    for left in (*root.glob("etc/ssh/ssh_host_*"), *root.glob("var/log/*.log"), root / "etc/machine-id"):
        left.unlink(missing_ok=True)
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)


def _configure_init(root: Path, init: str) -> None:
    """Nothing on the console, and no work of its own that would slow a host down."""
    if init == "systemd":
        for unit in UNUSED_UNITS:
            (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        (root / "etc/machine-id").write_text("")
        return
    inittab = root / "etc/inittab"
    kept = [line for line in inittab.read_text().splitlines() if "getty" not in line]
    inittab.write_text("\n".join(kept) + "\n")
    # Run what has a link in rc2.d, in that order: startpar's list would leave out the service that k0s links
    # by hand.
    (root / "etc/init.d/.legacy-bootordering").touch()
    if init == "openrc":
        service = root / "etc/init.d/hosts-net"
        service.write_text(OPENRC_NET)
        service.chmod(0o755)
        (root / "etc/runlevels/default/hosts-net").symlink_to("/etc/init.d/hosts-net")


def refuse_python(root: Path) -> None:
    """Targets have no Python, and tests rely on it."""
    places = ("usr/bin/python*", "usr/local/bin/python*", "usr/lib/python*", "usr/libexec/platform-python*")
    found = [str(path.relative_to(root)) for pattern in places for path in root.glob(pattern)]
    if found:
        raise HostError(f"the rootfs has Python: {', '.join(found)}")
