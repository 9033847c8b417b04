# shellcheck shell=sh
# What partition_disk.sh, file_system.sh and fstab.sh begin with: errors, and what is known of a block device.
set -eu
LC_ALL=C
export LC_ALL

# disk_stop MESSAGE: it cannot be done.
disk_stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

# disk_needs TOOL PACKAGES
disk_needs() {
    command -v "$1" >/dev/null 2>&1 || disk_stop "$1 is needed, and not on this host: install it (in the package $2)"
}

# first_line TEXT: the first one with something in it: what is wrong. Behind it tools give hints.
first_line() { printf '%s\n' "$1" | sed -n '/[^[:blank:]]/{p;q;}'; }

# disk_runs COMMAND…: without what it prints, but for an error.
disk_runs() {
    runs_errors=$("$@" 2>&1 >/dev/null) || disk_stop "$1 has failed on $DEVICE: $(first_line "$runs_errors")"
}

disk_settle() { if command -v udevadm >/dev/null 2>&1; then udevadm settle --timeout=30 || :; fi; }

# disk_name NODE: the kernel's name of a device.
disk_name() { printf '%s' "${1#/dev/}" | tr / '!'; }

is_partition() { [ -e "/sys/class/block/$(disk_name "$1")/partition" ]; }

# partition_node NODE NUMBER: the path of a partition, whether it is there or not.
partition_node() {
    case $1 in
        *[0-9]) printf '%sp%s' "$1" "$2" ;;
        *) printf '%s%s' "$1" "$2" ;;
    esac
}

# partition_nodes NODE: the paths of all partitions that the kernel knows of, in the order of their numbers.
partition_nodes() {
    for nodes_file in "/sys/class/block/$(disk_name "$1")"/*/partition; do
        if [ -e "$nodes_file" ]; then cat "$nodes_file"; fi
    done | sort -n | while read -r nodes_number; do printf '%s\n' "$(partition_node "$1" "$nodes_number")"; done
}

# look_at NODE: sets FOUND, the types of all that is recognized there, in a line (tables, file systems, members of RAID and
# LVM); and FOUND_TYPE, FOUND_LABEL and FOUND_ENTRY, the file system, its label, and the type of the partition that NODE is.
look_at() {
    look_signatures=$(wipefs -p "$1" 2>&1) ||
        disk_stop "wipefs cannot read $1: $(first_line "$look_signatures")"
    FOUND=$(printf '%s\n' "$look_signatures" | sed -n 's/^0x.*,//p' | sort -u | tr '\n' ' ')
    FOUND=${FOUND% }
    # shellcheck disable=SC2034 # file_system.sh reads them
    FOUND_TYPE=$(value_of TYPE "$1") || exit 1
    # shellcheck disable=SC2034
    FOUND_LABEL=$(value_of LABEL "$1") || exit 1
    # shellcheck disable=SC2034
    FOUND_ENTRY=$(value_of PART_ENTRY_TYPE "$1") || exit 1
}

# value_of TAG NODE: what blkid says of a device. It finds nothing (2), or more than one thing (8): then it says nothing.
value_of() {
    value_status=0
    blkid -p -o value -s "$1" "$2" 2>/dev/null || value_status=$?
    case $value_status in 0 | 2 | 8) ;; *) disk_stop "blkid cannot read $2" ;; esac
}

# is_in_use NODE: the kernel knows best, since what uses a device (a mount in any namespace, swap, RAID, LVM) has claimed
# it, or a partition of it.
is_in_use() { ! wipefs --all --no-act "$1" >/dev/null 2>&1; }

# refuse_in_use NODE
refuse_in_use() {
    ! is_in_use "$1" ||
        disk_stop "$1 is in use (mounted, swap, RAID, LVM or opened): stop that first; nothing was written to it"
}

# open_device: sets NODE, the device without links.
open_device() {
    for open_tool in wipefs blkid blockdev; do disk_needs "$open_tool" util-linux; done
    blkid -V 2>/dev/null | grep -q util-linux ||
        disk_stop "blkid of util-linux is needed, and not on this host: install it (in the package blkid or util-linux)"
    [ -e "$DEVICE" ] || disk_settle
    NODE=$(readlink -f "$DEVICE") || NODE=$DEVICE
    [ -b "$NODE" ] || disk_stop "$DEVICE is not there, or is no block device: give the path of a disk that this host has"
    disk_settle
}
