# shellcheck shell=sh
# Processes, as Linux's /proc shows them. Both halves of the work on a host use these functions (see common.sh).

# process_start PID: sets START, the kernel's start time of a process; fails when it is gone or a zombie.
process_start() {
    START=
    read -r STAT 2>/dev/null <"/proc/$1/stat" || return 1
    STAT=${STAT##*) }
    # Fields after the command's closing parenthesis: the state is the first, the start time the twentieth.
    case $STAT in Z* | X*) return 1 ;; esac
    # shellcheck disable=SC2086 # one word a field is what is wanted
    set -- $STAT
    shift 19
    START=$1
}

# nap: a pause that grows from 0.02 s to 0.5 s; whole seconds where sleep knows no fractions.
nap() {
    sleep "0.$NAP" 2>/dev/null || sleep 1
    case $NAP in 02) NAP=04 ;; 04) NAP=08 ;; 08) NAP=15 ;; 15) NAP=25 ;; *) NAP=5 ;; esac
}

# family PID…: sets FAMILY to these processes and all that stand below them now. A command may have a group or a session
# of its own (timeout, setsid, sudo), but not another parent.
family() {
    FAMILY=" $* " TABLE=''
    for STAT in /proc/[0-9]*/stat; do
        read -r STAT 2>/dev/null <"$STAT" || continue
        PAIR=${STAT%% *}
        STAT=${STAT##*) }
        STAT=${STAT#* }
        TABLE="$TABLE $PAIR:${STAT%% *}"
    done
    GROWN=1
    while [ "$GROWN" = 1 ]; do
        GROWN=0
        for PAIR in $TABLE; do
            case $FAMILY in
            *" ${PAIR%:*} "*) ;;
            *" ${PAIR#*:} "*) FAMILY="$FAMILY${PAIR%:*} " GROWN=1 ;;
            esac
        done
    done
}

# any_alive PID…: true while one of these processes is there.
any_alive() {
    for ONE in "$@"; do
        if process_start "$ONE"; then return 0; fi
    done
    return 1
}

# end_processes PID…: asks them to end, and ends them after 5 s; fails when one is there even then.
end_processes() {
    kill -TERM "$@" 2>/dev/null
    NAP=02 COUNT=0
    while any_alive "$@" && [ "$COUNT" -lt 14 ]; do
        nap
        COUNT=$((COUNT + 1))
    done
    kill -KILL "$@" 2>/dev/null
    COUNT=0
    while any_alive "$@" && [ "$COUNT" -lt 10 ]; do
        nap
        COUNT=$((COUNT + 1))
    done
    ! any_alive "$@"
}
