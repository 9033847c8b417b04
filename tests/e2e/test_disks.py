"""Disks, file systems, mounts and swap on a real host: made as asked for, once; nothing that holds data is touched."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from capra.bootstrap import RunCommand
from tests.e2e.loops import DiskFactory, Loop, attached, install_tools
from tests.e2e.signatures import lvm_member, raid_member
from tests.e2e.support import SENTINEL, Capra, key_secret, machine
from tests.hosts import Host
from tests.hosts.fixtures import bring_up
from tests.missing import missing
from tests.support.bootstrap_data import parse
from tests.support.etcd_disk import ETCD

Done = subprocess.CompletedProcess[str]
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
FSTAB = "# mine\n/dev/vda1 / ext4 defaults 0 1\n"
OWN = "defaults,nofail,x-systemd.after=cloud-init-network.service,_netdev,comment=cloudconfig"


@pytest.fixture(scope="module")
def node() -> Iterator[Host]:
    """One host for all of the file, with the tools."""
    with bring_up() as hosts:
        install_tools(hosts[0])
        yield hosts[0]


@pytest.fixture
def disk(node: Host, tmp_path: Path) -> Iterator[DiskFactory]:
    """`disk(megabytes=64)`, and an fstab as somebody has written it."""
    node.path("/etc/fstab").write_text(FSTAB)
    with attached(node, tmp_path) as attach:
        yield attach


def run(host: Host, document: str, path: str = "", shell: str = "sh") -> list[Done]:
    """Run the programs of a document, each as a step, until one fails. path: a directory before those of tools."""
    done: list[Done] = []
    for step in parse(f"{document}\nruncmd: ['true']\n".encode()):
        assert isinstance(step, RunCommand)
        before = f'PATH={path}:"$PATH" ' if path else ""
        done.append(host.ssh(f"{before}{shell} -s", stdin=step.command))
        if done[-1].returncode != 0:
            break
    return done


def succeed(host: Host, document: str) -> str:
    """What it says; it must succeed."""
    done = run(host, document)
    assert [one.returncode for one in done] == [0] * len(done), done[-1].stderr
    return "".join(one.stdout for one in done)


def fail(host: Host, document: str) -> str:
    """The one line that it says; it must fail."""
    done = run(host, document)[-1]
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    return done.stderr.strip()


def fstab(host: Host) -> list[list[str]]:
    """The lines that are marked, as fields."""
    lines = host.path("/etc/fstab").read_text().splitlines()
    return [line.split("\t") for line in lines if "comment=cloudconfig" in line]


def mounted(host: Host, point: str) -> str:
    """What is mounted there."""
    return host.ssh(f"findmnt -n -o SOURCE -M '{point}'").stdout.strip()


def types(disk: Loop) -> list[str]:
    """The kind of table, and the types of the partitions."""
    dump = disk.host.ssh(f"sfdisk --dump {disk.path}").stdout
    return [*re.findall(r"^label: (\w+)", dump, re.MULTILINE), *re.findall(r"type= *([0-9A-Fa-f-]+)", dump)]


# --- what Cluster API's kubeadm provider writes


def test_the_disk_of_etcd(node: Host, disk: DiskFactory, capra: Capra) -> None:
    lun = disk()
    name = "/dev/disk/azure/scsi1/lun0"
    node.ssh(f"mkdir -p {name.rpartition('/')[0]} && ln -sf {lun.path} {name}", check=True)
    manifest = capra.manifests(machine(node), key_secret(node))
    data = capra.data(f"#cloud-config\n{ETCD.format(disk=name)}runcmd: ['{SENTINEL}']\n".encode())
    plan = capra.run("plan", "-f", manifest, "--bootstrap-data", data).stdout
    assert f"make a file system (ext4) on {name}" in plan

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert [step["state"] for step in report["steps"]] == ["ok"] * 5
    assert (lun.probe("TYPE", 1), lun.probe("LABEL", 1)) == ("ext4", "etcd_disk")
    assert mounted(node, "/var/lib/etcddisk") == lun.part(1)
    assert fstab(node) == [["LABEL=etcd_disk", "/var/lib/etcddisk", "auto", OWN, "0", "2"]]
    assert node.path("/etc/fstab").read_text().startswith(FSTAB)
    before = (lun.probe("UUID", 1), lun.probe("PTUUID"), node.path("/etc/fstab").read_text())
    node.ssh("echo member >/var/lib/etcddisk/data", check=True)

    succeed(node, ETCD.format(disk=name))

    assert node.ssh("cat /var/lib/etcddisk/data").stdout == "member\n"
    assert (lun.probe("UUID", 1), lun.probe("PTUUID"), node.path("/etc/fstab").read_text()) == before
    capra.json("cleanup", "-f", manifest)


@pytest.mark.parametrize("shell", ["bash", "busybox sh"])
def test_any_posix_shell_will_do(node: Host, disk: DiskFactory, shell: str) -> None:
    if shell.startswith("busybox"):
        if not (busybox := shutil.which("busybox")):
            missing("busybox")
        shutil.copy(busybox, node.path("/usr/local/bin/busybox"))
    one = disk()
    document = ETCD.format(disk=one.path).replace("/var/lib/etcddisk", "/a directory")
    for _ in range(2):
        done = run(node, document, shell=shell)
        assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * len(done)
    assert mounted(node, "/a directory") == one.part(1)
    assert (one.probe("TYPE", 1), one.probe("LABEL", 1)) == ("ext4", "etcd_disk")


# --- tables


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("{layout: true}", ["dos", "83"]),
        ("{table_type: mbr, layout: [[25, 82], 25, [25, fd], [25, 8e]]}", ["dos", "82", "83", "fd", "8e"]),
        ("{table_type: gpt, layout: [[50, 82], 50]}", ["gpt", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", LINUX]),
        ("{table_type: gpt, layout: [100]}", ["gpt", LINUX]),
    ],
)  # fmt: skip
def test_a_table(node: Host, disk: DiskFactory, definition: str, expected: list[str]) -> None:
    one = disk()
    document = f"disk_setup: {{{one.path}: {definition}}}"
    succeed(node, document)
    assert types(one) == expected
    assert one.probe("PTUUID") != "43415052-412d-4245-4755-4e0000000000"
    sizes = [int(size) for size in re.findall(r"size= *(\d+)", node.ssh(f"sfdisk --dump {one.path}").stdout)]
    assert len(sizes) == len(expected) - 1
    whole = 64 * 2048
    assert all(abs(size - whole // len(sizes)) <= 4096 for size in sizes)
    before = one.content()
    assert "has these partitions" in succeed(node, document)
    assert one.content() == before


# --- file systems


@pytest.mark.parametrize(
    ("kind", "megabytes", "label"),
    [("ext2", 64, "a label"), ("ext4", 64, ""), ("xfs", 320, "twelve-chars"), ("xfs", 320, ""), ("btrfs", 128, "b"),
     ("btrfs", 128, ""), ("vfat", 64, "ELEVEN-LONG"), ("vfat", 64, ""), ("swap", 64, "s"), ("swap", 64, "")],
)  # fmt: skip
def test_a_file_system_is_made_once(node: Host, disk: DiskFactory, kind: str, megabytes: int, label: str) -> None:
    one = disk(megabytes)
    document = f"fs_setup: [{{device: {one.path}, filesystem: {kind}, label: {label}, partition: PARTITION}}]"
    assert "has a new file system" in succeed(node, document.replace("PARTITION", "none"))
    assert (one.probe("TYPE"), one.probe("LABEL")) == (kind, label)
    before = one.content()
    for partition in ("none", "any", "auto"):
        assert "has this file system" in succeed(node, document.replace("PARTITION", partition))
    assert one.content() == before


def test_auto_takes_what_is_free_and_a_number_what_it_says(node: Host, disk: DiskFactory) -> None:
    one = disk()
    succeed(
        node,
        f"""\
