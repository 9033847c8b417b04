"""Disks for a test host: loop devices of this machine, bounded in size, and the tools that a minimal host has not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.hosts import Host, apt, rootfs
from tests.missing import missing

TOOLS = ("fdisk", "xfsprogs", "btrfs-progs", "dosfstools")
UNUSED = ("python", "libpython", "libsqlite", "media-types")
"""Hosts have no Python. xfsprogs wants it for a script of its own that nothing here runs."""

UDEV = """\
#!/bin/sh
# Called as `udevadm settle`. For the disks of the test it does what the kernel, its devtmpfs and udev do elsewhere:
# the kernel of this machine may be one that reads no partition tables (partx tells it of them), and a container's /dev
# has no nodes for partitions.
for disk in $(cat /etc/test-disks); do
    partx --update "/dev/$disk" 2>/dev/null || partx --delete "/dev/$disk" 2>/dev/null
    for node in /dev/"$disk"p*; do
        number=$(cat "/sys/class/block/${node##*/}/dev" 2>/dev/null)
        [ -b "$node" ] || continue
        [ "$number" = "$((0x$(stat -c %t "$node"))):$((0x$(stat -c %T "$node")))" ] || rm "$node"
    done
    for part in /sys/class/block/"$disk"/"$disk"p*; do
        [ -e "$part/dev" ] || continue
        IFS=: read -r major minor <"$part/dev"
        [ -b "/dev/${part##*/}" ] || mknod -m 0600 "/dev/${part##*/}" b "$major" "$minor"
    done
done
"""


def install_tools(host: Host) -> None:
    """What `TOOLS` has, unpacked on the host; fetched once."""
    kept = rootfs.cache_home() / f"disk-tools-{rootfs.key('systemd')}"
    if not kept.is_dir():
        fetched = kept.with_name(f".partial-{kept.name}")
        apt.Downloader(apt.mirror(), rootfs.cache_home() / "apt").fetch(rootfs.place("systemd"), TOOLS, fetched)
        fetched.rename(kept)
    for package in kept.glob("*.deb"):
        if not package.name.startswith(UNUSED):
            # Not unpacked over links: /lib is one to /usr/lib.
            tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
            command = ["tar", "-x", "--keep-directory-symlink", "-C", str(host.path("/"))]
            subprocess.run(command, input=tar, check=True)
    host.ssh("ldconfig", check=True)


@dataclass(frozen=True)
class Loop:
    """One disk. path: of its node, the same on the host and on this machine. image: what it lies in."""

    path: str
    image: Path
    host: Host

    @property
    def name(self) -> str:
        """As the kernel calls it."""
        return self.path.removeprefix("/dev/")

    def part(self, number: int) -> str:
        """The node of a partition."""
        return f"{self.path}p{number}"

    def probe(self, tag: str, number: int = 0) -> str:
        """What blkid says of the disk, or of a partition."""
        node = self.part(number) if number else self.path
        return self.host.ssh(f"udevadm settle; blkid -p -o value -s {tag} {node}").stdout.strip()

    def content(self) -> bytes:
        """Every byte of it."""
        subprocess.run(["blockdev", "--flushbufs", self.path], check=True)
        return self.image.read_bytes()


DiskFactory = Callable[..., Loop]


@contextmanager
def attached(host: Host, directory: Path) -> Iterator[DiskFactory]:
    """`disk(megabytes=64)`: a new, empty disk of the host. At the end all of them are unmounted and detached."""
    loops: list[Loop] = []

    def attach(megabytes: int = 64) -> Loop:
        image = directory / f"disk-{len(loops)}"
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        done = subprocess.run(
            ["losetup", "--find", "--show", "--partscan", image], check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            missing(f"loop devices: {done.stderr.strip()}")
        loops.append(Loop(done.stdout.strip(), image, host))
        number = loops[-1].name.removeprefix("loop")
        host.ssh(f"mknod -m 0600 {loops[-1].path} b 7 {number}; echo {loops[-1].name} >>/etc/test-disks", check=True)
        return loops[-1]

    host.path("/etc/test-disks").write_text("")
    tool = host.path("/usr/local/sbin/udevadm")
    tool.write_text(UDEV)
    tool.chmod(0o755)
    try:
        yield attach
    finally:
        for loop in loops:
            _detach(loop)


def _detach(loop: Loop) -> None:
    if f"/{loop.name} " in Path("/proc/swaps").read_text():
        subprocess.run(["swapoff", loop.path], check=True)
    users = f"grep -o '^{loop.path}[p0-9]* ' /proc/self/mounts | sort -u"
    unmount = f"for node in $({users}); do while umount $node 2>/dev/null; do :; done; done"
    loop.host.ssh(f"{unmount}; rm -f {loop.path} {loop.path}p*", check=True)
    subprocess.run(["losetup", "--detach", loop.path], check=True)
    left = subprocess.run(["losetup", "--associated", loop.image], check=True, capture_output=True, text=True).stdout
    assert left == "", f"still attached: {left}"
