# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# The detached half: runs the steps of one payload, STEPS, in order, and notes in the journal when each began and how it
# ended. Started by launch.sh in a session of its own (see program); common.sh stands before it.
# It can be killed anywhere: a step whose end is in the journal is never run again, every other one is run again.

# note WORD…: a line of the journal. Without room for it nothing goes on: what is not noted would be done twice, and a
# run whose end is not noted has not succeeded. Sets NEW_LINES.
note() { record "$RUN/journal" "$*" || stop; }

# note_end NUMBER STATUS: of a step, and where it has failed that there is no room, so that what it has said may be lost.
# While the program is there, what it does next brings the line to the disk: the note of the next step's start, or of the
# run's end. Sets NOW and NEW_LINES.
note_end() {
    uptime_now
    append_line "$RUN/journal" "end $1 $2 $NOW" || stop
    if [ "$2" != 0 ] && ! room_left; then append_line "$RUN/journal" "full $1 0"; fi
    process_start "$$" || to_disk "$RUN/journal"
}

# room_left: a block and a name can be had beside the records. What is noted may still find room in the last block.
room_left() {
    # Not of this shell: one whose built-in finds no room may try again to write the rest, to somewhere else.
    (printf '%4096s' x >"$RUN/room") 2>/dev/null
    room_status=$?
    rm -f "$RUN/room"
    return "$room_status"
}

# note_command NUMBER: the process that is about to become the command. It may become anything else after that, and is still
# the command. Sets NEW_LINES and START.
note_command() {
    read -r command_stat </proc/self/stat
    start_in "$command_stat" && append_line "$RUN/journal" "command $1 ${command_stat%% *} $START"
}

# note_process NUMBER PID START: the process that carries a step out. It means nothing after a loss of power: nobody
# waits for the disk. Sets NEW_LINES.
note_process() { append_line "$RUN/journal" "process $1 $2 $3" || stop; }

# stop: ends this program; the status is any but systemd-run's own (see detached).
stop() {
    # Where the old run has just been set aside (begin_run), they may have gone with it.
    rm -f "$RUN/payload.$SESSION" "$RUN/program.$SESSION" "$RUN~"*/payload."$SESSION" "$RUN~"*/program."$SESSION"
    if [ "$HOLDING" = 1 ]; then rm -f "$RUN"/*.command "$RUN"/*.addition "$RUN"/*.over; else rmdir "$RUN" 2>/dev/null; fi
    exit 74
}

# sweep: removes what sessions and programs that were killed have left. A session that lives may be about to start one.
sweep() {
    for sweep_file in "$RUN"/payload.* "$RUN"/program.* "$RUN~"*/payload.* "$RUN~"*/program.*; do
        if [ ! -e "$sweep_file" ] || [ "${sweep_file##*.}" = "$SESSION" ] || process_start "${sweep_file##*.}"; then
            continue
        fi
        rm -f "$sweep_file"
    done
}

# say TEXT: one line of the step's own output.
say() { printf '%s\n' "$*"; }

# run_file NUMBER FIRST LINES DIGEST [ARGUMENT…]: a command or script comes from a private file, so that what it holds
# never stands in the list of processes.
run_file() {
    file_number=$1 file_of_command=$RUN/$1.command
    # The phases of one script are many steps. Nobody but this program can have changed what it has unpacked.
    if [ -z "$SCRIPT" ] || [ "$SCRIPT_DIGEST" != "$4" ] || ! mv "$SCRIPT" "$file_of_command" 2>/dev/null; then
        content "$2" "$3" "$4" "$file_of_command" || return 1
    fi
    shift 4
    # A shell may tell where its error output goes that what it waited for was ended: no word of the command's.
    watch_output "$RUN/$file_number.output" "$noted_pid" "$RUN/$file_number.over" 2>/dev/null &
    file_watcher=$!
    (umask 022 && cd / && { note_command "$file_number" || exit 74; } && exec /bin/sh "$file_of_command" "$@" 3<&- 4<&-)
    file_status=$?
    # Not with `:`, which would end the shell where the file cannot be made, and with it what is known of the command.
    true >"$RUN/$file_number.over" 2>/dev/null
    kill "$file_watcher" 2>/dev/null
    wait "$file_watcher" 2>/dev/null
    cut_output "$RUN/$file_number.output" measure
    return "$file_status"
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
    if [ -n "$PROVED" ] && [ "$PROVED" != "$BOOT" ] && volatile "$TEXT"; then
        say "$TEXT was there before the host was rebooted: made again"
        (umask 022 && mkdir -p "${TEXT%/*}" && : >"$TEXT")
        return
    fi
    say "$TEXT does not exist: the commands ended well, but none of them made the sentinel file that says so. For data that" \
        "makes none set the annotation capra.infrastructure.cluster.x-k8s.io/sentinel to none (the role's variable: empty)"
    return 1
}

