# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# The detached half: runs the steps of one payload in order, and notes in the journal when each began and how it
# ended. Started by launch.sh as `sh program RUN_DIRECTORY SESSION CLAIM UID NAME TAKE_OVER` in a session of its own;
# common.sh stands before it.
# It can be killed anywhere: a step whose end is in the journal is never run again, every other one is run again.

# note WORD…: a line of the journal. Without room for it nothing goes on: what is not noted would be done twice, and a
# run whose end is not noted has not succeeded.
note() { record "$RUN/journal" "$*" || stop; }

# note_process NUMBER PID START: the process that carries a step out. It means nothing after a loss of power: nobody
# waits for the disk.
note_process() { append_line "$RUN/journal" "process $1 $2 $3" || stop; }

# stop: ends this program; the status is any but systemd-run's own (see detached).
stop() {
    rm -f "$RUN/payload.$SESSION" "$RUN/program.$SESSION"
    if [ "$HOLDING" = 1 ]; then rm -f "$RUN"/*.command; else rmdir "$RUN" 2>/dev/null; fi
    exit 74
}

# sweep: removes what sessions and programs that were killed have left. A session that lives may be about to start one.
sweep() {
    for sweep_session in "$RUN"/payload.* "$RUN"/program.*; do
        sweep_session=${sweep_session##*.}
        if [ "$sweep_session" = "$SESSION" ] || process_start "$sweep_session"; then continue; fi
        rm -f "$RUN/payload.$sweep_session" "$RUN/program.$sweep_session"
    done
}

# say TEXT: one line of the step's own output.
say() { printf '%s\n' "$*"; }

# run_file NUMBER FIRST LINES DIGEST [ARGUMENT…]: a command or script comes from a private file, so that what it holds
# never stands in the list of processes.
run_file() {
    file_of_command=$RUN/$1.command
    content "$2" "$3" "$4" "$file_of_command" || return 1
    shift 4
    (umask 022 && cd / && exec /bin/sh "$file_of_command" "$@")
}

# run_script NUMBER FIRST LINES DIGEST ENCODED_ARGUMENTS: the arguments are separated by spaces; none is empty.
run_script() {
    script_arguments=$5
    set -- "$1" "$2" "$3" "$4"
    set -f # some shells take an escape for a pattern
    for script_argument in $script_arguments; do
        decode "$script_argument"
        set -- "$@" "$TEXT"
    done
    set +f
    CAPRA_RUN_DIR=$RUN
    export CAPRA_RUN_DIR
    run_file "$@"
}

# sentinel ENCODED_PATH: bootstrap data must have created it (Cluster API's bootstrap contract).
sentinel() {
    decode "$1"
    if [ -e "$TEXT" ]; then return 0; fi
    say "$TEXT does not exist: the commands ended well, but none of them made the sentinel file that says so"
    return 1
}

# run_step NUMBER KIND FIRST LINES MODE OWNER DIGEST REST
run_step() {
    case $2 in
    write | append) write_file "$@" ;;
    command) run_file "$1" "$3" "$4" "$7" ;;
    script) run_script "$1" "$3" "$4" "$7" "$8" ;;
    sentinel) sentinel "$8" ;;
    forget) forget "$8" "$5" "$6" ;;
    *) say "unknown kind of step: $2"; return 64 ;;
    esac
}

# noted_step NUMBER …: carries one step out, and notes the process that does, and the end. Sets HOLDING: the lock is the
# program's.
noted_step() {
    HOLDING=0
    read -r noted_pid noted_rest </proc/self/stat
    : "$noted_rest" # only here so that the pid is one word
    process_start "$noted_pid" && note_process "$1" "$noted_pid" "$START"
    run_step "$@"
    noted_status=$?
    # What came with a command is a cleanup's to take away: without a note of it nothing goes on.
    if [ "$2" = command ] && ! note_services; then noted_status=74; fi
    uptime_now
    note "end $1 $noted_status $NOW"
    exit "$noted_status"
}

# cut_off: a step that has begun and not ended was cut off, by a reboot or by the loss of this program. Sets NAP.
cut_off() {
    mend "$RUN/journal" || stop
    read_journal "$RUN/journal"
    # The program before this one was killed, and its step goes on: it notes its end by itself.
    NAP=02
    while step_alive; do
        nap
        read_journal "$RUN/journal"
    done
    [ -n "$OPEN" ] || return 0
    if [ "$OPEN_BOOT" = "$BOOT" ]; then note "cut $OPEN lost"; else note "cut $OPEN reboot"; fi
}

# run_steps: fails with the status of the step that failed, and with 74 when the payload cannot be read.
run_steps() {
    steps_seen=0
    while read -r step_word step_number step_kind step_first step_length step_mode step_owner step_digest step_rest; do
        if [ "$step_word" != step ]; then break; fi
        steps_seen=$((steps_seen + 1))
        case $ENDED in *" $step_number "*) continue ;; esac
        uptime_now
        note "start $step_number $BOOT $NOW"
        # A subshell, so that nothing a step sets reaches the next one, and the step's end is noted even when this
        # program is killed meanwhile.
        (noted_step "$step_number" "$step_kind" "$step_first" "$step_length" "$step_mode" "$step_owner" "$step_digest" \
            "$step_rest") </dev/null >"$RUN/$step_number.output" 2>&1
        step_status=$?
        read_journal "$RUN/journal"
        if [ "$OPEN" = "$step_number" ]; then
            # The subshell was killed, or found no room for its note.
            uptime_now
            note "end $step_number $step_status $NOW"
        fi
        rm -f "$RUN/$step_number.command"
        if [ "$step_status" != 0 ]; then return "$step_status"; fi
    done <"$RUN/payload.$SESSION"
    [ "$steps_seen" -gt 0 ] || return 74
}

# program RUN_DIRECTORY SESSION CLAIM UID NAME TAKE_OVER: the whole of the detached half. Sets RUN, SESSION, HOLDING, BASE
# and NEWLINE, and CLAIM, SEIZE and OWNER_* as read_settings does in the other half.
program() {
    RUN=$1 SESSION=$2 CLAIM=$3 SEIZE=$6 HOLDING=0
    set_owner "$4" "$5"
    BASE=${RUN%/*}
    umask 077
    # Content may be secret: it leaves the host's disk as soon as the steps have ended, well or not. A later run
    # brings it again.
    [ -r "$RUN/payload.$SESSION" ] || stop
    boot_mark
    take_lock "${RUN##*/}" || stop
    if [ "$CLAIM" = 1 ]; then claim_host || stop; fi
    if all_ended; then stop; fi
    HOLDING=1
    cut_off
    watch_services || stop
    uptime_now
    note "begin 0 $BOOT $NOW $(date +%s) $NEXT"
    sweep
    PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    export PATH
    if run_steps; then note "finished 0 0"; fi
    sweep
    rm -f "$RUN/payload.$SESSION" "$RUN/program.$SESSION" "$RUN"/*.command
    exit 0
}
