#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 6 of 11 of the k0s cleanup: a controller leaves etcd while it still runs. Nothing is stopped or reset before it
# has left, or has nothing to leave, or nobody can agree to it any more (docs/decisions/0015).

ADVICE="look with 'k0s etcd member-list' on another controller, and remove it with 'k0s etcd leave --peer-address'"

# count_members SECONDS: sets MEMBERS from {"members":{"<node>":"https://<ip>:2380"}}; 0 when that could not be read.
count_members() {
    MEMBERS=0
    limited "$1" "$BINARY" etcd member-list ${DATA_FLAG:+"$DATA_FLAG"} || return 0
    count_list=$(cat "$WORK/output")
    case $count_list in *'"members"'*) ;; *) return 0 ;; esac
    count_list=${count_list#*'"members"'}
    count_list=${count_list%%\}*}
    while :; do
        case $count_list in *://*) count_list=${count_list#*://} MEMBERS=$((MEMBERS + 1)) ;; *) return 0 ;; esac
    done
}

# has_left: what stays true is not asked again: after a reset began there is nobody to ask. Who has left never comes
# back with the same data. Of the only member that holds as long as it does not run: then nobody can join it. The mark
# lies in the data directory and goes with it, so that it never speaks for another membership of this host.
has_left() { [ -e "$DATA/.capra.left" ] || { [ "$RUNNING" = no ] && [ -e "$DATA/.capra.sole" ]; }; }

# note_left: marks that LEAVING is left or sole. Any other reason to go on is one attempt's: when this one is cut off,
# the member may be back by the next, and be needed.
note_left() {
    case $LEAVING in left | sole) ;; *) return 0 ;; esac
    (umask 077 && : >"$DATA/.capra.$LEAVING") 2>/dev/null && to_disk "$DATA/.capra.$LEAVING"
}

# no_agreement TEXT: true for words that say that etcd gives no answer, or has no majority to agree: then it can't be
# left, and the others lose nothing that they still have.
no_agreement() {
    case $1 in
    *'no leader'* | *'no quorum'* | *'request timed out'* | *'deadline exceeded'* | *'connection refused'* | \
        *'connection error'* | *"can't connect to the etcd"* | *'transport is closing'* | \
        *'etcdserver: server stopped'*) return 0 ;;
    esac
    return 1
}

# ask_to_leave SECONDS: sets LEAVING: left; sole, the only member; none, when this k0s has no etcd of its own; refused;
# or silent, when there was no answer, or none that could be. Sets WHY, the words of it.
ask_to_leave() {
    count_members 30
    if [ "$MEMBERS" = 1 ]; then LEAVING=sole && return; fi
    limited "$1" "$BINARY" etcd leave ${DATA_FLAG:+"$DATA_FLAG"}
    ask_status=$?
    last_lines
    tell_status "$ask_status"
    WHY="k0s etcd leave has failed, $TOLD: $LAST"
    case $ask_status$LAST in
    0*) LEAVING=left ;;
    # The answer of a try before was lost.
    *'peer not found'* | *'member not found'*) LEAVING=left ;;
    *'wrong storage type'* | *'external etcd'*) LEAVING=none ;;
    124*)
        WHY="k0s etcd leave has not ended within $1 s"
        count_members 30
        LEAVING=refused
        if [ "$MEMBERS" = 0 ]; then LEAVING=silent; fi
        ;;
    *)
        LEAVING=refused
        if no_agreement "$LAST"; then LEAVING=silent; fi
        ;;
    esac
}

# try_leaving: sets LEAVING and WHY (ask_to_leave). What is refused may be granted when the cluster has settled, and a
# member that is away may only be rebooting: so silence is waited for three times as long.
try_leaving() {
    seconds
    try_refused=$((NOW + LEAVE_TIMEOUT))
    try_silent=$((NOW + LEAVE_TIMEOUT * 3))
    while :; do
        ask_to_leave "$LEAVE_TIMEOUT"
        seconds
        case $LEAVING in
        left | sole | none) return ;;
        refused) if [ "$NOW" -ge "$try_refused" ]; then return; fi ;;
        silent) if [ "$NOW" -ge "$try_silent" ]; then return; fi ;;
        esac
        sleep 2
    done
}

# start_to_leave: a controller that is stopped cannot leave, and the others keep counting it. Fails when it does not
# start.
start_to_leave() {
    warn leave "k0s does not run here: starting it, so that it leaves etcd"
    touched
    if systemd_runs; then
        tool leave "$LEAVE_TIMEOUT" systemctl start k0scontroller.service
    elif has rc-service; then
        tool leave "$LEAVE_TIMEOUT" rc-service k0scontroller start
    elif has service; then
        tool leave "$LEAVE_TIMEOUT" service k0scontroller start
    else
        tool leave "$LEAVE_TIMEOUT" /etc/init.d/k0scontroller start
    fi || return 1
    seconds
    start_started_by=$((NOW + 10))
    while [ "$NOW" -lt "$start_started_by" ]; do
        scan
        learn_processes
        if [ "$RUNNING" = yes ]; then return 0; fi
        pause
        seconds
    done
    return 1
}

# may_not_run: sets WHY, why there is no k0s here that could be asked to leave.
may_not_run() {
    WHY="there is no k0s binary"
    if [ -n "$DISTRUSTED" ]; then WHY="$DISTRUSTED is not run, since others than root may write it"; fi
}

leave() {
    if [ "$ROLE" != controller ]; then say "leave: nothing to do (role: $ROLE)" && return; fi
    # A controller that keeps its data in a database (kine), or in another etcd, has none of its own.
    if [ ! -d "$DATA/etcd" ] || has_left; then
        say "leave: nothing to do"
        return
    fi
    may_not_run
    if [ "$CHECK" = yes ]; then
        say "leave: would run ${BINARY:-k0s} etcd leave, unless this is the only member"
        return
    fi
    if [ -z "$BINARY" ] && [ "$RUNNING" = yes ]; then
        fail leave "a controller runs here, and cannot leave etcd: $WHY; set k0s_cleanup_binary"
    fi
    if [ "$RUNNING" = no ]; then
        case $INSTALLED in *k0scontroller*) leave_startable=$BINARY ;; *) leave_startable= ;; esac
        if [ -z "$leave_startable" ] || ! start_to_leave; then
            # A member that is down counts for no majority: to wipe it takes none from the others.
            warn leave "k0s does not run here, so this host may remain a member of etcd; $ADVICE"
            return
        fi
    fi
    touched
    try_leaving
    case $LEAVING in
    left) say "leave: left etcd" ;;
    sole) say "leave: nothing to do (the only member)" ;;
    none) say "leave: nothing to do (no etcd of its own)" ;;
    silent) warn leave "$WHY; etcd has no majority to agree; $ADVICE" ;;
    refused) fail leave "$WHY; the other members may need this one, so nothing was stopped or reset" ;;
    esac
    note_left
}
