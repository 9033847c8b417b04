# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# The session's half: reads one payload from standard input, unpacks it, starts the program or attaches to the one that
# is running, follows it for a while and reports. common.sh stands before it; behind it PROGRAM is set to the text of the
# detached half and STEPS to the step lines, and launch called with the rest of the payload as a here-document: `name value`
# lines, an empty line and base64 lines (see payload.py). Losing this session at any point does not touch the program.

# read_settings: sets MODE ID FOLLOW TIMEOUT TAIL SHARE TAKEOVER DIFF DIRECTORY WHOLE PLAN and PLAN_*, and CLAIM OWNER_UID
# OWNER_NAME SEIZE REQUEST FORGET SINCE, from the head of the payload.
# Fails when the empty line behind it is missing: a session that is lost while it sends leaves half a payload, which the
# shell takes for a whole one.
read_settings() {
    MODE='' ID='' FOLLOW=0 TIMEOUT=0 TAIL=4096 SHARE='' TAKEOVER=0 DIFF=0 DIRECTORY='' WHOLE='' PLAN="- - - - -"
    CLAIM=0 OWNER_UID=- OWNER_NAME=- SEIZE=- REQUEST=- FORGET=0 SINCE=-1
    while read -r setting_name setting_value; do
        case $setting_name in
        mode) MODE=$setting_value ;;
        id) ID=$setting_value ;;
        follow) FOLLOW=$setting_value ;;
        timeout) TIMEOUT=$setting_value ;;
        tail) TAIL=$setting_value ;;
        share) SHARE=$setting_value ;;
        takeover) TAKEOVER=$setting_value ;;
        diff) DIFF=$setting_value ;;
        directory) DIRECTORY=$setting_value ;;
        whole) WHOLE=$setting_value ;;
        claim) CLAIM=$setting_value ;;
        owner) set_owner "${setting_value%% *}" "${setting_value#* }" ;;
        seize) SEIZE=$setting_value ;;
        request) REQUEST=$setting_value ;;
        forget) FORGET=$setting_value ;;
        since) SINCE=$setting_value ;;
        plan) PLAN=$setting_value ;;
        '')
            [ -n "$ID" ] || continue
            # shellcheck disable=SC2086 # five words
            set_plan $PLAN
            return 0
            ;;
        esac
    done
    return 1
}

# find_base: sets BASE, where this user's runs are remembered, and RUN, where this one is.
find_base() {
    my_uid || fail "\`id -u\` does not tell whose work this is, and so neither where it is remembered"
    if [ -n "$DIRECTORY" ]; then
        decode "$DIRECTORY"
        BASE=$TEXT
    elif [ "$MY_UID" = 0 ]; then
        BASE=/var/lib/capra
    else
        BASE=${XDG_STATE_HOME:-$HOME/.local/state}/capra/runs
    fi
    RUN=$BASE/$ID
}

fail() {
    printf 'error %s\ncapra end\n' "$*"
    exit 0
}

# program_running: true while the program of this run holds the host, or has been started here and not yet ended.
program_running() {
    newest_lock "$BASE"
    if [ "$LOCK" = 0 ]; then find_unlocked; fi
    if [ "$HOLDER_ID" = "$ID" ] && holder_alive; then return 0; fi
    started_runs
}

