#!/bin/sh
# shellcheck source=provider/capra/bootstrap/scripts/accounts/login.sh
# Removes a user with the home directory, or a group. login.sh stands before it. Variables: user, group: one of them, the
# other empty. Local ones count, whatever else the host asks.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
local_name() { cut -d: -f1 "$1" | grep -qxF -- "$2"; }

if [ -n "$user" ] && local_name /etc/passwd "$user"; then
    if is_own_login "$user"; then
        fail "the user $user is the one that Capra logs in with, and cannot be removed: leave it out"
    fi
    if has userdel; then userdel --remove -- "$user"; else deluser --remove-home "$user"; fi
    # userdel fails, too, where it leaves a home directory that is another's.
    if local_name /etc/passwd "$user"; then fail "the user $user cannot be removed: does it run something?"; fi
fi
if [ -n "$group" ] && local_name /etc/group "$group"; then
    if has groupdel; then groupdel -- "$group"; else delgroup "$group"; fi || fail "the group $group cannot be removed"
fi
