#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 1 of 11 of the k0s cleanup: what any phase needs of the host: report lines, time, commands under a time limit.
# POSIX shell, coreutils or busybox, and umount. Results come back in upper-case variables (a command substitution
# would cost a process each time), and the comment above a function names those that it sets, where a caller sets them
# as well: all variables of a POSIX shell are global, and scripts/shell_names.py looks for a function that changes one
# behind its caller's back.

NEWLINE='
'

say() { printf '%s\n' "$*"; }

# warn PHASE TEXT: a line that reaches whoever reads the outcome. It is bounded: no tool's words crowd others out.
warn() { printf '%s: warning: %.700s\n' "$1" "$2"; }

# touched: sets CHANGED: this attempt has changed the host. An earlier attempt that was cut off counts too.
touched() {
    if [ "$CHANGED" = no ]; then
        CHANGED=yes
        remember changed yes
    fi
}

# seconds: sets NOW, whole seconds since the kernel started.
seconds() {
    NOW=0
    if [ -r /proc/uptime ]; then read -r NOW seconds_uptime_rest </proc/uptime; fi
    NOW=${NOW%%.*}
}

has() { command -v "$1" >/dev/null 2>&1; }

# to_disk FILE: does not return before the disk has it, and its name. A sync that takes no names writes everything, and a host
# without one promises nothing, as in docs/decisions/0013.
to_disk() {
    has sync || return 0
    sync "$1" 2>/dev/null || return 1
    sync "${1%/*}" 2>/dev/null || sync
}

# systemd_runs: also where its directory is gone, and it can be asked no more.
systemd_runs() {
    has systemctl || return 1
    if [ -d /run/systemd/system ]; then return 0; fi
    read -r systemd_comm 2>/dev/null </proc/1/comm && [ "$systemd_comm" = systemd ]
}

# alive PID: a zombie has gone.
alive() {
    read -r alive_stat 2>/dev/null <"/proc/$1/stat" || return 1
    case ${alive_stat##*) } in Z* | X*) return 1 ;; esac
}

pause() { sleep 0.2 2>/dev/null || sleep 1; }

# limited SECONDS COMMAND…: its output goes to $WORK/output. Status 124 when the time was over. In a session of its own
# where the host has setsid, so that what the command started ends with it. Sets CHILD while it runs.
limited() {
    seconds
    limited_limit_at=$((NOW + $1))
    shift
    if command -v setsid >/dev/null 2>&1; then
        setsid "$@" </dev/null >"$WORK/output" 2>&1 &
        CHILD=$!
        GROUP=-$CHILD
    else
        "$@" </dev/null >"$WORK/output" 2>&1 &
        CHILD=$!
        GROUP=$CHILD
    fi
    while alive "$CHILD"; do
        seconds
        if [ "$NOW" -ge "$limited_limit_at" ]; then
            end_child
            return 124
        fi
        pause
    done
    wait "$CHILD"
    limited_status=$?
    CHILD=
    return "$limited_status"
}

# end_child: ends the command that limited is waiting for, if any, and sets CHILD to none. No `--` stands before the
# group: dash takes it for a process.
end_child() {
    [ -n "${CHILD:-}" ] || return 0
    kill -TERM "$GROUP" 2>/dev/null || kill -TERM "$CHILD" 2>/dev/null
    seconds
    end_child_limit_at=$((NOW + 5))
    while alive "$CHILD" && [ "$NOW" -lt "$end_child_limit_at" ]; do
        pause
        seconds
    done
    kill -KILL "$GROUP" 2>/dev/null || kill -KILL "$CHILD" 2>/dev/null
    wait "$CHILD" 2>/dev/null
    CHILD=
}

# last_lines: sets LAST, the end of the last command's output, on one line.
last_lines() {
    LAST=$(tail -n 3 "$WORK/output" 2>/dev/null | tr '\n\r\t' '   ')
    LAST=${LAST% }
    LAST=${LAST:-no output}
}

# tell_status STATUS: sets TOLD, an exit status in words, as results.py has it: a shell gives 128 and the number of the
# signal that has killed a command.
tell_status() {
    TOLD="status $1"
    if [ "$1" -gt 128 ] && [ "$1" -le 192 ]; then TOLD="$TOLD (killed by signal $(($1 - 128)))"; fi
}

# tool PHASE SECONDS COMMAND…: another program's work. How it ends is a warning at most: the verification decides.
tool() {
    tool_phase=$1 tool_seconds=$2
    shift 2
    limited "$tool_seconds" "$@"
    tool_status=$?
    if [ "$tool_status" = 0 ]; then return 0; fi
    last_lines
    if [ "$tool_status" = 124 ]; then
        warn "$tool_phase" "$* has not ended within $tool_seconds s: $LAST"
    else
        tell_status "$tool_status"
        warn "$tool_phase" "$*, $TOLD: $LAST"
    fi
    return "$tool_status"
}