disk_setup: {{{one.path}: {{table_type: gpt, layout: [25, 25, 25, 25]}}}}
fs_setup:
- {{device: {one.path}, filesystem: ext4, label: two, partition: 2}}
- {{device: {one.path}, filesystem: ext4, label: first, partition: auto}}
- {{device: {one.path}, filesystem: ext4, label: third, partition: auto}}
- {{device: {one.path}, filesystem: ext4, label: first, partition: auto}}
- {{device: {one.path}.4, filesystem: vfat, label: FOUR}}
- {{device: {one.path}, filesystem: ext4, label: other, partition: any}}
""",
    )
    assert [one.probe("LABEL", number) for number in (1, 2, 3, 4)] == ["first", "two", "third", "FOUR"]
    said = fail(node, f"fs_setup: [{{device: {one.path}, filesystem: ext4, label: five, partition: auto}}]")
    assert said.startswith(f"{one.path} has no partition that is free")
    said = fail(node, f"fs_setup: [{{device: {one.path}, filesystem: ext4, partition: 9}}]")
    assert said == f"{one.part(9)} is not there: {one.path} has no partition 9"


def test_nothing_is_made_where_a_host_boots_from(node: Host, disk: DiskFactory) -> None:
    one = disk()
    boot = "21686148-6449-6E6F-744E-656564454649"
    succeed(node, f"disk_setup: {{{one.path}: {{table_type: gpt, layout: [[50, {boot}], 50]}}}}")
    succeed(node, f"fs_setup: [{{device: {one.path}, filesystem: ext4, partition: auto}}]")
    assert (one.probe("TYPE", 1), one.probe("TYPE", 2)) == ("", "ext4")
    said = fail(node, f"fs_setup: [{{device: {one.path}, filesystem: ext4, partition: 1}}]")
    assert "a partition to boot from" in said


def test_a_file_system_of_a_given_type_is_replaced(node: Host, disk: DiskFactory) -> None:
    one = disk()
    succeed(node, f"fs_setup: [{{device: {one.path}, filesystem: vfat, label: OLD}}]")
    document = f"fs_setup: [{{device: {one.path}, filesystem: ext4, label: new, replace_fs: TYPE}}]"
    fail(node, document.replace("TYPE", "xfs"))
    assert one.probe("LABEL") == "OLD"
    succeed(node, document.replace("TYPE", "vfat"))
    assert (one.probe("TYPE"), one.probe("LABEL")) == ("ext4", "new")


# --- what holds something

CONTENTS = ("ext4", "xfs", "swap", "gpt", "mbr", "gpt without its protective MBR", "LVM", "RAID")


def fill(host: Host, disk: Loop, what: str) -> None:
    """Put something on a disk."""
    if what in ("LVM", "RAID"):
        offset, content = lvm_member() if what == "LVM" else raid_member()
        encoded = base64.b64encode(content).decode()
        command = f"echo {encoded} | base64 -d | dd of={disk.path} bs=1 seek={offset} conv=notrunc,fsync 2>/dev/null"
        host.ssh(command, check=True)
    elif what[:3] in ("gpt", "mbr"):
        succeed(host, f"disk_setup: {{{disk.path}: {{table_type: {what[:3]}, layout: [50, 20, 30]}}}}")
        if "without" in what:
            host.ssh(f"dd if=/dev/zero of={disk.path} bs=512 count=1 conv=notrunc,fsync 2>/dev/null", check=True)
            host.ssh("udevadm settle", check=True)
    else:
        succeed(host, f"fs_setup: [{{device: {disk.path}, filesystem: {what}, label: precious, partition: none}}]")


@pytest.mark.parametrize("what", CONTENTS)
def test_what_holds_something_is_not_touched_unless_that_is_said(node: Host, disk: DiskFactory, what: str) -> None:
    one = disk(320 if what == "xfs" else 64)
    fill(node, one, what)
    table = f"disk_setup: {{{one.path}: {{table_type: gpt, layout: [40, 60], overwrite: OVERWRITE}}}}"
    entry = f"fs_setup: [{{device: {one.path}, filesystem: vfat, label: NEW, partition: none, overwrite: OVERWRITE}}]"
    before = one.content()

    said = succeed(node, table.replace("OVERWRITE", "false"))
    assert said.startswith(f"{one.path} is not partitioned: it holds something")
    said = fail(node, entry.replace("OVERWRITE", "false"))
    assert said.startswith(f"{one.path} holds something else than is asked for")
    if what not in ("gpt", "mbr"):  # whose partitions hold nothing
        fail(node, entry.replace("none", "auto").replace("OVERWRITE", "false"))
    assert one.content() == before

    succeed(node, entry.replace("OVERWRITE", "true"))
    assert (one.probe("TYPE"), one.probe("LABEL"), one.probe("PTTYPE")) == ("vfat", "NEW", "")
    succeed(node, table.replace("OVERWRITE", "true"))
    assert (types(one)[0], len(types(one))) == ("gpt", 3)


@pytest.mark.parametrize("partition", [0, 1])
def test_what_is_in_use_is_never_touched(node: Host, disk: DiskFactory, partition: int) -> None:
    one = disk()
    target = one.path
    if partition:
        succeed(node, f"disk_setup: {{{one.path}: {{layout: [50, 50]}}}}")
        target = one.part(partition)
    succeed(node, f"fs_setup: [{{device: {target}, filesystem: ext4, label: used, partition: none}}]")
    node.ssh(f"mkdir -p /used && mount {target} /used && echo data >/used/data && sync", check=True)
    before = one.probe("UUID", partition)

    for document in (
        f"disk_setup: {{{one.path}: {{table_type: gpt, layout: [20, 80], overwrite: true}}}}",
        f"fs_setup: [{{device: {target}, filesystem: xfs, partition: none, overwrite: true}}]",
        f"fs_setup: [{{device: {one.path}, filesystem: xfs, partition: none, overwrite: true}}]",
        f"fs_setup: [{{device: {target}, filesystem: ext4, label: other, partition: none, overwrite: true}}]",
    ):
        assert "is in use (mounted, swap, RAID, LVM or opened)" in fail(node, document)
    # What is asked for is there, and mounted: a second run with overwrite leaves it.
    same = f"fs_setup: [{{device: {target}, filesystem: ext4, label: used, partition: none, overwrite: true}}]"
    assert "has this file system" in succeed(node, same)

    assert one.probe("UUID", partition) == before
    assert node.ssh("cat /used/data").stdout == "data\n"


def test_swap_that_is_on_is_never_touched(node: Host, disk: DiskFactory) -> None:
    one = disk()
    succeed(node, f"fs_setup: [{{device: {one.path}, filesystem: swap, partition: none}}]")
    subprocess.run(["swapon", one.path], check=True)  # a container may not
    said = fail(node, f"fs_setup: [{{device: {one.path}, filesystem: ext4, partition: none, overwrite: true}}]")
    assert "is in use" in said
    assert one.probe("TYPE") == "swap"


# --- cut anywhere, and run again


def cut(host: Host, tool: str, words: str = "", then: str = "") -> None:
    """The first call of a tool, with these words in its arguments, is followed by the death of all that runs."""
    script = f"""\