# prove: notes that the sentinel file is there. It may lie in memory, and what made it must not run again after a reboot.
prove() {
    if [ "$SENTINEL" = - ] || [ "$PROVED" = "$BOOT" ]; then return 0; fi
    decode "$SENTINEL"
    if [ -e "$TEXT" ]; then note "sentinel 0 $BOOT${STALE:+ stale}"; fi
}

# run_step NUMBER KIND FIRST LINES MODE OWNER DIGEST REST
run_step() {
    case $2 in
    write | append) write_file "$@" ;;
    command) run_file "$1" "$3" "$4" "$7" ;;
    script) run_script "$1" "$3" "$4" "$7" "$8" ;;
    sentinel) sentinel "$8" ;;
    forget) forget "$8" "$5" "$6" ;;
    clear) clear_host "$5" ;;
    verify) verify "$5" ;;
    *) say "unknown kind of step: $2"; return 64 ;;
    esac
}

# noted_step NUMBER …: carries one step out, and notes the process that does, and the end. Sets HOLDING: the lock is the
# program's.
noted_step() {
    HOLDING=0
    read -r noted_stat </proc/self/stat
    noted_pid=${noted_stat%% *}
    start_in "$noted_stat" && note_process "$1" "$noted_pid" "$START"
    run_step "$@"
    noted_status=$?
    # What came with a command is a cleanup's to take away: without a note of it nothing goes on, and the step has no end,
    # so that the next program looks again.
    if [ "$2" = command ]; then note_services || stop; fi
    prove
    note_end "$1" "$noted_status"
    exit "$noted_status"
}

# cut_off: a step that has begun and not ended was cut off, by a reboot or by the loss of this program. Sets NAP.
cut_off() {
    mend "$RUN/journal" || stop
    read_journal "$RUN/journal"
    # The program before this one was killed, and its step goes on: it notes its end by itself.
    NAP=02
    while step_alive "$RUN"; do
        nap
        read_journal "$RUN/journal"
    done
    [ -n "$OPEN" ] || return 0
    if [ "$OPEN_BOOT" = "$BOOT" ]; then note "cut $OPEN lost"; else note "cut $OPEN reboot"; fi
}

# runs_now NUMBER KIND DIGEST KEY REST: true when the step has to be carried out: it has not ended, what it made has gone
# with a reboot, or it looks at what is there each time. Needs STEP_MODE.
runs_now() {
    if [ "$STEP_MODE" = always ]; then return 0; fi
    judge_step "$1" "$4"
    if [ "$JUDGED" = open ]; then return 0; fi
    lost_by_boot "$1" "$2" "$3" "$5" || return 1
    note "again $1 $VOLATILE_TYPE"
}

# run_steps: fails with the status of the step that failed, and with 74 when there is none. The journal is this list's own
# (see begin_run). Sets SOURCE.
run_steps() {
    SOURCE=$RUN
    read_source
    if [ -f "$RUN/written" ]; then mend "$RUN/written" || stop; fi
    [ -n "$STEPS" ] || return 74
    each_step run_one
}

# The script of the step before, and its digest, or nothing.
SCRIPT='' SCRIPT_DIGEST=''

