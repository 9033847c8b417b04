# shellcheck shell=sh
# shellcheck source=provider/capra/bootstrap/scripts/storage/devices.sh
# Partitions DEVICE as cloud-init's disk_setup does (capra/bootstrap/modules/disks.py). devices.sh stands before it.
# TABLE: gpt or dos. LAYOUT: `all`, or a line `PERCENT TYPE` for each partition. OVERWRITE: yes or no.
# Nothing that holds something is written to unless OVERWRITE says so, and nothing that is in use ever is.
#
# A GPT that is begun has a known id until it is whole, so that a run that was cut off knows it for its own, whatever
# name the disk has by then. A table of type dos is one sector, which is written whole.

# The letters CAPRA-BEGUN as a GUID, and as its bytes in the table.
BEGUN_ID=43415052-412D-4245-4755-4E0000000000
BEGUN_BYTES=525041432d4145424755 BEGUN_BYTES=${BEGUN_BYTES}4e0000000000

# table_is_begun: this has begun to write a GPT, and perhaps not ended. Without the protective MBR, which is written
# last, tools do not show the table.
table_is_begun() {
    begun_sector=$(blockdev --getss "$NODE")
    begun_size=$(blockdev --getsize64 "$NODE")
    for begun_at in 1 $((begun_size / begun_sector - 1)); do
        begun_bytes=$(dd if="$NODE" bs="$begun_sector" skip="$begun_at" count=1 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
        case $begun_bytes in 4546492050415254*) ;; *) continue ;; esac
        if [ "$(printf '%s' "$begun_bytes" | cut -c 113-144)" = "$BEGUN_BYTES" ]; then return 0; fi
    done
    return 1
}

# layout_is_there: as cloud-init looks at it: the kind of table, the number of partitions, and the types that are given.
layout_is_there() {
    there_table=$(sfdisk --dump "$NODE" 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$there_table" | sed -n 's/^label: *//p')" = "$TABLE" ] || return 1
    # shellcheck disable=SC2046 # a list of codes
    set -- $(printf '%s\n' "$there_table" | sed -n 's/.*type= *\([0-9A-Fa-f-]*\).*/\1/p' | tr a-f A-F)
    if [ "$LAYOUT" = all ]; then
        [ "$#" -gt 0 ]
        return
    fi
    [ "$#" -eq "$(printf '%s\n' "$LAYOUT" | wc -l)" ] || return 1
    while read -r _ there_type; do
        [ "$there_type" = - ] || [ "$there_type" = "$1" ] || return 1
        shift
    done <<END
$LAYOUT
END
}

# table_script: what sfdisk is to make. The last partition takes what is left.
table_script() {
    printf 'label: %s\n' "$TABLE"
    if [ "$TABLE" = gpt ]; then printf 'label-id: %s\n' "$BEGUN_ID"; fi
    if [ "$LAYOUT" = all ]; then
        echo ', ,'
        return
    fi
    script_sectors=$(($(blockdev --getsize64 "$NODE") / $(blockdev --getss "$NODE")))
    script_left=$(printf '%s\n' "$LAYOUT" | wc -l)
    printf '%s\n' "$LAYOUT" | while read -r script_percent script_type; do
        script_left=$((script_left - 1)) script_size=''
        if [ "$script_left" -gt 0 ]; then script_size=$((script_sectors * script_percent / 100)); fi
        if [ "$script_type" = - ]; then script_type=''; fi
        printf ', %s, %s\n' "$script_size" "$script_type"
    done
}

write_table() {
    # What lies where the new partitions are is somebody's, too.
    write_wipe=never
    if [ "$OVERWRITE" = yes ]; then write_wipe=always; fi
    write_script=$(table_script)
    write_output=$(printf '%s\n' "$write_script" | sfdisk -q --wipe always --wipe-partitions "$write_wipe" "$NODE" 2>&1) ||
        disk_stop "sfdisk could not partition $DEVICE: $(first_line "$write_output")"
}

# end_table: the GPT is whole, and on the disk: it gets an id of its own.
end_table() {
    end_script=$(sfdisk --dump "$NODE" 2>/dev/null | sed '/^label-id:/d')
    end_output=$(printf '%s\n' "$end_script" | sfdisk -q --wipe never --wipe-partitions never "$NODE" 2>&1) ||
        disk_stop "sfdisk could not give the table of $DEVICE an id: $(first_line "$end_output")"
}

# await_partitions: the kernel, and udev, show what is in the table.
await_partitions() {
    for await_number in $(sfdisk --dump "$NODE" | sed -n "s|^$NODE||; s/^p\{0,1\}\([0-9][0-9]*\) :.*/\1/p"); do
        await_node=$(partition_node "$NODE" "$await_number") await_left=10
        disk_settle
        while [ ! -b "$await_node" ]; do
            [ "$await_left" -gt 0 ] || disk_stop "$await_node does not appear: partition $await_number of $DEVICE was made"
            await_left=$((await_left - 1))
            sleep 1
        done
    done
}

partition_disk() {
    disk_needs sfdisk "fdisk, sfdisk or util-linux"
    ! is_partition "$NODE" || disk_stop "$DEVICE is a partition: give the disk"
    partition_begun=no
    if table_is_begun; then partition_begun=yes; fi
    if layout_is_there; then
        if [ "$partition_begun" = yes ]; then end_table; fi
        await_partitions
        echo "$DEVICE has these partitions"
        return
    fi
    look_at "$NODE"
    if [ "$partition_begun$OVERWRITE" = nono ] && [ -n "$FOUND" ]; then
        echo "$DEVICE is not partitioned: it holds something ($FOUND), and overwrite is not true"
        return
    fi
    refuse_in_use "$NODE"
    write_table
    if [ "$TABLE" = gpt ]; then end_table; fi
    await_partitions
    echo "$DEVICE is partitioned"
}

open_device
partition_disk