# find_unlocked: sets HOLDER_* as newest_lock does, to a program of this user's whose lock is gone: a step may have removed
# the directory in which it was, and yet go on. The process that began first is the program; others are its own.
find_unlocked() {
    unlocked_files=$(grep -lF -- "$BASE/" /proc/[0-9]*/cmdline 2>/dev/null)
    for unlocked_file in $unlocked_files; do
        unlocked_pid=${unlocked_file#/proc/}
        unlocked_pid=${unlocked_pid%/cmdline}
        unlocked_line=$(tr '\000' '\n' 2>/dev/null <"/proc/$unlocked_pid/cmdline") || continue
        case $unlocked_line in "sh$NEWLINE$BASE/"*/program.*"$NEWLINE$BASE/"*) ;; *) continue ;; esac
        if ! is_mine "$unlocked_pid"; then continue; fi
        if [ -n "$HOLDER_PID" ] && [ "$START" -ge "$HOLDER_START" ]; then continue; fi
        HOLDER_PID=$unlocked_pid HOLDER_START=$START HOLDER_BOOT=$BOOT
        HOLDER_ID=${unlocked_line#"sh$NEWLINE$BASE/"}
        HOLDER_ID=${HOLDER_ID%%/*}
    done
}

# note_cut WHY: notes in the holder's journal that its step was cut off, unless it has ended. Sets NOTED.
note_cut() {
    if [ ! -d "$BASE/$HOLDER_ID" ]; then return 0; fi
    read_journal "$BASE/$HOLDER_ID/journal"
    if [ -n "$OPEN" ] || [ "$NOTED" = 0 ]; then record "$BASE/$HOLDER_ID/journal" "cut ${OPEN:-0} $1"; fi
    NOTED=1
}

# step_left: true when the program that newest_lock found was killed, and the step that it was at goes on.
step_left() {
    if [ -z "$HOLDER_ID" ] || holder_alive; then return 1; fi
    read_journal "$BASE/$HOLDER_ID/journal"
    step_alive "$BASE/$HOLDER_ID"
}

# end_holder WHY: ends the program that newest_lock found and the step that it is at, with all that stands below, and
# notes why: first, so that whoever follows it reads it, and again for a step that began in between. Program and step go
# at once, so that they cannot note an end of the command that is ended here. What earlier steps have left running stays.
# Sets COMMAND_LEFT, NOTED and NAP.
end_holder() {
    NOTED=0 end_roots='' COMMAND_LEFT=''
    note_cut "$1"
    if holder_alive; then
        end_roots=$HOLDER_PID
        freeze "$HOLDER_PID"
    fi
    read_journal "$BASE/$HOLDER_ID/journal"
    if still_there "$STEP_PID" "$STEP_START"; then
        end_roots="$end_roots $STEP_PID"
    else
        find_command "$BASE/$HOLDER_ID"
    fi
    if [ -z "$end_roots$COMMAND_LEFT" ]; then return 0; fi
    # shellcheck disable=SC2086 # lists of process ids
    freeze $end_roots $COMMAND_LEFT
    # shellcheck disable=SC2086 # the same
    kill -KILL $end_roots 2>/dev/null
    NAP=02 end_tries=0
    # One that waits for a device may not end. It is among those whose end is waited for below, too.
    # shellcheck disable=SC2086 # the same
    while any_alive $end_roots && [ "$end_tries" -lt 16 ]; do
        nap
        end_tries=$((end_tries + 1))
    done
    note_cut "$1"
    # shellcheck disable=SC2086 # the same
    end_processes $FAMILY || fail "processes of the run cannot be ended"
    note_named_units "$BASE/$HOLDER_ID"
    rm -f "$BASE/$HOLDER_ID"/payload.* "$BASE/$HOLDER_ID"/program.* "$BASE/$HOLDER_ID"/*.command \
        "$BASE/$HOLDER_ID"/*.addition "$BASE/$HOLDER_ID"/*.over
}

# note_named_units RUN: records the transient units that have come with the command which was ended and that it names: its
# text goes now, since it may be secret, and the next program could not tell any more. Its other services are found then.
note_named_units() {
    if [ ! -f "$1/services.before" ]; then return 0; fi
    units_before=$(cat "$1/services.before" && echo x)
    for units_command in "$1"/*.command; do
        if [ ! -f "$units_command" ]; then continue; fi
        for units_file in "$TRANSIENT_UNITS"/*; do
            case $units_before in *"$NEWLINE$units_file$NEWLINE"*) continue ;; esac
            units_name=${units_file##*/}
            case $units_name in *[[:cntrl:]]*) continue ;; esac
            if may_be_ones_own "$units_file" && [ -f "$units_file" ] && has_word "$units_command" "${units_name%.*}"; then
                record "$1/services" "service $units_file"
            fi
        done
    done
}

