#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 11 of 11 of the k0s cleanup: arguments, and the phases in their order. The other parts stand before it,
# in the order of their numbers. It can be killed anywhere and run again: every phase looks at what is there, and does what
# is left to do. With --phase only that one: what the first has found is written down for the others (learn.sh). Status: 0
# clean, 1 not clean (the line `verify: failed: …`, or the phase that failed), 2 refused, nothing was touched.

usage() {
    say "usage: k0s_cleanup [--role=auto|controller|worker] [--data-dir=DIRECTORY] [--kubelet-root-dir=DIRECTORY]"
    say "  [--binary=FILE] [--leave-timeout=SECONDS] [--stop-timeout=SECONDS] [--reset-timeout=SECONDS]"
    say "  [--remove-binary] [--phase=leave|stop|reset|remove|verify] [--check]"
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
    ASKED_ROLE=auto ASKED_DATA='' ASKED_KUBELET='' ASKED_BINARY='' CHECK=no REMOVE_BINARY=no PHASE=''
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
        --phase=leave | --phase=stop | --phase=reset | --phase=remove | --phase=verify) PHASE=$arguments_value ;;
        --check) CHECK=yes ;;
        *) usage ;;
        esac
    done
}

# only_root: true when this is not root, and something of k0s here belongs to others.
only_root() {
    if [ "$ME" = 0 ]; then return 1; fi
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

finish() {
    end_child
    if [ -z "${CAPRA_RUN_DIR:-}" ]; then rm -rf "${WORK:-}"; fi
}

# runs PHASE: true for the phase that was asked for, and for each where none was.
runs() { [ -z "$PHASE" ] || [ "$PHASE" = "$1" ]; }

# main: the phases in their order. Sets PATH, CHANGED, SIGNALED and CHILD at first.
main() {
    set -u
    PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    LC_ALL=C
    export PATH LC_ALL
    CHANGED=no SIGNALED=no CHILD='' WORK=''
    cd / || exit 2
    if users_of self; then ME=$EFFECTIVE; else ME=$(id -u); fi
    arguments "$@"
    recall
    if ! runs leave && [ -n "$OLD_PATH" ]; then PATH=$OLD_PATH; else believed_path; fi
    if runs leave || [ "$RECALLED" = no ]; then learn; else learn_again; fi
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
        if runs leave || [ "$RECALLED" = no ]; then write_down; fi
        # For the step that takes its network away (plugins/plugin_utils/clear.sh).
        if [ "$BEEN" = yes ] && [ -n "${CAPRA_RUN_DIR:-}" ]; then true >"$CAPRA_RUN_DIR/been"; fi
    fi
    if runs leave; then tell_found; fi
    if runs leave; then leave; fi
    if runs stop; then stop; fi
    if runs reset; then reset; fi
    if runs remove; then remove; fi
    if runs verify; then
        verify
        say "changed: $CHANGED"
    fi
    # What could not be said for want of room is no failure.
    return 0
}

# tell_found: what the first phase says of this host.
tell_found() {
    if [ -n "$DISTRUSTED" ] && [ "$DISTRUSTED" != "$BINARY" ]; then
        warn found "$DISTRUSTED is neither run nor believed: others than root may write it, or a directory above it"
    fi
    say "found: binary ${BINARY:-none}, role $ROLE, data directory $DATA, kubelet directory $KUBELET"
}

main "$@"
