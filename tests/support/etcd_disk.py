"""The disk for etcd as Cluster API's kubeadm provider writes it (bootstrap/kubeadm/pkg/cloudinit)."""

ETCD = """\
disk_setup:
  {disk}:
    table_type: gpt
    layout: true
    overwrite: false
fs_setup:
  - label: etcd_disk
    filesystem: ext4
    device: {disk}
    extra_opts:
      - -E
      - lazy_itable_init=1,lazy_journal_init=1
mounts:
  - - LABEL=etcd_disk
    - /var/lib/etcddisk
"""
"""To be formatted with `disk`."""
