#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 7 of 8 of the k0s cleanup: stop, reset and remove. Each phase ends with one line of report.

# find_traces: sets TRACES, the paths of k0s on this host that a reset removes.
find_traces() {
    TRACES=
    for find_place in "$KUBELET" "$DATA" /etc/k0s /run/k0s /usr/libexec/k0s; do
        if remains "$find_place"; then TRACES="$TRACES $find_place"; fi
    done
    for find_service in $SERVICES $COMPANIONS; do
        service_files "$find_service"
        TRACES="$TRACES$FILES"
    done
}

# only_root: true when this is not root, and something of k0s here belongs to others.
only_root() {
    if [ "$(id -u)" = 0 ]; then return 1; fi
    for only_root_place in $TRACES; do
        if [ ! -w "$only_root_place" ]; then return 0; fi
    done
    for only_root_process in $PROCESSES; do
        if ! kill -0 "$only_root_process" 2>/dev/null; then return 0; fi
    done
    return 1
}

# k0s_flags: sets the flags for the directories that differ from the defaults of k0s.
k0s_flags() {
    DATA_FLAG='' KUBELET_FLAG=''
    if [ "$DATA" != "$DEFAULT_DATA" ]; then DATA_FLAG=--data-dir=$DATA; fi
    if [ "$KUBELET" != "$DATA/kubelet" ]; then KUBELET_FLAG=--kubelet-root-dir=$KUBELET; fi
}

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

# reset: k0s's own, while its data is still there: it knows of containers, network and users that only it can undo. How
# it ends is a warning at most: a binary that has lost its parts can never reset, and the rest is removed by hand.
reset() {
    find_traces
    if [ -z "$TRACES" ] && [ "$RESET" != begun ]; then say "reset: nothing to do" && return; fi
    if [ -z "$BINARY" ]; then
        may_not_run
        say "reset: $WHY; removing by hand"
        # The next attempt could not tell any more that k0s has been here.
        remember reset by_hand || fail reset "no room to write down that k0s was here; nothing was removed"
        return
    fi
    reset_command="$BINARY reset${DATA_FLAG:+ $DATA_FLAG}${KUBELET_FLAG:+ $KUBELET_FLAG}"
    if [ "$CHECK" = yes ]; then say "reset: would run $reset_command" && return; fi
    touched
    remember reset begun || fail reset "no room to write down that it begins; it has not begun"
    limited "$RESET_TIMEOUT" "$BINARY" reset ${DATA_FLAG:+"$DATA_FLAG"} ${KUBELET_FLAG:+"$KUBELET_FLAG"}
    reset_status=$?
    if [ "$reset_status" != 0 ] && [ -n "$KUBELET_FLAG" ]; then
        # A k0s from before the flag: its kubelet directory is removed by hand below.
        case $(cat "$WORK/output") in
        *"unknown flag: --kubelet-root-dir"*)
            limited "$RESET_TIMEOUT" "$BINARY" reset ${DATA_FLAG:+"$DATA_FLAG"}
            reset_status=$?
            ;;
        esac
    fi
    last_lines
    tell_status "$reset_status"
    case $reset_status in
    0) say "reset: $reset_command" ;;
    124) warn reset "$reset_command has not ended within $RESET_TIMEOUT s: $LAST; removing by hand" ;;
    *) warn reset "$reset_command, $TOLD: $LAST; removing by hand" ;;
    esac
    remember reset ended
}

remove_services() {
    for services_name in $SERVICES $COMPANIONS; do
        for services_place in $UNIT_DIRECTORIES; do
            remove_file "$services_place/$services_name.service"
            remove_file "$services_place/$services_name.service.d"
            for services_link in "$services_place"/*.wants/"$services_name.service" \
                "$services_place"/*.requires/"$services_name.service"; do
                remove_file "$services_link"
            done
        done
        remove_file "/etc/init.d/$services_name"
        for services_link in /etc/rc?.d/[SK]??"$services_name" /etc/rc.d/rc?.d/[SK]??"$services_name" \
            /etc/runlevels/*/"$services_name"; do
            remove_file "$services_link"
        done
    done
    systemd_runs || return 0
    if [ "$CHANGED" = yes ]; then tool remove 30 systemctl daemon-reload; fi
    # Else systemd goes on listing a unit that is `not-found failed`, or one that has no process as active.
    for services_name in $SERVICES $COMPANIONS; do
        if limited 30 systemctl is-active "$services_name.service"; then
            touched
            tool remove 30 systemctl stop "$services_name.service"
        fi
        if limited 30 systemctl is-failed "$services_name.service"; then
            touched
            tool remove 30 systemctl reset-failed "$services_name.service"
        fi
    done
}

# common_places: sets COMMON, what says nothing about who made it, so that it goes only where k0s has been. The kubelet
# keeps device-plugins there whatever its own directory is; another kubelet has more than that in it.
common_places() {
    COMMON='/etc/cni/net.d/10-kuberouter.conflist /etc/cni/net.d/10-calico.conflist /etc/cni/net.d/calico-kubeconfig'
    for common_entry in /var/lib/kubelet/* /var/lib/kubelet/.[!.]*; do
        case $common_entry in */device-plugins) ;; *) if exists "$common_entry"; then return; fi ;; esac
    done
    COMMON="$COMMON /var/lib/kubelet"
}

remove_common() {
    common_places
    for common_place in $COMMON; do remove_file "$common_place"; done
    if [ -e /sys/class/net/kube-bridge ] && has ip; then tool remove 20 ip link delete kube-bridge && touched; fi
}

# remove: what no reset has removed. Sets REMOVED, what it has, and TRACES.
remove() {
    find_traces
    if [ "$CHECK" = yes ]; then
        if [ "$REMOVE_BINARY" = yes ] && [ -n "$BINARY" ]; then TRACES="$TRACES $BINARY"; fi
        if [ -n "$TRACES" ]; then say "remove: would remove$TRACES"; else say "remove: nothing to do"; fi
        return
    fi
    REMOVED=
    end_users || warn remove "processes$PROCESSES$SHIMS$USERS do not end"
    if [ "$BEEN" = yes ]; then remove_common; fi
    for remove_place in "$REAL_KUBELET" "$REAL_DATA" "$KUBELET" "$DATA" /etc/k0s /run/k0s /usr/libexec/k0s; do
        if remains "$remove_place"; then
            remove_tree "$remove_place"
            REMOVED="$REMOVED $remove_place"
        fi
    done
    remove_services
    if [ "$REMOVE_BINARY" = yes ] && [ -n "$BINARY" ]; then remove_file "$BINARY"; fi
    if [ -n "$REMOVED" ]; then say "remove: removed$REMOVED"; else say "remove: nothing to do"; fi
}
