# shellcheck shell=sh
# shellcheck source=provider/capra/bootstrap/scripts/storage/devices.sh
# Mounts what cloud-init's mounts ask for, or switches swap off (capra/bootstrap/modules/mounts.py), in /etc/fstab and now.
# devices.sh stands before it.
# SWAP: off, or empty. LINES: the lines of fstab, without the options; fields with tabs between them, blanks in them as \040.
# OPTIONS: those of each line, which may hold a password; `-` stands for cloud-init's own. MOUNTS: yes where the lines that are marked as cloud-init's are to be these.

MARK=comment=cloudconfig
TAB=$(printf '\t')

# default_options: as cloud-init has them; without systemd it has nobootwait, which no mount knows any more.
default_options() {
    if [ -d /run/systemd/system ]; then
        printf 'defaults,nofail,x-systemd.after=cloud-init-network.service,_netdev'
    else
        printf 'defaults,nofail'
    fi
}

# block_name PATH: the kernel's name of a whole disk; empty for anything else.
block_name() {
    block_node=$(readlink -f "$1") || return 0
    block_sys=/sys/class/block/$(disk_name "$block_node")
    if [ -b "$block_node" ] && [ -e "$block_sys" ] && [ ! -e "$block_sys/partition" ]; then printf '%s' "${block_sys##*/}"; fi
}

# nth_partition DISK NUMBER: the path of a partition that is there.
nth_partition() {
    for nth_path in "$1$2" "$1p$2" "$1-part$2"; do
        [ -b "$nth_path" ] || continue
        nth_node=$(readlink -f "$nth_path")
        if [ -e "/sys/class/block/$(block_name "$1")/$(disk_name "$nth_node")/partition" ]; then
            printf '%s' "$nth_path"
            return
        fi
    done
}

