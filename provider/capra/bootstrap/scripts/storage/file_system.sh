# shellcheck shell=sh
# shellcheck source=provider/capra/bootstrap/scripts/storage/devices.sh
# Makes a file system on DEVICE as cloud-init's fs_setup does (capra/bootstrap/modules/disks.py). devices.sh stands before it.
# PARTITION: auto, any, none or a number. WHOLE: a name of DEVICE with a dot that may be a path of its own; then
# WHOLE_PARTITION counts. FILE_SYSTEM, LABEL (or empty), REPLACED (a type, or empty), OPTIONS (one a line) are for mkfs.
# Nothing that holds something is written to unless OVERWRITE (yes or no) or REPLACED says so, and nothing that is in use
# ever is.
#
# A file system that is begun has a known label until it is whole: nothing half-made is taken for what is asked for, and a
# run that was cut off knows it for its own, whatever name the device has by then.

BEGUN_LABEL=CAPRA-BEGUN

# tools_of_file_system: everything that will be needed is there.
tools_of_file_system() {
    case $FILE_SYSTEM in
        ext?) disk_needs "mkfs.$FILE_SYSTEM" e2fsprogs && disk_needs tune2fs e2fsprogs ;;
        xfs) disk_needs mkfs.xfs xfsprogs && disk_needs xfs_admin xfsprogs ;;
        btrfs) disk_needs mkfs.btrfs "btrfs-progs or btrfsprogs" && disk_needs btrfs "btrfs-progs or btrfsprogs" ;;
        vfat) disk_needs mkfs.vfat dosfstools && disk_needs fatlabel dosfstools ;;
        swap) disk_needs mkswap util-linux && disk_needs swaplabel util-linux ;;
    esac
}

# make_whole TARGET: a new file system, with the mark, and then with its label.
make_whole() {
    make_target=$1
    set --
    while IFS= read -r make_option; do
        if [ -n "$make_option" ]; then set -- "$@" "$make_option"; fi
    done <<END
$OPTIONS
END
    set -- "$@" "$make_target"
    case $FILE_SYSTEM in
        ext?) disk_runs "mkfs.$FILE_SYSTEM" -q -F -L "$BEGUN_LABEL" "$@" ;;
        xfs | btrfs) disk_runs "mkfs.$FILE_SYSTEM" -q -f -L "$BEGUN_LABEL" "$@" ;;
        vfat) disk_runs mkfs.vfat -I -n "$BEGUN_LABEL" "$@" ;;
        swap) disk_runs mkswap -f -L "$BEGUN_LABEL" "$@" ;;
    esac
    to_disk "$make_target"
    label_file_system "$make_target"
}

# label_file_system TARGET
label_file_system() {
    case $FILE_SYSTEM in
        ext?) disk_runs tune2fs -L "$LABEL" "$1" ;;
        xfs) disk_runs xfs_admin -L "${LABEL:---}" "$1" ;;
        btrfs) disk_runs btrfs filesystem label "$1" "$LABEL" ;;
        vfat) if [ -n "$LABEL" ]; then disk_runs fatlabel "$1" "$LABEL"; else disk_runs fatlabel -r "$1"; fi ;;
        swap) disk_runs swaplabel -L "$LABEL" "$1" ;;
    esac
    to_disk "$1"
    disk_settle
}

# is_there: what was looked at is the file system that is asked for. With `any`, whatever its label is.
is_there() {
    [ "$FOUND_TYPE" = "$FILE_SYSTEM" ] && [ "$FOUND_LABEL" != "$BEGUN_LABEL" ] || return 1
    [ "$PARTITION" = any ] || [ "$FOUND_LABEL" = "$LABEL" ]
}

# is_free: what was looked at holds nothing, or what this has begun, and nothing boots from it.
is_free() {
    if [ "$FOUND_LABEL" = "$BEGUN_LABEL" ]; then return 0; fi
    case $FOUND_ENTRY in
        # GPT: BIOS boot, PReP. MBR: the extended ones, PReP.
        21686148-6449-6e6f-744e-656564454649 | 9e1a2d38-c612-4316-aa26-8b49521e5a8b | 0x5 | 0xf | 0x85 | 0x41) return 1 ;;
    esac
    [ -z "$FOUND" ]
}

# is_replaced: it may go, since it is of the type that replace_fs gives.
is_replaced() { [ -n "$REPLACED" ] && [ "$FOUND_TYPE" = "$REPLACED" ]; }

# choose_target: for auto and any: the first that fits, in cloud-init's order (cc_disk_setup: find_device_node). Where a
# device has no partitions it is the one that is meant. Sets TARGET, FOUND and what else look_at sets.
choose_target() {
    choose_parts=$(partition_nodes "$NODE")
    for TARGET in "$NODE" $choose_parts; do
        look_at "$TARGET"
        if is_there || { [ "$PARTITION" = any ] && is_replaced; }; then return; fi
        if is_partition "$TARGET" && is_free; then return; fi
    done
    [ -z "$choose_parts" ] || disk_stop "$DEVICE has no partition that is free, and none with the file system asked for:" \
        "give the partition, and overwrite: true where what it holds may go"
}

# make_file_system: sets TARGET, PARTITION, FOUND and what else look_at sets.
make_file_system() {
    tools_of_file_system
    case $PARTITION in
        auto | any) choose_target ;;
        none) TARGET=$NODE ;;
        *) TARGET=$(partition_node "$NODE" "$PARTITION") ;;
    esac
    [ -b "$TARGET" ] || disk_stop "$TARGET is not there: $DEVICE has no partition $PARTITION"
    look_at "$TARGET"
    if is_there && { [ "$OVERWRITE" = no ] || [ "$PARTITION" = auto ] || [ "$PARTITION" = any ] || is_in_use "$TARGET"; }; then
        echo "$TARGET has this file system"
        return
    fi
    [ "$OVERWRITE" = yes ] || is_free || is_replaced || disk_stop "$TARGET holds something else than is asked for" \
        "(${FOUND:-a partition to boot from}): it goes with overwrite: true only; nothing was written to it"
    refuse_in_use "$TARGET"
    if [ -n "$FOUND" ]; then disk_runs wipefs --all --quiet "$TARGET"; fi
    make_whole "$TARGET"
    PARTITION=made
    look_at "$TARGET"
    is_there || disk_stop "$TARGET has no $FILE_SYSTEM with that label now: look at extra_opts"
    echo "$TARGET has a new file system"
}

if [ -n "$WHOLE" ] && [ -e "$WHOLE" ]; then DEVICE=$WHOLE PARTITION=$WHOLE_PARTITION; fi
open_device
make_file_system
