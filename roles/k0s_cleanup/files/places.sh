#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 3 of 11 of the k0s cleanup: directories: which may be removed at all, mounts below them, and their removal.

# exists PATH: also as a link that leads nowhere.
exists() { [ -e "$1" ] || [ -h "$1" ]; }

# below PATH DIRECTORY…: true for a path at or below one of the directories.
below() {
    below_path=${1%" (deleted)"}
    shift
    for below_directory in "$@"; do
        case $below_path in "$below_directory" | "$below_directory"/*) return 0 ;; esac
    done
    return 1
}

# mounts_below DIRECTORY: sets MOUNTS, one a line, the deepest first; and ITSELF=yes when the directory is one.
mounts_below() {
    MOUNTS='' ITSELF=no
    # The kernel lists a mount after the one it lies in, so the reverse order is the order to unmount in.
    while read -r mounts_mount_rest mounts_point mounts_mount_rest; do
        case $mounts_point in *\\*) mounts_point=$(printf '%b' "$mounts_point") ;; esac
        case $mounts_point in
        "$1") ITSELF=yes ;;
        "$1"/*) MOUNTS="$mounts_point$NEWLINE$MOUNTS" ;;
        esac
    done </proc/self/mounts
}

# unmount_below DIRECTORY: whatever is still in use, or hangs, is detached (lazy).
unmount_below() {
    mounts_below "$1"
    while read -r unmount_point; do
        [ -n "$unmount_point" ] || continue
        touched
        limited 20 umount "$unmount_point" || tool remove 20 umount -l "$unmount_point"
    done <<EOF_MOUNTS
$MOUNTS
EOF_MOUNTS
    mounts_below "$1"
    [ -z "$MOUNTS" ]
}

# is_emptied_mount DIRECTORY: true for an empty file system of the host's own that is mounted there: it stays mounted.
is_emptied_mount() {
    [ -d "$1" ] || return 1
    mounts_below "$1"
    [ "$ITSELF" = yes ] || return 1
    for is_entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        case $is_entry in */lost+found) continue ;; esac
        if exists "$is_entry"; then return 1; fi
    done
}

# remains DIRECTORY: true while there is something to remove.
remains() { exists "$1" && ! is_emptied_mount "$1"; }

# remove_tree DIRECTORY: stays on its file system, and does not follow links: what is in it is removed from within, so
# that nobody can put another directory in its place meanwhile. A mount of the host's own is emptied, not removed.
remove_tree() {
    touched
    if [ -h "$1" ] || [ ! -d "$1" ]; then rm -f "$1" && return; fi
    unmount_below "$1" || return 1
    remove_one_file_system=--one-file-system
    rm -rf "$remove_one_file_system" 2>/dev/null || remove_one_file_system=-f
    (
        CDPATH='' cd -P -- "$1" || exit 1
        if [ "$(pwd -P)" != "$1" ] && ! believed "$1"; then exit 1; fi
        rm -rf "$remove_one_file_system" ./* ./.[!.]* ./..?*
    )
    if [ "$ITSELF" = no ]; then rmdir "$1"; fi
}

# remove_file PATH: a file or a directory, with its line in the report. Sets REMOVED.
remove_file() {
    exists "$1" || return 0
    # A directory may have others' file systems in it.
    remove_tree "$1"
    REMOVED="$REMOVED $1"
}

# may_remove DIRECTORY: false for what no k0s can own: not absolute, odd, a place of the system or one above it.
may_remove() {
    case $1 in
    *"$NEWLINE"* | *[[:cntrl:]]* | *\\* | *\"* | *\'* | *'$'* | *'*'* | *'?'* | *'['*) return 1 ;;
    / | //* | */ | */../* | */.. | */./* | */. | *//*) return 1 ;;
    /proc/* | /sys/* | /dev/* | /boot/* | /bin/* | /sbin/* | /lib/* | /lib64/* | /usr/bin/* | /usr/sbin/* | /etc/*)
        return 1
        ;;
    /home/*/*) ;;
    /home/*) return 1 ;;
    /*) ;;
    *) return 1 ;;
    esac
    for may_system_place in /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys \
        /tmp /usr/bin /usr/include /usr/lib /usr/lib64 /usr/libexec /usr/local/bin /usr/local/lib /usr/local/sbin \
        /usr/sbin /usr/share /usr/src /var/backups /var/cache /var/lib/apk /var/lib/capra /var/lib/dpkg \
        /var/lib/rpm /var/lib/systemd /var/local /var/lock /var/log /var/mail /var/opt /var/run /var/spool \
        /var/tmp "${HOME:-/root}" "${CAPRA_RUN_DIR:-/root}"; do
        case $may_system_place/ in "$1"/*) return 1 ;; esac
    done
}

# What k0s keeps in its data directory, and the kubelet in its own, and hardly anybody else keeps together.
DATA_MARKS="pki etcd db containerd kubelet kubelet.conf kubelet-bootstrap.conf manifests bin/kubelet bin/etcd"
KUBELET_MARKS="pods plugins plugins_registry pod-resources device-plugins cpu_manager_state memory_manager_state"

# is_empty DIRECTORY: absent, or with nothing in it.
is_empty() {
    if [ ! -d "$1" ]; then
        ! exists "$1"
        return
    fi
    for is_empty_entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if exists "$is_empty_entry"; then return 1; fi
    done
}

# inode DIRECTORY: sets INODE.
inode() {
    INODE=
    inode_entry_line=$(ls -di -- "$1" 2>/dev/null)
    read -r INODE inode_entry_rest <<EOF_ENTRY
$inode_entry_line
EOF_ENTRY
}

# holds DIRECTORY MARK…: true when it is k0s's by what is in it, now or when an attempt before this one looked: a reset
# that was cut off leaves any part. It is written down with the inode, as another directory may take the name.
holds() {
    holds_held=$1
    shift
    if is_empty "$holds_held"; then return 0; fi
    inode "$holds_held"
    for holds_mark in "$@"; do
        if exists "$holds_held/$holds_mark"; then
            remember proven "$INODE $holds_held"
            return 0
        fi
    done
    case $PROVEN in *"$NEWLINE$INODE $holds_held$NEWLINE"*) return 0 ;; esac
    return 1
}

# steady DIRECTORY: nobody but root decides where it leads, or it leads nowhere else and is root's own.
steady() {
    exists "$1" || return 0
    if believed "$1"; then return 0; fi
    [ "$(readlink -f "$1")" = "$1" ] && steady_entry_line=$(ls -ldn -- "$1") || return 1
    read -r steady_entry_mode steady_entry_word steady_entry_owner steady_entry_rest <<EOF_ENTRY
$steady_entry_line
EOF_ENTRY
    [ "$steady_entry_owner" = 0 ] || [ "$steady_entry_owner" = "$ME" ]
}

# find_traces: sets TRACES, the paths of k0s on this host that a reset removes.
find_traces() {
    TRACES=
    for find_place in "$KUBELET" "$DATA" /etc/k0s /run/k0s /run/capra-join /usr/libexec/k0s; do
        if remains "$find_place"; then TRACES="$TRACES $find_place"; fi
    done
    for find_service in $SERVICES $COMPANIONS; do
        service_files "$find_service"
        TRACES="$TRACES$FILES"
    done
}