# unpack: keeps program, steps and long contents on the host, in files of this session's own: another session may be about
# to start the same run. WHOLE is the number of bytes of the contents, and the digest of the rest. Sets BYTES.
unpack() {
    # What is an argument of another process can be seen by everybody on the host. Both halves print what may be secret, and
    # may have different shells.
    if [ "$(command -v printf) $(sh -c 'command -v printf')" != "printf printf" ]; then
        fail "the host's sh has no printf of its own, without which bootstrap data would stand in the list of processes"
    fi
    umask 077
    mkdir -p "$RUN" || fail "cannot make $RUN"
    BYTES=0
    if [ "${WHOLE%% *}" != 0 ]; then
        { cat >&5 && size_written; } 5>"$RUN/payload.$$" || not_unpacked "cannot write below $RUN"
    fi
    # No field of a step has a quote in it.
    printf "STEPS='%s'\n%s" "$STEPS" "$PROGRAM" 2>/dev/null >"$RUN/program.$$"
    if [ "$BYTES $(sha256sum <"$RUN/program.$$")" != "$WHOLE  -" ]; then
        not_unpacked "the payload did not arrive whole, or there is no room for it below $RUN"
    fi
}

not_unpacked() {
    rm -f "$RUN/payload.$$" "$RUN/program.$$"
    fail "$@"
}

# in_user_slice: true when systemd counts this session among the things of a logged-in user. Version 1 of cgroups has a
# line a hierarchy.
in_user_slice() {
    while read -r slice_line; do
        case $slice_line in *user.slice*) return 0 ;; esac
    done </proc/self/cgroup
    return 1
}

# detached COMMAND…: in a session of its own where the host has setsid. A systemd that kills what a user leaves behind
# (KillUserProcesses) does not look into a scope outside the user's slice.
detached() {
    detached_by=
    if command -v setsid >/dev/null 2>&1; then detached_by=setsid; fi
    if in_user_slice && [ "$MY_UID" = 0 ] && command -v systemd-run >/dev/null 2>&1; then
        systemd-run --scope --quiet --collect --slice=system.slice $detached_by "$@"
        # 1 is systemd-run's own, before the command has begun. The program never ends with it, and one that was killed
        # must not begin again.
        detached_status=$?
        if [ "$detached_status" != 1 ]; then return "$detached_status"; fi
    fi
    $detached_by "$@"
}

# start: starts the program unless it runs, has finished, or another run holds the host. Sets FOLLOWS to 1 where there is a
# program to follow, SINCE: only what a program with a newer lock has done is this session's, and what start_anew sets.
start() {
    if [ "$CLAIM" = 1 ] && claimed_by_another; then
        cat >/dev/null
        return 0
    fi
    wait_for_drop
    if program_running; then
        FOLLOWS=1
        SINCE=$((LOCK - 1))
        echo "since $SINCE"
        cat >/dev/null
        return 0
    fi
    if holder_alive || { [ "$HOLDER_ID" != "$ID" ] && step_left; }; then
        # A session that removes a run has come in between.
        case $HOLDER_ID in drop:*) start; return ;; esac
        if [ "$TAKEOVER" != 1 ]; then
            printf 'busy %s\n' "$HOLDER_ID"
            cat >/dev/null
            return 0
        fi
        end_holder cancelled
    fi
    start_anew
}

# start_anew: a part of start: nobody holds the host. Sets STARTED, the process that waits for the program, TIMER and
# TIMER_START, RUN, where its journal is, FOLLOWS, SINCE and ENDED_BEFORE (see begun).
start_anew() {
    SINCE=$LOCK anew_kept=0
    # A run that looks at what is there each time does so again.
    if ! flag restart && ! flag repeat && end_kept; then
        anew_kept=1
    elif ends_are_kept && [ -e "$ENDS/$ID" ]; then
        # What was kept of an earlier attempt is not believed from here on, whatever becomes of this session.
        rm -rf "${ENDS:?}/$ID"
    fi
    # Before anything is started: this session may be lost.
    echo "since $SINCE"
    if [ "$anew_kept" = 1 ]; then
        RUN=$ENDS/$ID
        echo "already finished"
        cat >/dev/null
        return 0
    fi
    if finished_already; then
        if sentinel_missing; then
            cat >/dev/null
            fail "this has finished here, but $TEXT is gone: the host was changed by hand since. Clean it, or have all" \
                "steps run again"
        fi
        echo "already finished"
        cat >/dev/null
        return 0
    fi
    FOLLOWS=1
    begun
    ENDED_BEFORE=$BEGUN_ENDED
    unpack
    # Whoever has removed the last run meanwhile has let the locks begin again.
    newest_number "$BASE"
    if [ "$LOCK" -lt "$SINCE" ]; then
        SINCE=$LOCK
        echo "since $SINCE"
    fi
    start_timer
    # shellcheck disable=SC2086 # five words
    {
        detached sh "$RUN/program.$$" "$RUN" "$$" "$CLAIM" "$OWNER_UID" "$OWNER_NAME" "$SEIZE" "$SINCE" $PLAN
        started_status=$?
        end_timer
        exit "$started_status"
    } </dev/null >/dev/null 2>&1 &
    STARTED=$!
}