# run_one: carries out the step that each_step is at, if that is to be done, and fails with its status. Sets SCRIPT and
# SCRIPT_DIGEST.
run_one() {
    runs_now "$STEP_NUMBER" "$STEP_KIND" "$STEP_DIGEST" "$STEP_KEY" "$STEP_REST" || return 0
    # The report says what to do about a step that reboots its own host each time.
    case $REBOOTS in *" $STEP_NUMBER $STEP_NUMBER "*) return 75 ;; esac
    uptime_now
    append_line "$RUN/journal" "start $STEP_NUMBER $BOOT $NOW $STEP_KEY" || stop
    # That of a file goes to the disk with the first note of what is made (begin_private).
    case $STEP_KIND in write | append) ;; *) to_disk "$RUN/journal" || stop ;; esac
    without_traces "$STEP_NUMBER"
    # A subshell, so that nothing a step sets reaches the next one, and the step's end is noted even when this program is
    # killed meanwhile.
    (noted_step "$STEP_NUMBER" "$STEP_KIND" "$STEP_FIRST" "$STEP_LENGTH" "$STEP_MODE" "$STEP_OWNER" "$STEP_DIGEST" \
        "$STEP_REST") </dev/null >>"$RUN/$STEP_NUMBER.output" 2>&1
    one_status=$?
    # Which units are the command's is read off its text.
    if [ "$one_status" != 0 ]; then end_if_open "$STEP_NUMBER" "$STEP_KIND" "$one_status"; fi
    SCRIPT=''
    if [ "$STEP_KIND" = script ]; then
        SCRIPT=$RUN/$STEP_NUMBER.command SCRIPT_DIGEST=$STEP_DIGEST
    elif [ -s "$RUN/$STEP_NUMBER.command" ]; then
        # What the command holds may be secret. Its last file goes with the others' (see program).
        true >"$RUN/$STEP_NUMBER.command"
    fi
    return "$one_status"
}

# without_traces NUMBER: removes what an earlier attempt at a step has left.
without_traces() {
    for traces_file in "$RUN/$1.output" "$RUN/$1.output.kept" "$RUN/$1.over"; do
        if [ -e "$traces_file" ]; then rm -f "$traces_file"; fi
    done
}

# end_if_open NUMBER KIND STATUS: notes the end of a step that has not done so by itself: its subshell was killed, or found
# no room. Sets NOW, NEW_LINES and what read_journal sets.
end_if_open() {
    mend "$RUN/journal" || stop
    read_journal "$RUN/journal"
    if [ "$OPEN" != "$1" ]; then return 0; fi
    if [ "$2" = command ]; then note_services || stop; fi
    note_end "$1" "$3"
}

# begin_run: goes on with the journal of RUN where that is about these very steps. Else a new one begins, with the ends
# of SOURCE that count, and the old run stays beside it, as it is, for a cleanup to take back what it wrote.
# Sets ENDED, KEPT, OPEN and CUT.
begin_run() {
    if [ -e "$RUN/journal" ]; then
        [ -f "$RUN/journal" ] || stop
        cut_off
        watch_services || stop
    fi
    note_left_services || stop
    case $PLAN_SERIES in "bootstrap "*) note_traces ;; esac
    find_source
    read_source
    begin_anew=0
    if ! ends_count; then ENDED=" " begin_anew=1; fi
    compare_steps
    uptime_now
    begin_line="begin 0 $BOOT $NOW $TIME $NEXT${NEWLINE}for 0 $PLAN_SERIES $PLAN_FLAGS"
    if [ "$begin_anew" = 1 ]; then begin_line="$begin_line${NEWLINE}anew 0 $BOOT"; fi
    if [ "$begin_anew" = 1 ] || [ "$SOURCE" != "$RUN" ] || [ "$HEAD_OVER" != 0 ]; then find_stale; fi
    if [ "$STALE" = new ]; then begin_line="$begin_line${NEWLINE}stale 0 $BOOT"; fi
    if [ "$SOURCE" = "$RUN" ] && [ "$HEAD_OVER" = 0 ]; then
        # A run that was cancelled before it began has a journal that does not say whose it is.
        note "$begin_line"
        follow_journal || stop
        return 0
    fi
    if [ -f "$RUN/journal" ]; then set_aside || stop; fi
    # No command of this journal was cut off.
    OPEN='' CUT=''
    watch_services later || stop
    KEPT="$begin_line$NEWLINE$KEPT"
    printf '%s' "$KEPT" >"$RUN/journal.part" || stop
    to_disk "$RUN/services.before" "$RUN/journal.part" || stop
    mv -f "$RUN/journal.part" "$RUN/journal" || stop
    names_to_disk "$RUN" || stop
    follow_journal || stop
}

