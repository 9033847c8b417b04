#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 7 of 11 of the k0s cleanup: k0s and its services stop.

# stop_service NAME: with whatever manages it. What counts is that its processes are gone.
stop_service() {
    if systemd_runs; then
        tool stop "$STOP_TIMEOUT" systemctl stop "$1.service"
        tool stop 30 systemctl disable "$1.service"
    fi
    [ -f "/etc/init.d/$1" ] || return 0
    if has rc-service; then
        tool stop "$STOP_TIMEOUT" rc-service "$1" stop
        # One that was never enabled is no failure.
        limited 30 rc-update del "$1"
    elif has service; then
        tool stop "$STOP_TIMEOUT" service "$1" stop
    else
        tool stop "$STOP_TIMEOUT" "/etc/init.d/$1" stop
    fi
}

# wait_gone SECONDS: until none of k0s's processes but containers' shims is left.
wait_gone() {
    seconds
    wait_gone_until=$((NOW + $1))
    while scan && [ -n "$PROCESSES" ]; do
        seconds
        if [ "$NOW" -ge "$wait_gone_until" ]; then return 1; fi
        pause
    done
}

stop() {
    # What ran when the first phase looked may have ended, and its number be another's.
    if [ "$PHASE" = stop ] && [ "$INSTALLED$OLD_RUNS" != no ]; then scan; fi
    if [ -z "$INSTALLED$PROCESSES" ]; then say "stop: nothing to do" && return; fi
    if [ "$CHECK" = yes ]; then say "stop: would stop${INSTALLED:-}${PROCESSES:+, processes$PROCESSES}" && return; fi
    touched
    for stop_service in $INSTALLED; do stop_service "$stop_service"; done
    stop_how="stopped${INSTALLED:- processes}"
    # Without a service nobody has told the processes to end yet.
    if [ -z "$INSTALLED" ] || ! wait_gone 5; then
        # shellcheck disable=SC2086 # one word a process
        signal TERM $PROCESSES
        if ! wait_gone "$STOP_TIMEOUT"; then
            stop_how="$stop_how; killed$PROCESSES, which had not ended within $STOP_TIMEOUT s"
            # shellcheck disable=SC2086
            signal KILL $PROCESSES
            wait_gone 10 || warn stop "processes$PROCESSES do not end"
        fi
    fi
    say "stop: $stop_how"
}