# wait_for_drop: until no session removes what is left of a run: that is no program to follow. Sets NAP.
wait_for_drop() {
    NAP=02
    newest_lock "$BASE"
    while holder_alive; do
        case $HOLDER_ID in drop:*) nap ;; *) return 0 ;; esac
        newest_lock "$BASE"
    done
}

# start_timer: starts what this session waits for: it ends with the program, or when something else has to be looked at.
# Sets TIMER, its process, and TIMER_START.
start_timer() {
    timer_seconds=$FOLLOW
    if [ "$TIMEOUT" -gt 0 ] && [ "$TIMEOUT" -lt "$FOLLOW" ]; then timer_seconds=$TIMEOUT; fi
    sleep "$timer_seconds" >/dev/null 2>&1 &
    TIMER=$!
    process_start "$TIMER"
    TIMER_START=$START
}

# end_timer: the program has ended. With a signal that nobody can ignore, and to no other process of that number.
end_timer() {
    if still_there "$TIMER" "$TIMER_START"; then kill -KILL "$TIMER"; fi
}

# begun: sets BEGUN, the uptime at which the newest program of this run began, or nothing, BEGUN_LOCK, its lock,
# BEGUN_LINE, what it has noted of that, and BEGUN_ENDED, how many times a program of the run was ended.
begun() {
    BEGUN='' BEGUN_LOCK='' BEGUN_LINE='' BEGUN_ENDED=0
    if [ ! -f "$RUN/journal" ]; then return 0; fi
    while read -r begun_event begun_number begun_what begun_rest; do
        case $begun_event$begun_what in
        cutcancelled | cuttimeout) BEGUN_ENDED=$((BEGUN_ENDED + 1)) ;;
        begin*)
            if void_line "$begun_rest"; then continue; fi
            BEGUN=${begun_rest%%[. ]*} BEGUN_LOCK=${begun_rest##* }
            BEGUN_LINE="begin $begun_number $begun_what $begun_rest"
            ;;
        esac
    done <"$RUN/journal"
}

# still_its_time: true when BEGUN is of the program that holds the host now, or of one that was killed and for whose step
# this one waits. One that has only just started has noted no begin yet: the newest is that of an attempt before, or of
# another boot. One that does not hold the host yet could not be ended, and would begin the step again.
still_its_time() {
    if ! holder_alive; then return 1; fi
    if [ "$BEGUN_LOCK" = "$LOCK" ]; then return 0; fi
    read_journal "$RUN/journal"
    step_alive "$RUN"
}

# started_runs: true while the program that this session has started is there.
started_runs() { [ -n "$STARTED" ] && process_start "$STARTED"; }

# follow: until the program has ended, this session's share of the time is over, or the run's time limit is. Sets NAP,
# and TIMER to nothing.
follow() {
    NAP=02
    uptime_now
    follow_from=${NOW%%.*}
    while started_runs || program_running; do
        uptime_now
        follow_now=${NOW%%.*}
        begun
        if [ "$TIMEOUT" -gt 0 ] && [ -n "$BEGUN" ] && [ $((follow_now - BEGUN)) -ge "$TIMEOUT" ] &&
            newest_lock "$BASE" && [ "$HOLDER_ID" = "$ID" ] && still_its_time; then
            end_holder timeout
            return 0
        fi
        if [ $((follow_now - follow_from)) -ge "$FOLLOW" ]; then return 0; fi
        if [ -n "$TIMER" ]; then
            wait "$TIMER" 2>/dev/null
            TIMER=''
        else
            nap
        fi
    done
}

# part NAME FILE BYTES: the end of a file in base64.
part() {
    printf '%s\n' "$1"
    if [ -f "$2.kept" ]; then cat "$2.kept" "$2" | tail -c "$3" | base64; else tail -c "$3" "$2" | base64; fi
    printf '.\n'
}

# finished_since: true when the run has finished under a lock that is newer than this session's start. Sets RUN_*.
finished_since() { read_run "$RUN" && [ -n "$RUN_CONTENT" ] && [ "$RUN_LOCK" -gt "$SINCE" ]; }

