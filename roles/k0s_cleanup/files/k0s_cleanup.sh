#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 8 of 8 of the k0s cleanup: arguments, verify. The other parts stand before it, in the order of their numbers.
# It can be killed anywhere and run again: every phase looks at what is there, and does what is left to do. Status: 0
# clean, 1 not clean (the line `verify: failed: …`, or the phase that failed), 2 refused, nothing was touched.

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
    for arguments_argument in "$@"; do
        arguments_value=${arguments_argument#*=}
        case $arguments_argument in
        --role=auto | --role=controller | --role=worker) ASKED_ROLE=$arguments_value ;;
        --data-dir=*) ASKED_DATA=$arguments_value ;;
        --kubelet-root-dir=*) ASKED_KUBELET=$arguments_value ;;
        --binary=*) ASKED_BINARY=$arguments_value ;;
        --leave-timeout=*[!0-9]* | --stop-timeout=*[!0-9]* | --reset-timeout=*[!0-9]*) usage ;;
        --leave-timeout=?*) LEAVE_TIMEOUT=$arguments_value ;;
        --stop-timeout=?*) STOP_TIMEOUT=$arguments_value ;;
        --reset-timeout=?*) RESET_TIMEOUT=$arguments_value ;;
        --remove-binary) REMOVE_BINARY=yes ;;
        --check) CHECK=yes ;;
        *) usage ;;
        esac
    done
}

# guard: refuses before anything is touched.
guard() {
    for guard_place in "$DATA" "$KUBELET" "$REAL_DATA" "$REAL_KUBELET"; do
        if may_remove "$guard_place"; then continue; fi
        refuse "'$guard_place' cannot be a directory of k0s; set --data-dir and --kubelet-root-dir"
    done
    if [ -n "$UNPROVEN" ]; then
        refuse "'$UNPROVEN' holds nothing of k0s, or leads through a directory that others may write"
    fi
    if [ -n "$UNCLEAR" ]; then refuse "$UNCLEAR; set --data-dir"; fi
    if [ -n "$ASKED_BINARY" ] && [ "$BINARY" != "$ASKED_BINARY" ] && [ -z "$OLD_BINARY" ]; then
        say "warning: $ASKED_BINARY is no program; using ${BINARY:-none}"
    fi
}

# violation TEXT: adds to VIOLATIONS.
violation() { VIOLATIONS="$VIOLATIONS; $*"; }

verify_services() {
    for verify_service in $SERVICES $COMPANIONS; do
        service_files "$verify_service"
        for verify_file in $FILES; do violation "service file $verify_file"; done
        systemd_runs || continue
        for verify_state in active failed enabled; do
            if limited 30 systemctl "is-$verify_state" "$verify_service.service"; then
                violation "systemd lists $verify_service as $verify_state"
            fi
        done
    done
}

# verify: sets VIOLATIONS, what speaks against a clean host, and in a dry run CHANGED.
verify() {
    if [ "$CHECK" = yes ]; then
        if [ -n "$TRACES$PROCESSES$USERS$INSTALLED" ]; then CHANGED=yes; fi
        say "verify: nothing has been touched"
        return
    fi
    VIOLATIONS=
    look_again
    for verify_pid in $PROCESSES $SHIMS $USERS; do
        program "$verify_pid" && violation "process $verify_pid ($FIRST)"
    done
    verify_services
    for verify_place in "$REAL_DATA" "$REAL_KUBELET" /etc/k0s /run/k0s /usr/libexec/k0s; do
        mounts_below "$verify_place"
        if [ -n "$MOUNTS" ]; then violation "mount ${MOUNTS%%"$NEWLINE"*}"; fi
        if remains "$verify_place"; then violation "directory $verify_place"; fi
    done
    if [ "$BEEN" = yes ]; then
        common_places
        for verify_place in $COMMON; do
            if remains "$verify_place"; then violation "$verify_place"; fi
        done
    fi
    if [ "$REMOVE_BINARY" = yes ] && [ -e "$BINARY" ]; then violation "binary $BINARY"; fi
    if [ -n "$VIOLATIONS" ]; then fail verify "${VIOLATIONS#; }"; fi
    remember clean yes
    say "verify: no service, no process, no mount, no data directory"
}

finish() {
    end_child
    if [ -z "${CAPRA_RUN_DIR:-}" ]; then rm -rf "${WORK:-}"; fi
}

# main: all phases in order. Sets PATH, CHANGED, SIGNALED and CHILD at first.
main() {
    set -u
    PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    LC_ALL=C
    export PATH LC_ALL
    CHANGED=no SIGNALED=no CHILD='' WORK=''
    cd / || exit 2
    ME=$(id -u)
    believed_path
    arguments "$@"
    learn
    guard
    find_traces
    BEEN=no
    if [ -n "$TRACES" ] || [ "$RESET" != no ]; then BEEN=yes; fi
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
    if [ -n "$DISTRUSTED" ] && [ "$DISTRUSTED" != "$BINARY" ]; then
        warn found "$DISTRUSTED is neither run nor believed: others than root may write it, or a directory above it"
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
