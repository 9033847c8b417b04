#!/bin/sh
# supervise.sh COMMAND...: runs it, in this process, until standard input ends: whoever holds the other end of that pipe
# is gone then, in whatever way, and all of this process group is killed. Start it in a process group of its own.
exec 3<&0
(
    # A reader that stays behind. Without the program's output, or whoever reads that would wait for this one, too.
    exec >/dev/null 2>&1
    read -r _ <&3
    kill -KILL 0
) &
exec "$@" </dev/null 3<&-
