#!/bin/sh
# reaper.sh CGROUPS DIRECTORY PYTHON: waits until a benchmark has ended, in whatever way: its standard input ends then.
# Ends what is left of it: the processes in the cgroups whose paths begin so, and the hosts below the directory, which
# goes too.
set -u
cd "$(dirname "$0")/.." || exit
cat >/dev/null
for group in "$1"*; do
    [ -d "$group" ] || continue
    tries=0
    until rmdir "$group" 2>/dev/null || [ "$tries" -ge 100 ]; do
        echo 1 >"$group/cgroup.kill"
        sleep 0.1
        tries=$((tries + 1))
    done
done
"$3" -m tests.hosts down --state-dir "$2/hosts" && rm -rf --one-file-system "$2"
