# shellcheck shell=sh
# Processes, as Linux's /proc shows them. Both halves of the work on a host use these functions (see common.sh).

# process_start PID: sets START, the kernel's start time of a process; fails when it is gone or a zombie.
process_start() {
    START=
    read -r process_stat 2>/dev/null <"/proc/$1/stat" && start_in "$process_stat"
}

# still_there PID START: true while the process that began then is there, and no later one of its number. Sets START.
still_there() { [ -n "$1" ] && process_start "$1" && [ "$START" = "$2" ]; }

# start_in LINE: the same, from what the kernel says of the process. Sets START.
start_in() {
    # Fields after the command's closing parenthesis: the state is the first, the start time the twentieth.
    # shellcheck disable=SC2086 # one word a field is what is wanted
    set -- ${1##*) }
    case $1 in Z* | X*) return 1 ;; esac
    shift 19
    START=$1
}

# nap: a pause that grows from 0.02 s to 0.5 s; whole seconds where sleep knows no fractions. Sets NAP, the next one; it
# begins at 02.
nap() {
    sleep "0.$NAP" 2>/dev/null || sleep 1
    case $NAP in
    02) NAP=04 ;; 04) NAP=08 ;; 08) NAP=12 ;; 12) NAP=15 ;; 15) NAP=20 ;; 20) NAP=25 ;; 25) NAP=35 ;;
    *) NAP=5 ;;
    esac
}

# family PID…: sets FAMILY to these processes and all that stand below them now. A command may have a group or a session
# of its own (timeout, setsid, sudo), but not another parent.
family() {
    FAMILY=" $* " family_table=''
    for family_stat in /proc/[0-9]*/stat; do
        read -r family_stat 2>/dev/null <"$family_stat" || continue
        family_pair=${family_stat%% *}
        family_stat=${family_stat##*) }
        family_stat=${family_stat#* }
        family_table="$family_table $family_pair:${family_stat%% *}"
    done
    family_grown=1
    while [ "$family_grown" = 1 ]; do
        family_grown=0
        for family_pair in $family_table; do
            case $FAMILY in
            *" ${family_pair%:*} "*) ;;
            *" ${family_pair#*:} "*) FAMILY="$FAMILY${family_pair%:*} " family_grown=1 ;;
            esac
        done
    done
}

# any_alive PID…: true while one of these processes is there.
any_alive() {
    for any_pid in "$@"; do
        if process_start "$any_pid"; then return 0; fi
    done
    return 1
}

# any_moving PID…: true while one of these processes is there and has not been stopped.
any_moving() {
    for moving_pid in "$@"; do
        read -r moving_stat 2>/dev/null <"/proc/$moving_pid/stat" || continue
        case ${moving_stat##*) } in [TtZX]*) ;; *) return 0 ;; esac
    done
    return 1
}

# freeze PID…: stops these processes and all that stand below them, so that none begins another one meanwhile. Sets FAMILY
# to them all, and NAP. What belongs to another user, or waits for a device, may not stop: that is not waited for long.
freeze() {
    NAP=02 freeze_naps=0 FAMILY=" $* "
    while :; do
        # shellcheck disable=SC2086 # one word a process
        kill -STOP $FAMILY 2>/dev/null
        freeze_before=$FAMILY
        # shellcheck disable=SC2086 # the same
        family $FAMILY
        if [ "$FAMILY" != "$freeze_before" ]; then continue; fi
        # One that is about to stop may be about to begin another one.
        # shellcheck disable=SC2086 # the same
        if [ "$freeze_naps" = 4 ] || ! any_moving $FAMILY; then return 0; fi
        freeze_naps=$((freeze_naps + 1))
        nap
    done
}

# end_processes PID…: asks them and all that stand below them to end, and ends after 5 s what has not: also what they have
# begun meanwhile. They stand still while they are asked: a shell whose command ends before it would go on to the next.
# Fails when one is there even then. Sets FAMILY and NAP.
end_processes() {
    freeze "$@"
    NAP=02 end_naps=0
    # shellcheck disable=SC2086 # one word a process
    kill -TERM $FAMILY 2>/dev/null
    # shellcheck disable=SC2086 # the same
    kill -CONT $FAMILY 2>/dev/null
    # shellcheck disable=SC2086 # the same
    while any_alive $FAMILY && [ "$end_naps" -lt 16 ]; do
        nap
        family $FAMILY
        end_naps=$((end_naps + 1))
    done
    # shellcheck disable=SC2086 # the same
    freeze $FAMILY
    # shellcheck disable=SC2086 # the same
    kill -KILL $FAMILY 2>/dev/null
    end_naps=0
    # shellcheck disable=SC2086 # the same
    while any_alive $FAMILY && [ "$end_naps" -lt 12 ]; do
        nap
        end_naps=$((end_naps + 1))
    done
    # shellcheck disable=SC2086 # the same
    ! any_alive $FAMILY
}