#!/bin/sh
/usr/bin/env PATH="${{PATH#*:}}" {tool} "$@" || exit
case " $* " in *"{words}"*) ;; *) exit 0 ;; esac
{then}
rm /opt/cut/{tool}
kill -9 0
"""
    host.ssh("mkdir -p /opt/cut")
    host.path(f"/opt/cut/{tool}").write_text(script)
    host.path(f"/opt/cut/{tool}").chmod(0o755)


TORN = "dd if=/dev/zero of=$(cat /opt/torn) bs=512 count=1 conv=notrunc,fsync 2>/dev/null"
"""A loss of power before the protective MBR was written, which is what is written last."""


@pytest.mark.parametrize(
    ("tool", "words", "then", "overwrite"),
    [
        pytest.param("sfdisk", "--wipe always", "", False, marks=pytest.mark.nightly),
        ("sfdisk", "--wipe always", TORN, False),
        pytest.param("sfdisk", "--wipe never", "", False, marks=pytest.mark.nightly),
        ("mkfs.ext4", "", "", False),
        pytest.param("tune2fs", "", "", False, marks=pytest.mark.nightly),
        pytest.param("mkdir", "", "", False, marks=pytest.mark.nightly),
        pytest.param("chmod", "", "", False, marks=pytest.mark.nightly),
        pytest.param("mv", "", "", False, marks=pytest.mark.nightly),
        ("mount", "-a -T", "", False),
        pytest.param("mount", "", "", False, marks=pytest.mark.nightly),
        pytest.param("sfdisk", "--wipe always", TORN, True, marks=pytest.mark.nightly),
        pytest.param("sfdisk", "--wipe never", "", True, marks=pytest.mark.nightly),
        ("wipefs", "--all --quiet", "", True),
        pytest.param("mkfs.ext4", "", "", True, marks=pytest.mark.nightly),
    ],
)
def test_a_run_that_is_cut_ends_as_one_that_is_not(
    node: Host, disk: DiskFactory, tool: str, words: str, then: str, overwrite: bool
) -> None:
    one = disk()
    if overwrite:
        fill(node, one, "ext4")
    document = ETCD.format(disk=one.path).replace("overwrite: false", f"overwrite: {str(overwrite).lower()}")
    document = document.replace("    filesystem: ext4", "    partition: 1\n    filesystem: ext4")
    if words == "--all --quiet":
        # A partition that holds something.
        succeed(node, f"disk_setup: {{{one.path}: {{table_type: gpt, layout: true, overwrite: true}}}}")
        succeed(node, f"fs_setup: [{{device: {one.part(1)}, filesystem: vfat}}]")
        document = document.replace("    partition: 1", "    partition: 1\n    overwrite: true")
    node.path("/opt/torn").write_text(one.path)
    cut(node, tool, words, then)

    done = run(node, document, path="/opt/cut")
    assert done[-1].returncode not in (0, 1), "it was not cut"
    assert not node.path(f"/opt/cut/{tool}").exists()
    succeed(node, document)

    assert types(one) == ["gpt", LINUX]
    assert one.probe("PTUUID") != "43415052-412d-4245-4755-4e0000000000"
    assert (one.probe("TYPE", 1), one.probe("LABEL", 1)) == ("ext4", "etcd_disk")
    assert mounted(node, "/var/lib/etcddisk") == one.part(1)
    assert fstab(node) == [["LABEL=etcd_disk", "/var/lib/etcddisk", "auto", OWN, "0", "2"]]
    assert node.ssh("ls /etc/fstab*").stdout.split() == ["/etc/fstab"]


@pytest.mark.parametrize(("kind", "megabytes"), [("xfs", 320), ("btrfs", 128), ("vfat", 64), ("swap", 64)])
def test_what_is_half_made_is_made_anew(node: Host, disk: DiskFactory, kind: str, megabytes: int) -> None:
    one = disk(megabytes)
    document = f"fs_setup: [{{device: {one.path}, filesystem: {kind}, label: whole, partition: any}}]"
    cut(node, "mkswap" if kind == "swap" else f"mkfs.{kind}")
    assert run(node, document, path="/opt/cut")[-1].returncode not in (0, 1)
    assert one.probe("LABEL") == "CAPRA-BEGUN"
    half = one.probe("UUID")

    assert "has a new file system" in succeed(node, document)

    assert (one.probe("TYPE"), one.probe("LABEL")) == (kind, "whole")
    assert one.probe("UUID") != half


# --- tools


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("sfdisk", "sfdisk is needed, and not on this host: install it (in the package fdisk, sfdisk or util-linux)"),
        ("wipefs", "wipefs is needed, and not on this host: install it (in the package util-linux)"),
        ("mkfs.xfs", "mkfs.xfs is needed, and not on this host: install it (in the package xfsprogs)"),
        ("xfs_admin", "xfs_admin is needed, and not on this host: install it (in the package xfsprogs)"),
    ],
)
def test_a_tool_that_is_missing_is_named_before_anything_is_written(
    node: Host, disk: DiskFactory, tool: str, said: str
) -> None:
    one = disk()
    before = one.content()
    place = node.ssh(f"command -v {tool}").stdout.strip()
    table, entry = (
        f"disk_setup: {{{one.path}: {{layout: true}}}}",
        f"fs_setup: [{{device: {one.path}, filesystem: xfs}}]",
    )
    node.ssh(f"mv {place} {place}.away", check=True)
    try:
        assert fail(node, table if tool == "sfdisk" else entry) == said
    finally:
        node.ssh(f"mv {place}.away {place}", check=True)
    assert one.content() == before


@pytest.mark.usefixtures("disk")
def test_a_disk_that_is_not_there_is_named(node: Host) -> None:
    said = fail(node, "disk_setup: {/dev/sdx: {layout: true}}")
    assert said == "/dev/sdx is not there, or is no block device: give the path of a disk that this host has"
    said = fail(node, "fs_setup: [{device: /dev/null, filesystem: ext4}]")
    assert said.startswith("/dev/null is not there, or is no block device")


# --- fstab


def test_own_lines_are_replaced_and_others_stay(node: Host, disk: DiskFactory) -> None:
    one = disk()
    succeed(node, f"fs_setup: [{{device: {one.path}, filesystem: ext4, label: data, partition: none}}]")
    place = node.path("/etc/fstab")
    theirs = "# a comment\n\nUUID=1-2 /data vfat noauto 0 0\nLABEL=x\t/x\text4\tnoauto\t0\t0"
    place.write_text(f"LABEL=gone\t/gone\tauto\t{OWN}\t0\t2\n{theirs}")
    node.ssh("chmod 0640 /etc/fstab && chown root:ops /etc/fstab", check=True)

    succeed(node, f"mounts: [[{one.path}, /data], [tmpfs, '/with a blank/below', tmpfs, size=1m, 0, 0]]")

    own = [
        f"{one.path}\t/data\tauto\t{OWN}\t0\t2",
        "tmpfs\t/with\\040a\\040blank/below\ttmpfs\tsize=1m,comment=cloudconfig\t0\t0",
    ]
    assert place.read_text() == "\n".join([theirs, *own]) + "\n"
    assert node.ssh("stat -c '%a %U %G' /etc/fstab").stdout.strip() == "640 root ops"
    assert mounted(node, "/data") == one.path
    assert mounted(node, "/with a blank/below") == "tmpfs"
    succeed(node, "mounts: [[tmpfs, '/with a blank/below', tmpfs, size=1m, 0, 0], [sdz]]")
    assert place.read_text() == f"{theirs}\n{own[1]}\n"
    succeed(node, "mounts: [[sdz, null]]")
    assert place.read_text() == f"{theirs}\n"
    node.ssh("umount '/with a blank/below'", check=True)


def test_a_disk_stands_for_its_first_partition_and_a_dot_for_another(node: Host, disk: DiskFactory) -> None:
    one = disk()
    succeed(
        node,
        f"""\