# Bytes of the journal's end that a report holds.
JOURNAL_TOLD=786432

# newest_step: sets NEWEST, the step that began last, or nothing. Only where it is told more of than of others.
newest_step() {
    NEWEST=''
    if [ "${SHARE:-$TAIL}" = "$TAIL" ]; then return 0; fi
    while read -r newest_event newest_number newest_rest; do
        if [ "$newest_event" = start ] && ! void_line "$newest_rest"; then NEWEST=$newest_number; fi
    done <"$RUN/journal"
}

# never_began: true when the program started here has ended and noted nothing.
never_began() {
    if [ -z "$STARTED" ] || program_running; then return 1; fi
    begun
    # One that was cancelled before it began has a note of that.
    [ "${BEGUN_LOCK:-0}" -le "$SINCE" ] && [ "$BEGUN_ENDED" -le "$ENDED_BEFORE" ]
}

# report_journal: the end of the journal. What failed for weeks fills it with old attempts, and one of thousands of steps
# alone: that the newest program has begun is told all the same. Needs SIZES.
report_journal() {
    size_of "$RUN/journal"
    if [ "${SIZE:-0}" -gt "$JOURNAL_TOLD" ]; then
        begun
        printf '%s\n' "$BEGUN_LINE"
    fi
    tail -c "$JOURNAL_TOLD" "$RUN/journal"
    echo
}

# report_outputs FILE…: the end of each step's output. Needs NEWEST and SIZES.
report_outputs() {
    for outputs_file in "$@"; do
        if [ ! -s "$outputs_file" ] && [ ! -f "$outputs_file.kept" ]; then continue; fi
        outputs_number=${outputs_file##*/}
        outputs_number=${outputs_number%.output}
        if [ "$outputs_number" = "$NEWEST" ]; then outputs_bytes=$TAIL; else outputs_bytes=${SHARE:-$TAIL}; fi
        size_of "$outputs_file"
        if short_output "$outputs_file" && [ "$SIZE" -le "$outputs_bytes" ]; then
            printf 'said %s %s\n' "$outputs_number" "$ESCAPED"
        else
            part "output $outputs_number" "$outputs_file" "$outputs_bytes"
        fi
    done
}

# size_of FILE: sets SIZE to what SIZES, a list of `ls -ldn`, says of it, or to nothing.
size_of() {
    size_line=${SIZES%%" $1$NEWLINE"*}
    # shellcheck disable=SC2086 # mode, links, owner, group, size
    set -f && set -- ${size_line##*"$NEWLINE"} && set +f
    SIZE=${5:-}
}

# short_output FILE: true for a few lines of text, which a shell reads faster than a process would be started. Sets ESCAPED
# to them, as a field. What has grown since is left to others. Needs SIZE.
short_output() {
    case $SIZE in ? | ?? | [1-4]??) ;; *) return 1 ;; esac
    if [ -f "$1.kept" ]; then return 1; fi
    short_text=
    while IFS= read -r short_line && [ "${#short_text}" -lt 500 ]; do short_text=$short_text$short_line$NEWLINE; done <"$1"
    short_text=$short_text$short_line
    # shellcheck disable=SC2101 # it stands within brackets
    case $short_text in *[![:print:]"$NEWLINE"]*) return 1 ;; esac
    # Some shells leave bytes out, and count characters.
    [ "${#short_text}" = "$SIZE" ] && escape "$short_text" 0
}

