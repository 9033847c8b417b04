"""The files of a running host as seen from outside, and what differs between two hosts in what a run has touched."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.hosts import Host

Stamps = Mapping[str, tuple[object, ...]]
"""Path → what changes when somebody touches it."""

OUTSIDE = ("/proc", "/sys", "/dev", "/tmp")
TOOLS_OWN = (
    # Of the two tools: journals, logs, the place of scripts.
    *("/var/lib/capra", "/var/lib/cloud", "/etc/k0smotron", "/run/cloud-init", "/run/capra", "/etc/cloud"),
    # cloud-init's copy of its own file of the document before.
    "/etc/systemd/timesyncd.conf.d/cloud-init.conf.dist",
    # Of the system, at any time: logs, sessions, the clock, caches.
    *("/var/log", "/var/cache", "/var/lib/systemd", "/var/lib/private", "/var/tmp/cloud-init", "/root/.cache"),
    *("/run/systemd", "/run/udev", "/run/dbus", "/run/user", "/run/sudo", "/run/log", "/run/lock", "/run/mount"),
    *("/run/utmp", "/run/motd.dynamic", "/run/sshd.pid", "/run/credentials", "/run/initctl", "/run/host"),
    # Copies and locks of useradd and the like, which are made anew by each call.
    *(f"/etc/{name}-" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")),
    *("/etc/.pwd.lock", "/etc/.updated", "/var/lib/dbus"),
)
"""Changes that no document asks for: these paths, and all below them."""

ACCOUNTS = ("/etc/passwd", "/etc/subuid", "/etc/subgid")
COMMENTED = (
    *("/etc/hosts", "/etc/sudoers.d/90-cloud-init-users", "/etc/systemd/timesyncd.conf.d/cloud-init.conf"),
    *("/etc/default/locale", "/etc/my.locale"),
)
"""Files in which cloud-init, or a program that it calls, says in comments who wrote them and when: the rest is
compared."""


def _is_below(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _walk(root: str, path: str) -> Iterator[tuple[str, os.stat_result]]:
    """All below the path, without the hosts' own file systems."""
    for entry in os.scandir(root + path):
        name = f"{path}/{entry.name}"
        if name in OUTSIDE or name in TOOLS_OWN or entry.name == "__pycache__":
            continue
        status = entry.stat(follow_symlinks=False)
        yield name, status
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, name)


def root_of(host: Host) -> Path:
    """The host's file system with all that is mounted in it."""
    return Path(f"/proc/{host.leader()}/root")


def stamps(host: Host) -> Stamps:
    """Of all files; of a directory without its times, which say that something in it has changed."""
    found: dict[str, tuple[object, ...]] = {}
    for path, status in _walk(str(root_of(host)), ""):
        own = (status.st_mode, status.st_uid, status.st_gid)
        times = () if stat.S_ISDIR(status.st_mode) else (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        found[path] = own + times
    return found


def touched(before: Stamps, after: Stamps) -> set[str]:
    """The paths that are new, gone or changed."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def state(host: Host, path: str) -> str:
    """What is at a path, in words: kind, mode, owner, and content or target."""
    place = Path(f"{root_of(host)}{path}")
    try:
        status = place.lstat()
    except FileNotFoundError:
        return "nothing"
    words = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if stat.S_ISLNK(status.st_mode):
        return f"{words} -> {os.readlink(place)}"
    if stat.S_ISREG(status.st_mode):
        return f"{words} {compared(path, place.read_bytes())!r}"
    return words


def compared(path: str, content: bytes) -> bytes | list[bytes]:
    """The content, or of some files what counts of it."""
    lines = content.split(b"\n")
    if path == "/etc/shadow":
        # The third field is the day of the last change.
        fields = [line.split(b":") for line in lines]
        return sorted(b":".join(field[:2] + field[3:]) for field in fields)
    if path in ACCOUNTS:
        return sorted(lines)
    if path in ("/etc/group", "/etc/gshadow"):
        # Members have no order.
        split = [line.rpartition(b":") for line in lines]
        return sorted(b"".join([head, colon, b",".join(sorted(last.split(b",")))]) for head, colon, last in split)
    if path.endswith("/authorized_keys"):
        # cloud-init keeps the keys of a user in a set.
        return sorted(lines)
    if path in COMMENTED:
        return [b" ".join(line.split()) for line in lines if line.strip() and not line.startswith(b"#")]
    return content


def mounts(host: Host) -> set[str]:
    """Lines of /proc/mounts; what is mounted of the host's own root, without how that is made."""
    lines = Path(f"/proc/{host.leader()}/mounts").read_text().splitlines()
    return {re.sub(r"^\S+ (\S+) overlay .*", r"overlay \1", line) for line in lines if " /run/user/" not in line}