# device_of SPEC: what stands in fstab for it: of a disk its first partition, where it has one; of DISK.N partition N.
# cloud-init, cc_mounts: sanitize_devname.
device_of() {
    case $1 in
        /dev/*) ;;
        *) printf '%s' "$1" && return ;;
    esac
    of_found='' of_disk=$1 of_number=1
    if [ ! -e "$1" ]; then
        case $1 in *.*[!0-9]* | *.) ;; *.*) of_disk=${1%.*} of_number=${1##*.} ;; esac
    fi
    if [ -n "$(block_name "$of_disk")" ]; then of_found=$(nth_partition "$of_disk" "$of_number"); fi
    printf '%s' "${of_found:-$1}"
}

# own_lines: LINES with the devices that are meant, the options that are missing, and the mark.
own_lines() {
    while IFS=$TAB read -r own_spec own_point own_type own_rest; do
        IFS= read -r own_options <&3
        [ -n "$own_spec" ] || continue
        if [ "$own_options" = - ]; then own_options=$(default_options); fi
        own_spec=$(device_of "$own_spec")
        printf '%s\t%s\t%s\t%s,%s\t%s\n' "$own_spec" "$own_point" "$own_type" "$own_options" "$MARK" "$own_rest"
    done <<LINES 3<<OPTIONS
$LINES
LINES
$OPTIONS
OPTIONS
}

# other_lines: what stays of fstab. Swap that is switched off becomes a comment.
other_lines() {
    while IFS= read -r other_line || [ -n "$other_line" ]; do
        if [ "$MOUNTS" = yes ]; then case $other_line in *"$MARK"*) continue ;; esac; fi
        if [ "$SWAP" = off ] && is_swap "$other_line"; then other_line="#$other_line"; fi
        printf '%s\n' "$other_line" || return 1
    done
}

# is_swap LINE
is_swap() {
    set -f
    # shellcheck disable=SC2086 # fields
    set -- $1
    set +f
    case ${1:-} in '#'* | '') return 1 ;; esac
    [ "${3:-}" = swap ]
}

# new_fstab: what it becomes.
new_fstab() {
    if [ -e "$FSTAB" ]; then other_lines <"$FSTAB" || return 1; fi
    printf '%s' "${OWN:+$OWN
}"
}

# write_fstab: where it is to be another one. A link stays.
write_fstab() {
    FSTAB=/etc/fstab
    if [ -L "$FSTAB" ]; then FSTAB=$(readlink -f "$FSTAB") || disk_stop "/etc/fstab is a link to nothing"; fi
    if [ -e "$FSTAB" ] && new_fstab | cmp -s - "$FSTAB"; then return; fi
    replace_file "$FSTAB" new_fstab || disk_stop "$FSTAB cannot be written"
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

# block_device SPEC: the device, without links, that a path or a tag stands for; empty where there is none.
block_device() {
    case $1 in
        /dev/*) block_found=$1 ;;
        [A-Z]*=*) block_found=$(blkid -c /dev/null -l -o device -t "$(printf '%b' "$1")") || return 0 ;;
        *) return 0 ;;
    esac
    block_found=$(readlink -f "$block_found") || return 0
    if [ -b "$block_found" ]; then printf '%s' "$block_found"; fi
}

# source_at POINT: what is mounted there last.
source_at() {
    source_found=''
    while read -r source_of source_point _; do
        if [ "$source_point" = "$1" ]; then source_found=$source_of; fi
    done </proc/self/mounts
    printf '%s' "$source_found"
}

# mount_line SPEC POINT OPTIONS LINE: makes the directory, and mounts the line unless it is. mount itself knows what nofail
# and noauto mean, when it reads the line from a file.
mount_line() {
    line_directory=$(printf '%b' "$2")
    mkdir -p "$line_directory" || disk_stop "the directory $line_directory cannot be made"
    line_point=$(cd "$line_directory" && pwd -P | sed 's/ /\\040/g')
    line_source=$(source_at "$line_point")
    line_device=$(block_device "$1")
    if [ -n "$line_source" ] && [ -n "$line_device" ]; then
        [ "$(readlink -f "$line_source")" != "$line_device" ] || return 0
        disk_stop "$line_directory has $line_source mounted, and not $1: unmount that first"
    fi
    [ -z "$line_source" ] || return 0
    (umask 077 && printf '%s\n' "$4" >"$FSTAB.capra")
    line_said=$(mount -a -T "$FSTAB.capra" 2>&1) || line_said="mount has failed: ${line_said:-without a word}"
    rm -f "$FSTAB.capra"
    [ -n "$(source_at "$line_point")" ] || not_mounted "$@"
}

# not_mounted SPEC POINT OPTIONS LINE: is that what is asked for?
not_mounted() {
    case ",$3," in *,noauto,*) return 0 ;; esac
    case ",$3," in
        *,nofail,*)
            if [ -z "$line_device" ]; then
                echo "$1 is not there: $line_directory is not mounted (nofail)"
                return
            fi
            ;;
    esac
    disk_stop "$1 is not mounted on $line_directory: $(first_line "$line_said")"
}

mount_lines() {
    # Of an attempt that was cut off.
    rm -f "$FSTAB.capra"
    printf '%s\n' "$OWN" | while IFS= read -r lines_line; do
        printf '%s\n' "$lines_line" | {
            IFS=$TAB read -r lines_spec lines_point lines_type lines_options _
            case $lines_type:$lines_point in swap:* | *:[!/]* | *:) exit 0 ;; esac
            mount_line "$lines_spec" "$lines_point" "$lines_options" "$lines_line"
        } || exit 1
    done || exit 1
    # As cloud-init does. The other lines of fstab are somebody else's.
    mount -a || echo "mount -a has failed for a line of /etc/fstab that is not of this document"
}

# swap_on: as cloud-init does, where a line is of that type.
swap_on() {
    case $OWN in
        *"${TAB}swap${TAB}"*) swapon -a || disk_stop "swapon has failed for a line of type swap in /etc/fstab" ;;
    esac
}

swap_off() {
    disk_needs swapoff "mount or util-linux"
    swapoff -a || disk_stop "swapoff has failed: is there too little memory for what is in the swap?"
    swap_left=$(sed -n '2s/[[:blank:]].*//p' /proc/swaps)
    [ -z "$swap_left" ] || disk_stop "$swap_left is still in use for swap"
}

if [ "$MOUNTS" = yes ] && ! mount -V 2>/dev/null | grep -q util-linux; then
    # busybox's takes the mark for an option of the file system.
    disk_stop "mount of util-linux is needed, and not on this host: install it (in the package mount or util-linux)"
fi
OWN=$(own_lines)
write_fstab
if [ "$SWAP" = off ] && [ -e /proc/swaps ]; then swap_off; fi
if [ "$MOUNTS" = yes ]; then
    mount_lines
    swap_on
fi