# report: what has become of the run. Sets STATE, running or ended, RUN, where its journal is, SIZES and RUN_*.
report() {
    if program_running; then STATE=running; else STATE=ended; fi
    echo "state $STATE"
    if [ "$SINCE" -ge 0 ]; then echo "since $SINCE"; fi
    if [ -n "$STARTED" ] && [ "$HOLDER_ID" != "$ID" ] && holder_alive && ! finished_since; then
        # Another run was faster to take the lock than the program started here.
        printf 'busy %s\n' "$HOLDER_ID"
    elif [ "$MODE$CLAIM" = run1 ] && claimed_by_another; then
        # The program has looked again, under the lock: another one may have been faster.
        tell_claim
    elif [ "$FOLLOWS$STATE" = 1ended ] && [ -z "$STARTED" ] && [ ! -e "$RUN/journal" ]; then
        # Somebody else's run, which had a journal.
        echo "removed yes"
    elif never_began; then
        wait "$STARTED"
        if [ "$?" = 73 ]; then
            echo "removed yes"
        else
            echo "error the program has ended before it could note anything: there is no room below $BASE, or it was killed"
        fi
    fi
    about
    # Somebody else has had it forgotten just now.
    if [ ! -f "$RUN/journal" ] && followed_end_kept; then RUN=$ENDS/$ID; fi
    if [ ! -f "$RUN/journal" ]; then return 0; fi
    echo "boot $BOOT"
    printf 'place %s\n' "$RUN"
    # One process tells how long they all are.
    SIZES=$NEWLINE$(ls -ldn "$RUN/journal" "$RUN"/*.output 2>/dev/null)$NEWLINE
    report_journal
    newest_step
    report_outputs "$RUN"/*.output
    if [ "$DIFF" = 0 ]; then return 0; fi
    for report_file in "$RUN"/*.original; do
        report_number=${report_file##*/}
        if [ -f "$report_file" ]; then part "before ${report_number%.original}" "$report_file" "$DIFF"; fi
    done
}

# forget_finished: the same as a session with the mode drop would do, where this one has told the end: another connection
# takes longer than many a cleanup. Only where the end is kept, for whoever else follows the run, and where a lost answer
# has nothing run again but what looks at what is there. Sets RUN_*.
forget_finished() {
    if [ "$FORGET" = 0 ] || ! ends_are_kept || { [ "$REQUEST" = - ] && ! flag repeat; }; then return 0; fi
    # A program that has ended since the report began is still under way to whoever reads that.
    if [ "$RUN" != "$BASE/$ID" ] || [ "$STATE" = running ] || ! finished_since; then return 0; fi
    drop
    if [ ! -e "$RUN" ]; then echo "forgotten yes"; fi
}

# drop: removes what is left of this run, which has taken everything back, and of earlier ones of its name; and the base
# directory when that was the last. Holds the lock meanwhile, so that no program begins that would lose its own. Sets
# RUN_*.
drop() {
    if [ ! -d "$BASE" ] || ! take_lock "drop:$ID"; then return 0; fi
    # Who has the answer already, and asks for it, waits for no room in memory.
    keep_end || [ "$MODE" = drop ] || return 0
    rm -rf "$RUN" "$RUN~"*
    for drop_run in "$BASE"/*/; do
        if [ -d "$drop_run" ]; then return 0; fi
    done
    rm -f "$BASE"/lock.* "$BASE/claim.part"
    # The host is still its machine's after a look.
    if [ -e "$BASE/claim" ]; then return 0; fi
    rm -f "$BASE/before" "$BASE/bootstrapped"
    rmdir "$BASE" 2>/dev/null || return 0
    # Where there is no root: the parent is Capra's own as well.
    case $BASE in */capra/runs) rmdir "${BASE%/runs}" 2>/dev/null ;; esac
}

# launch: one session. Sets STARTED, the process that waits for the program that it has started, or nothing, TIMER, RUN,
# FOLLOWS, SINCE and ENDED_BEFORE.
launch() {
    find_tools
    # What a login shell has printed may have no newline at its end.
    printf '\ncapra begin\n'
    read_settings || fail "the payload did not arrive whole"
    find_base
    process_start "$$" || fail "there is no /proc here, without which no process can be told from another"
    boot_mark
    STARTED='' TIMER='' FOLLOWS=0 ENDED_BEFORE=0
    case $MODE in
    run)
        start
        follow
        # Somebody else has followed it, too, and has forgotten it.
        if [ "$FOLLOWS" = 1 ] && followed_end_kept; then RUN=$ENDS/$ID; fi
        report
        forget_finished
        ;;
    attach)
        follow
        # The answer of the session that has forgotten it was lost, or was another's.
        if end_kept || followed_end_kept; then RUN=$ENDS/$ID; fi
        report
        ;;
    check) check ;;
    cancel)
        if program_running || { [ "$HOLDER_ID" = "$ID" ] && step_left; }; then
            end_holder cancelled
            echo "ended cancelled"
        elif holder_alive || step_left; then
            printf 'busy %s\n' "$HOLDER_ID"
        fi
        report
        ;;
    drop) drop ;;
    *) fail "unknown mode: $MODE" ;;
    esac
    echo "capra end"
}
