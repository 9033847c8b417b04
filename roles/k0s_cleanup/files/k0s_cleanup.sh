#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 4 of 4 of the k0s cleanup: arguments, remove, verify. host.sh, learn.sh and phases.sh stand before it.
# It can be killed anywhere and run again: every phase looks at what is there, and does what is left to do.
# Status: 0 clean, 1 not clean (the line `verify: failed: …`, or the phase that failed), 2 refused, nothing was touched.

usage() {
    say "usage: k0s_cleanup [--role=auto|controller|worker] [--data-dir=DIRECTORY] [--kubelet-root-dir=DIRECTORY]"
    say "  [--binary=FILE] [--leave-timeout=SECONDS] [--stop-timeout=SECONDS] [--reset-timeout=SECONDS]"
    say "  [--remove-binary] [--check]"
    exit 2
}

refuse() {
    say "refused: $*"
    exit 2
}

# fail PHASE MESSAGE
fail() {
    say "$1: failed: $2"
    exit 1
}

arguments() {
    ASKED_ROLE=auto ASKED_DATA='' ASKED_KUBELET='' ASKED_BINARY='' CHECK=no REMOVE_BINARY=no
    LEAVE_TIMEOUT=60 STOP_TIMEOUT=120 RESET_TIMEOUT=300
    for ARGUMENT in "$@"; do
        VALUE=${ARGUMENT#*=}
        case $ARGUMENT in
        --role=auto | --role=controller | --role=worker) ASKED_ROLE=$VALUE ;;
        --data-dir=*) ASKED_DATA=$VALUE ;;
        --kubelet-root-dir=*) ASKED_KUBELET=$VALUE ;;
        --binary=*) ASKED_BINARY=$VALUE ;;
        --leave-timeout=*[!0-9]* | --stop-timeout=*[!0-9]* | --reset-timeout=*[!0-9]*) usage ;;
        --leave-timeout=?*) LEAVE_TIMEOUT=$VALUE ;;
        --stop-timeout=?*) STOP_TIMEOUT=$VALUE ;;
        --reset-timeout=?*) RESET_TIMEOUT=$VALUE ;;
        --remove-binary) REMOVE_BINARY=yes ;;
        --check) CHECK=yes ;;
        *) usage ;;
        esac
    done
}

# guard: refuses before anything is touched.
guard() {
    for PLACE in "$DATA" "$KUBELET" "$REAL_DATA" "$REAL_KUBELET"; do
        may_remove "$PLACE" || refuse "'$PLACE' cannot be a directory of k0s; set --data-dir and --kubelet-root-dir"
    done
    if [ -n "$UNCLEAR" ]; then refuse "$UNCLEAR; set --data-dir"; fi
    if [ -n "$ASKED_BINARY" ] && [ "$BINARY" != "$ASKED_BINARY" ] && [ -z "$OLD_BINARY" ]; then
        say "warning: $ASKED_BINARY is no program; using ${BINARY:-none}"
    fi
}

# end_containers: containers outlive k0s by design, and a reset that could not reach them leaves them.
end_containers() {
    scan
    [ -n "$PROCESSES$SHIMS" ] || return 0
    touched
    # shellcheck disable=SC2086 # one word a process
    family $PROCESSES $SHIMS
    # shellcheck disable=SC2086
    signal KILL $FAMILY
    seconds
    UNTIL=$((NOW + 10))
    while scan && [ -n "$PROCESSES$SHIMS" ] && [ "$NOW" -lt "$UNTIL" ]; do
        pause
        seconds
    done
}

# remove_file PATH: with its line in the report. Sets REMOVED.
remove_file() {
    exists "$1" || return 0
    touched
    rm -rf "$1"
    REMOVED="$REMOVED $1"
}