device_aliases: {{data: {one.path}}}
disk_setup: {{data: {{layout: [50, 50]}}}}
fs_setup: [{{device: data.1, filesystem: ext4}}, {{device: data.2, filesystem: ext4}}]
mounts: [[data, /first], [data.2, /first/second]]
""",
    )
    assert [fields[0] for fields in fstab(node)] == [one.part(1), one.part(2)]
    assert [mounted(node, point) for point in ("/first", "/first/second")] == [one.part(1), one.part(2)]
    node.ssh("umount /first/second /first", check=True)


@pytest.mark.usefixtures("disk")
def test_what_is_not_there_is_told_with_nofail_and_an_error_without(node: Host) -> None:
    said = succeed(node, "mounts: [[LABEL=nowhere, /nowhere]]")
    assert said == "LABEL=nowhere is not there: /nowhere is not mounted (nofail)\n"
    said = fail(node, "mounts: [[LABEL=nowhere, /nowhere, auto, 'noatime,x-secret=hunter2']]")
    assert said.startswith("LABEL=nowhere is not mounted on /nowhere: mount")
    assert "hunter2" not in said
    assert succeed(node, "mounts: [[LABEL=nowhere, /nowhere, auto, noauto]]") == ""


def test_a_device_with_another_file_system_is_an_error_even_with_nofail(node: Host, disk: DiskFactory) -> None:
    one = disk()
    succeed(node, f"fs_setup: [{{device: {one.path}, filesystem: ext4}}]")
    said = fail(node, f"mounts: [[{one.path}, /wrong, xfs]]")
    assert said.startswith(f"{one.path} is not mounted on /wrong: mount")


def test_what_is_mounted_at_the_place_is_not_covered(node: Host, disk: DiskFactory) -> None:
    one, other = disk(), disk()
    for each in (one, other):
        succeed(node, f"fs_setup: [{{device: {each.path}, filesystem: ext4}}]")
    node.ssh(f"mkdir -p /taken && mount {other.path} /taken", check=True)
    said = fail(node, f"mounts: [[{one.path}, /taken]]")
    assert said == f"/taken has {other.path} mounted, and not {one.path}: unmount that first"
    assert mounted(node, "/taken") == other.path


def here(document: str, etc: Path, before: str = ":") -> str:
    """The programs of a document on this machine with another /etc, since containers may not switch swap on or off; and
    what is swap then. before: a command before them, which sees the same mounts."""
    if len(Path("/proc/swaps").read_text().splitlines()) > 1:
        missing("a machine without swap: the test would switch it off")
    commands = "".join(step.command + "\n" for step in parse(document.encode()) if isinstance(step, RunCommand))
    script = f"mount --bind {etc} /etc && {before} && sh -s && tail -n +2 /proc/swaps"
    command = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(command, input=commands, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """An /etc with nothing but an fstab."""
    place = tmp_path / "etc"
    place.mkdir()
    (place / "fstab").write_text(FSTAB)
    return place


def test_swap_of_a_device_is_switched_on(disk: DiskFactory, etc: Path) -> None:
    one = disk()
    subprocess.run(["mkswap", one.path], check=True, capture_output=True)
    assert here(f"mounts: [[{one.path}, none, swap, sw, '0', '0']]", etc).startswith(one.path)
    own = f"{one.path}\tnone\tswap\tsw,comment=cloudconfig\t0\t0\n"
    assert (etc / "fstab").read_text() == FSTAB + own


def test_swap_is_off_and_stays_off(disk: DiskFactory, etc: Path) -> None:
    one = disk()
    subprocess.run(["mkswap", one.path], check=True, capture_output=True)
    theirs = f"{FSTAB}{one.path} none swap sw 0 0\n  /swap.img none swap sw 0 0\n#/old none swap sw 0 0\n"
    (etc / "fstab").write_text(theirs)
    off = theirs.replace(f"{one.path} none", f"#{one.path} none").replace("  /swap", "#  /swap")

    assert here("swap: {size: 0}", etc, before=f"swapon {one.path}") == ""

    assert (etc / "fstab").read_text() == off
    assert here("swap: {size: 0}", etc) == ""
    assert (etc / "fstab").read_text() == off
