"""The documents of Cluster API's kubeadm provider with disks: what its templates write for the examples of its book and
its own tests (bootstrap/kubeadm/pkg/cloudinit: disk_setup.go, fs_setup.go, mounts.go)."""

from __future__ import annotations

import pytest

from capra.errors import InputError
from tests.support import etcd_disk
from tests.unit.bootstrap.host_scripts import programs

LUN = "/dev/disk/azure/scsi1/lun0"
ETCD = etcd_disk.ETCD.format(disk=LUN)
LAYOUT = """\
disk_setup:
  /dev/sdb:
    table_type: gpt
    layout:
      - [30, 83]
      - 20
      - [50, fd]
"""


def test_the_disk_of_etcd() -> None:
    table, file_system, mounts = programs(ETCD)
    assert table[:2] == (f"disk_setup[{LUN}]", f"partition {LUN}")
    assert table[2] == {"DEVICE": LUN, "TABLE": "gpt", "LAYOUT": "all", "OVERWRITE": "no"}
    assert file_system[:2] == ("fs_setup[0]", f"make a file system (ext4) on {LUN}")
    values = file_system[2]
    assert (values["DEVICE"], values["LABEL"], values["PARTITION"]) == (LUN, "etcd_disk", "any")
    assert values["OPTIONS"] == "-E\nlazy_itable_init=1,lazy_journal_init=1"
    assert mounts[2]["LINES"] == "LABEL=etcd_disk\t/var/lib/etcddisk\tauto\t0\t2"
    assert mounts[2]["OPTIONS"] == "-"


def test_partitions_with_types() -> None:
    [(_, _, values)] = programs(LAYOUT)
    assert [line.split()[0] for line in values["LAYOUT"].split("\n")] == ["30", "20", "50"]
    assert [line.split()[1][:4] for line in values["LAYOUT"].split("\n")] == ["0FC6", "-", "A19D"]


def test_an_ephemeral_disk_is_refused_by_name() -> None:
    more = "  - label: ephemeral0\n    filesystem: ext4\n    device: ephemeral0.1\n    replace_fs: ntfs\nmounts:"
    with pytest.raises(InputError, match=r"'ephemeral0\.1' is known to the data source of a cloud only") as raised:
        programs(ETCD.replace("mounts:", more))
    assert raised.value.field == "fs_setup[1].device"