# find_stale: sets STALE to `new` where the sentinel file is there before the first step of a list, and so says nothing of
# what the list does; else to nothing. Sets TEXT.
find_stale() {
    STALE=''
    if [ "$SENTINEL" = - ]; then return 0; fi
    decode "$SENTINEL"
    if [ -e "$TEXT" ]; then STALE=new; fi
}

# compare_steps: sets KEPT, lines of a journal for the steps of the payload whose ends in SOURCE count, and for those that
# had ended and are others now; and HEAD_OVER. After read_source.
compare_steps() {
    KEPT=''
    each_step compare_one
    if [ -n "$PROVED" ] && [ -n "$KEPT" ]; then KEPT="${KEPT}sentinel 0 $PROVED$NEWLINE"; fi
}

# compare_one: a part of compare_steps, for one step: adds to KEPT.
compare_one() {
    judge_step "$STEP_NUMBER" "$STEP_KEY"
    case $JUDGED in
    kept) KEPT="${KEPT}kept $STEP_NUMBER $ENDED_BOOT $STEP_KEY ${SOURCE##*/}$NEWLINE" ;;
    changed) KEPT="${KEPT}changed $STEP_NUMBER ${SOURCE##*/}$NEWLINE" ;;
    esac
}

# has_begun_since LOCK: true when a program of this run has begun under a newer lock, before this one: somebody has sent it
# twice, or two have at once, and what that one has done is the answer to both. Sets RUN_*.
has_begun_since() { read_run "$RUN" && [ "$RUN_LOCK" -gt "$1" ] && [ "$RUN_LOCK" -lt "$NEXT" ]; }

# set_aside: gives the old run of this name another one, and makes room for the new. Sets SOURCE. What sessions have
# unpacked is the new run's.
set_aside() {
    aside_number=1
    while [ -e "$RUN~$aside_number" ]; do aside_number=$((aside_number + 1)); done
    rm -f "$RUN"/*.command "$RUN"/*.addition
    mv "$RUN" "$RUN~$aside_number" && mkdir "$RUN" || return 1
    if [ "$SOURCE" = "$RUN" ]; then SOURCE=$RUN~$aside_number; fi
    for aside_file in "$RUN~$aside_number"/payload.* "$RUN~$aside_number"/program.*; do
        if [ -f "$aside_file" ]; then mv "$aside_file" "$RUN/" || return 1; fi
    done
    names_to_disk "$BASE"
}

# program RUN_DIRECTORY SESSION CLAIM UID NAME TAKE_OVER SINCE KIND SERIES FLAGS CONTENT SENTINEL: the whole of the detached
# half. Sets RUN, SESSION, HOLDING, BASE and TIME (seconds since 1970), and CLAIM, SEIZE, OWNER_* and PLAN_* as read_settings does in the other half.
program() {
    find_tools
    RUN=$1 SESSION=$2 CLAIM=$3 SEIZE=$6 HOLDING=0
    set_owner "$4" "$5"
    set_plan "$8" "$9" "${10}" "${11}" "${12}"
    BASE=${RUN%/*}
    umask 077
    # Content may be secret: it leaves the host's disk as soon as the steps have ended, well or not. A later run
    # brings it again. Here, once for all subshells:
    my_uid
    boot_mark
    take_lock "${RUN##*/}" || stop
    TIME=$(date +%s)
    # What only looks leaves the host as an earlier cleanup has left it.
    if ! flag looks; then forget_ends; fi
    if [ "$CLAIM" = 1 ]; then claim_host || stop; fi
    if finished_already || has_begun_since "$7"; then stop; fi
    HOLDING=1
    begin_run
    sweep
    sweep_writes "$RUN" "$RUN~"*
    if run_steps; then note "finished 0 $PLAN_CONTENT"; else to_disk "$RUN/journal"; fi
    sweep
    rm -f "$RUN/payload.$SESSION" "$RUN/program.$SESSION" "$RUN"/*.command "$RUN"/*.addition "$RUN"/*.over
    # The session tells that all that was known has been removed. What is noted after that makes a journal without a begin.
    if ! read_run "$RUN" || [ "$RUN_LOCK" != "$NEXT" ]; then exit 73; fi
    exit 0
}
