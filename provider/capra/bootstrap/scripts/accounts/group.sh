#!/bin/sh
# Makes a group unless it is there, and adds users to it. Variables: group; gid, which one that is there gets, too, or
# empty; system, 1 or empty; members, names with spaces between them.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf

# group_id: of the group, local or not; empty where there is none.
group_id() {
    found=$(awk -F: -v group="$group" '$1 == group { print $3; exit }' /etc/group)
    if [ -z "$found" ]; then found=$(getent group "$group" 2>/dev/null | cut -d: -f3); fi
    printf '%s' "$found"
}

add_group() {
    if has groupadd; then
        groupadd ${gid:+-g "$gid"} ${system:+-r} -- "$group"
    else
        addgroup ${gid:+-g "$gid"} ${system:+-S} "$group"
    fi
}

there=$(group_id)
if [ -z "$there" ]; then
    add_group || fail "the group $group cannot be made"
elif [ -n "$gid" ] && [ "$there" != "$gid" ]; then
    has groupmod || fail "the group $group has another gid, and groupmod is missing: install the package shadow or passwd"
    groupmod -g "$gid" -- "$group" || fail "the group $group cannot be given the gid $gid"
fi
for member in $members; do
    id -u "$member" >/dev/null 2>&1 || fail "$member cannot be added to $group: no such user; name it under users"
    if has usermod; then usermod -a -G "$group" -- "$member"; else addgroup "$member" "$group"; fi ||
        fail "$member cannot be added to $group"
done
