#!/bin/sh
# Makes a group unless it is there, and adds users to it. Variables: group; members, names with spaces between them.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
fail() {
    echo "$1" >&2
    exit 1
}

if ! cut -d: -f1 /etc/group | grep -qxF -- "$group" && ! getent group "$group" >/dev/null 2>&1; then
    if command -v groupadd >/dev/null 2>&1; then groupadd -- "$group"; else addgroup "$group"; fi ||
        fail "the group $group cannot be made"
fi
for member in $members; do
    id -u "$member" >/dev/null 2>&1 || fail "$member cannot be added to $group: no such user; name it under users"
    if command -v usermod >/dev/null 2>&1; then usermod -a -G "$group" -- "$member"; else addgroup "$member" "$group"; fi ||
        fail "$member cannot be added to $group"
done
