#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 3 of 4 of the k0s cleanup: leave, stop and reset. Each phase ends with one line of report.

# find_traces: sets TRACES, the paths of k0s on this host that a reset removes.
find_traces() {
    TRACES=
    for traces_place in "$KUBELET" "$DATA" /etc/k0s /run/k0s; do
        if exists "$traces_place" && ! is_emptied_mount "$traces_place"; then TRACES="$TRACES $traces_place"; fi
    done
    for SERVICE in $SERVICES; do
        service_files "$SERVICE"
        TRACES="$TRACES$FILES"
    done
}

# only_root: true when this is not root, and something of k0s here belongs to others.
only_root() {
    if [ "$(id -u)" = 0 ]; then return 1; fi
    for PLACE in $TRACES; do
        if [ ! -w "$PLACE" ]; then return 0; fi
    done
    for PROCESS in $PROCESSES; do
        if ! kill -0 "$PROCESS" 2>/dev/null; then return 0; fi
    done
    return 1
}

# k0s_flags: sets the flags for the directories that differ from the defaults of k0s.
k0s_flags() {
    DATA_FLAG='' KUBELET_FLAG=''
    if [ "$DATA" != "$DEFAULT_DATA" ]; then DATA_FLAG=--data-dir=$DATA; fi
    if [ "$KUBELET" != "$DATA/kubelet" ]; then KUBELET_FLAG=--kubelet-root-dir=$KUBELET; fi
}

# count_members: sets MEMBERS from {"members":{"<node>":"https://<ip>:2380"}}; 0 when that could not be read.
count_members() {
    MEMBERS=0
    limited "$LEAVE_TIMEOUT" "$BINARY" etcd member-list ${DATA_FLAG:+"$DATA_FLAG"} || return 0
    LIST=$(cat "$WORK/output")
    case $LIST in *'"members"'*) ;; *) return 0 ;; esac
    LIST=${LIST#*'"members"'}
    LIST=${LIST%%\}*}
    while :; do
        case $LIST in *://*) LIST=${LIST#*://} MEMBERS=$((MEMBERS + 1)) ;; *) return 0 ;; esac
    done
}

# leave: a controller takes itself out of etcd while it still runs. A failure does not hold the host for ever (all
# controllers may be going at once, and then no quorum is left to agree), but it is told.
leave() {
    if [ "$ROLE" != controller ]; then say "leave: nothing to do (role: $ROLE)" && return; fi
    # A controller that keeps its data in a database (kine) has no etcd.
    if [ ! -d "$DATA" ] || [ "$LEFT" = yes ] || { [ -d "$DATA/db" ] && [ ! -d "$DATA/etcd" ]; }; then
        say "leave: nothing to do"
        return
    fi
    if [ "$RUNNING" = no ] || [ -z "$BINARY" ]; then
        say "leave: warning: k0s does not run here, so this host may remain a member of etcd; $ADVICE"
        return
    fi
    if [ "$CHECK" = yes ]; then say "leave: would run $BINARY etcd leave, unless this is the only member" && return; fi
    count_members
    if [ "$MEMBERS" = 1 ]; then say "leave: nothing to do (the only member)" && return; fi
    touched
    limited "$LEAVE_TIMEOUT" "$BINARY" etcd leave ${DATA_FLAG:+"$DATA_FLAG"}
    STATUS=$?
    last_lines
    case $STATUS in
    0) remember left yes && say "leave: left etcd" ;;
    124) say "leave: warning: k0s etcd leave has not ended within $LEAVE_TIMEOUT s; $ADVICE" ;;
    *) say "leave: warning: k0s etcd leave has failed, status $STATUS: $LAST; $ADVICE" ;;
    esac
}
ADVICE="look with 'k0s etcd member-list' on another controller, and remove it with 'k0s etcd leave --peer-address'"

# stop_service NAME: with whatever manages it. One manager that does not know the service is no failure: what counts is
# that its processes are gone.
stop_service() {
    if has systemctl; then
        limited "$STOP_TIMEOUT" systemctl stop "$1.service"
        limited 30 systemctl disable "$1.service"
    fi
    [ -f "/etc/init.d/$1" ] || return 0
    if has rc-service; then
        limited "$STOP_TIMEOUT" rc-service "$1" stop
        limited 30 rc-update del "$1"
    elif has service; then
        limited "$STOP_TIMEOUT" service "$1" stop
    else
        limited "$STOP_TIMEOUT" "/etc/init.d/$1" stop
    fi
}

# wait_gone SECONDS: until none of k0s's processes but containers' shims is left.
wait_gone() {
    seconds
    UNTIL=$((NOW + $1))
    while scan && [ -n "$PROCESSES" ]; do
        seconds
        if [ "$NOW" -ge "$UNTIL" ]; then return 1; fi
        pause
    done
}

# signal NAME PID…
signal() {
    SIGNAL=$1
    shift
    for PID in "$@"; do kill -s "$SIGNAL" "$PID" 2>/dev/null; done
}

stop() {
    if [ -z "$INSTALLED$PROCESSES" ]; then say "stop: nothing to do" && return; fi
    if [ "$CHECK" = yes ]; then say "stop: would stop${INSTALLED:-}${PROCESSES:+, processes$PROCESSES}" && return; fi
    touched
    for SERVICE in $INSTALLED; do stop_service "$SERVICE"; done
    HOW="stopped${INSTALLED:- processes}"
    # Without a service nobody has told the processes to end yet.
    if [ -z "$INSTALLED" ] || ! wait_gone 5; then
        # shellcheck disable=SC2086 # one word a process
        signal TERM $PROCESSES
        if ! wait_gone "$STOP_TIMEOUT"; then
            HOW="$HOW; killed$PROCESSES, which had not ended within $STOP_TIMEOUT s"
            # shellcheck disable=SC2086
            signal KILL $PROCESSES
            wait_gone 10 || fail stop "processes$PROCESSES do not end"
        fi
    fi
    say "stop: $HOW"
}

# reset: k0s's own, while its data is still there: it knows of containers, network and users that only it can undo.
reset() {
    find_traces
    if [ -z "$TRACES" ] && [ "$RESET" != begun ]; then say "reset: nothing to do" && return; fi
    if [ -z "$BINARY" ]; then say "reset: there is no k0s binary; removing by hand" && return; fi
    COMMAND="$BINARY reset${DATA_FLAG:+ $DATA_FLAG}${KUBELET_FLAG:+ $KUBELET_FLAG}"
    if [ "$CHECK" = yes ]; then say "reset: would run $COMMAND" && return; fi
    touched
    remember reset begun
    limited "$RESET_TIMEOUT" "$BINARY" reset ${DATA_FLAG:+"$DATA_FLAG"} ${KUBELET_FLAG:+"$KUBELET_FLAG"}
    STATUS=$?
    if [ "$STATUS" != 0 ] && [ -n "$KUBELET_FLAG" ]; then
        # A k0s from before the flag: its kubelet directory is removed by hand below.
        case $(cat "$WORK/output") in
        *"unknown flag: --kubelet-root-dir"*)
            limited "$RESET_TIMEOUT" "$BINARY" reset ${DATA_FLAG:+"$DATA_FLAG"}
            STATUS=$?
            ;;
        esac
    fi
    last_lines
    case $STATUS in
    0) say "reset: $COMMAND" ;;
    124) fail reset "$COMMAND has not ended within $RESET_TIMEOUT s: $LAST" ;;
    *) fail reset "$COMMAND, status $STATUS: $LAST" ;;
    esac
    remember reset ended
}
