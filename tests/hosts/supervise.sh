#!/bin/sh
# Keeps one host running. Usage: supervise.sh RESTART_FLAG CGROUP... -- NSPAWN_ARGUMENT...
# Moves itself into the host's cgroups, runs nspawn, and runs it again when the host rebooted
# (status 133) or when RESTART_FLAG is there (a test cut the power). Otherwise the host is off.
set -u
restart_flag=$1
shift
while [ "$1" != "--" ]; do
    echo "$$" > "$1/cgroup.procs" || exit 1
    shift
done
shift
while :; do
    systemd-nspawn "$@"
    status=$?
    if [ -e "$restart_flag" ]; then
        rm -f "$restart_flag"
    elif [ "$status" -ne 133 ]; then
        echo "systemd-nspawn ended with status $status" >&2
        exit "$status"
    fi
done