remove_services() {
    for SERVICE in $SERVICES; do
        for services_place in $UNIT_DIRECTORIES; do
            remove_file "$services_place/$SERVICE.service"
            remove_file "$services_place/$SERVICE.service.d"
            remove_file "$services_place/multi-user.target.wants/$SERVICE.service"
        done
        remove_file "/etc/init.d/$SERVICE"
        for services_place in /etc/rc?.d/[SK]??"$SERVICE" /etc/rc.d/rc?.d/[SK]??"$SERVICE" \
            /etc/runlevels/*/"$SERVICE"; do
            remove_file "$services_place"
        done
    done
    systemd_runs || return 0
    if [ "$CHANGED" = yes ]; then limited 30 systemctl daemon-reload; fi
    # Else systemd goes on listing a unit that is `not-found failed`.
    for SERVICE in $SERVICES; do
        if limited 30 systemctl is-failed "$SERVICE.service"; then
            touched
            limited 30 systemctl reset-failed "$SERVICE.service"
        fi
    done
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
    end_containers
    # k0s reset removes the first three itself; they say nothing about who wrote them, so only where k0s has been.
    if [ "$RESET" = begun ] || [ -n "$TRACES" ]; then
        for PLACE in 10-kuberouter.conflist 10-calico.conflist calico-kubeconfig; do
            remove_file "/etc/cni/net.d/$PLACE"
        done
        if [ -e /sys/class/net/kube-bridge ] && has ip; then ip link delete kube-bridge && touched; fi
    fi
    for PLACE in "$REAL_KUBELET" "$REAL_DATA" "$KUBELET" "$DATA" /etc/k0s /run/k0s; do
        if exists "$PLACE" && ! is_emptied_mount "$PLACE"; then
            remove_tree "$PLACE"
            REMOVED="$REMOVED $PLACE"
        fi
    done
    remove_services
    if [ "$REMOVE_BINARY" = yes ] && [ -n "$BINARY" ]; then remove_file "$BINARY"; fi
    if [ -n "$REMOVED" ]; then say "remove: removed$REMOVED"; else say "remove: nothing to do"; fi
}

# violation TEXT: adds to VIOLATIONS.
violation() { VIOLATIONS="$VIOLATIONS; $*"; }

verify_services() {
    for SERVICE in $SERVICES; do
        service_files "$SERVICE"
        for FILE in $FILES; do violation "service file $FILE"; done
        systemd_runs || continue
        if limited 30 systemctl is-active "$SERVICE.service"; then violation "service $SERVICE is active"; fi
        if limited 30 systemctl is-failed "$SERVICE.service"; then violation "systemd lists $SERVICE as failed"; fi
        if limited 30 systemctl is-enabled "$SERVICE.service"; then violation "service $SERVICE is enabled"; fi
    done
}

# verify: sets VIOLATIONS, what speaks against a clean host, and in a dry run CHANGED.
verify() {
    if [ "$CHECK" = yes ]; then
        if [ -n "$TRACES$PROCESSES$INSTALLED" ]; then CHANGED=yes; fi
        say "verify: nothing has been touched"
        return
    fi
    VIOLATIONS=
    scan
    for verify_pid in $PROCESSES $SHIMS; do program "$verify_pid" && violation "process $verify_pid ($FIRST)"; done
    verify_services
    for PLACE in "$REAL_DATA" "$REAL_KUBELET" /etc/k0s /run/k0s; do
        mounts_below "$PLACE"
        if [ -n "$MOUNTS" ]; then violation "mount ${MOUNTS%%"$NEWLINE"*}"; fi
        if exists "$PLACE" && ! is_emptied_mount "$PLACE"; then violation "directory $PLACE"; fi
    done
    if [ "$REMOVE_BINARY" = yes ] && [ -e "$BINARY" ]; then violation "binary $BINARY"; fi
    if [ -n "$VIOLATIONS" ]; then fail verify "${VIOLATIONS#; }"; fi
    remember clean yes
    say "verify: no service, no process, no mount, no data directory"
}

finish() {
    end_child
    if [ -z "${CAPRA_RUN_DIR:-}" ]; then rm -rf "${WORK:-}"; fi
}

# main: all phases in order. Sets CHANGED and CHILD to none at first.
main() {
    set -u
    PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    LC_ALL=C
    export PATH LC_ALL
    CHANGED=no CHILD='' WORK=''
    cd / || exit 2
    arguments "$@"
    learn
    guard
    find_traces
    k0s_flags
    if only_root; then
        refuse "k0s is on this host, and only root can clean it; set use_sudo (become)"
    fi
    trap finish EXIT
    trap 'exit 143' TERM INT HUP
    if [ "$CHECK" = no ]; then
        WORK=${CAPRA_RUN_DIR:-}
        if [ -z "$WORK" ]; then WORK=$(mktemp -d) || fail leave "no temporary directory"; fi
        write_down
    fi
    say "found: binary ${BINARY:-none}, role $ROLE, data directory $DATA, kubelet directory $KUBELET"
    leave
    stop
    reset
    remove
    verify
    say "changed: $CHANGED"
}
main "$@"
