# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# What the end of a step is worth, for which list of steps and until when (docs/decisions, 0011 and 0012). Both halves of
# the work on a host use these functions (see common.sh). Needs BASE, RUN, BOOT.

# set_plan KIND UID FLAGS CONTENT SENTINEL: sets PLAN_* and SENTINEL, what this payload is: KIND and UID (encoded) name its
# series; FLAGS are words between commas: carry (what an earlier run of the series has finished stays done), cleans (it
# takes back what others did), verifies (and looks at the host then), part (of a cleanup: the host is not given back), looks
# (such a part that changes nothing: it makes no claim), repeat (a run that has finished is run again), restart (all steps
# run again); CONTENT is a digest of the steps; SENTINEL (encoded) is the file that proves the run, or "-".
set_plan() { PLAN_SERIES="$1 $2" PLAN_FLAGS=$3 PLAN_CONTENT=$4 SENTINEL=$5; }

flag() {
    case ,$PLAN_FLAGS, in *",$1,"*) return 0 ;; esac
    return 1
}

# read_run DIRECTORY: sets RUN_LOCK (the lock of the program that began last, 0 for none), RUN_BOOT (its boot),
# RUN_SERIES, RUN_FLAGS and RUN_CONTENT (of the steps that this program has finished, or nothing).
read_run() {
    RUN_LOCK=0 RUN_BOOT='' RUN_SERIES='' RUN_FLAGS='' RUN_CONTENT=''
    [ -f "$1/journal" ] || return 1
    while read -r run_event run_number run_first run_rest; do
        if void_line "$run_number$run_first$run_rest"; then continue; fi
        case $run_event in
        begin) RUN_LOCK=${run_rest##* } RUN_BOOT=$run_first RUN_CONTENT='' ;;
        for) RUN_SERIES="$run_first ${run_rest%% *}" RUN_FLAGS=${run_rest##* } ;;
        finished) RUN_CONTENT=$run_first ;;
        esac
    done <"$1/journal"
    case $RUN_LOCK in '' | *[!0-9]*) RUN_LOCK=0 ;; esac
}

# taken_back LOCK: true when ends that were noted under this lock count no more, because a cleanup has begun since, or,
# where this is a cleanup, anything at all. Sets RUN_*.
taken_back() {
    for back_run in "$BASE"/*/; do
        if ! read_run "${back_run%/}" || [ "$RUN_LOCK" -le "$1" ]; then continue; fi
        case ,$RUN_FLAGS,$PLAN_FLAGS, in *,cleans,*) return 0 ;; esac
    done
    return 1
}

# find_source: sets SOURCE, the run whose ends count for this payload, or nothing: the newest of the series, or of this
# run's id: a program that was killed where it had set the old run aside has left no new journal. Sets RUN_*.
find_source() {
    SOURCE='' source_lock=-1 source_content=''
    if flag restart; then return 0; fi
    for source_run in "$BASE"/*/; do
        source_run=${source_run%/}
        read_run "$source_run" || continue
        case $source_run in
        "$RUN" | "$RUN~"*) ;;
        *) flag carry && [ "$RUN_SERIES" = "$PLAN_SERIES" ] || continue ;;
        esac
        if [ "$RUN_LOCK" -gt "$source_lock" ]; then
            SOURCE=$source_run source_lock=$RUN_LOCK source_content=$RUN_CONTENT
        fi
    done
    if [ -z "$SOURCE" ]; then return 0; fi
    if taken_back "$source_lock" || { flag repeat && [ -n "$source_content" ]; }; then SOURCE=; fi
}

# finished_already: true when these very steps have ended well, and that counts still. Sets SOURCE and RUN_*.
finished_already() {
    find_source
    [ "$SOURCE" = "$RUN" ] && read_run "$RUN" && { [ "$RUN_CONTENT" = "$PLAN_CONTENT" ] || [ "$RUN_CONTENT" = 0 ]; }
}

# sentinel_missing: true when the run has finished, and the file that proves it is gone although no reboot can have
# taken it. Sets TEXT, its path. After finished_already.
sentinel_missing() {
    if [ "$SENTINEL" = - ]; then return 1; fi
    decode "$SENTINEL"
    if [ -e "$TEXT" ]; then return 1; fi
    [ "$RUN_BOOT" = "$BOOT" ] || ! volatile "$TEXT"
}

# read_source: after find_source: sets HEAD_OVER, and what read_journal sets, from the journal of SOURCE.
read_source() {
    HEAD_OVER=0
    read_journal "${SOURCE:-/nonexistent}/journal"
}

# ends_count: true unless the run is one that looks at what is there each time (repeat). Of that the ends count only where
# an earlier attempt was killed in this boot, and nobody asked for its end: the steps before it are what this one would
# do again at once. After read_source.
ends_count() { ! flag repeat || { [ -n "$CUT" ] && [ "$CUT_WHY" = lost ] && [ "$OPEN_BOOT" = "$BOOT" ]; }; }

# step_ended NUMBER: true when the journal that was read says that the step ended well; sets ENDED_KEY and ENDED_BOOT.
step_ended() {
    case $ENDED in *" $1:"*) ;; *) return 1 ;; esac
    ENDED_KEY=${ENDED#*" $1:"}
    ENDED_KEY=${ENDED_KEY%% *}
    ENDED_BOOT=${ENDED_KEY#*:}
    ENDED_KEY=${ENDED_KEY%%:*}
}

# judge_step NUMBER KEY: sets JUDGED to kept (it has ended, and is the same), changed (it has ended, and it or one before
# it is another now) or open. Steps are judged in their order. A journal without keys is believed.
judge_step() {
    JUDGED=open
    if step_ended "$1"; then
        JUDGED=kept
        if [ "$HEAD_OVER" = 1 ] || [ "${ENDED_KEY:-$2}" != "$2" ]; then JUDGED=changed HEAD_OVER=1; fi
    elif [ "$SOURCE" != "$RUN" ]; then
        HEAD_OVER=1
    fi
}

# A cleanup takes its own journal away, with everything else. Whoever asked for it may die before the answer is noted, and
# its commands must not run again: the end stays in memory, until the next boot or until anything else begins here. It
# counts for attempts at the same request, and for who has followed the run: to anybody else nobody says that nothing has
# come since.
ENDS=/run/capra

# ends_are_kept: true where they are: below root's own directories.
ends_are_kept() { [ "$BASE" = /var/lib/capra ]; }

# keep_end: keeps the end of this run, if it has finished. Needs REQUEST. Sets RUN_*.
keep_end() {
    if ! ends_are_kept || ! read_run "$RUN" || [ -z "$RUN_CONTENT" ]; then return 0; fi
    (umask 077 && mkdir -p "$ENDS/$ID" && cp "$RUN/journal" "$ENDS/$ID/journal" && echo "$REQUEST" >"$ENDS/$ID/request")
}

# end_kept: true when these very steps have ended well in an earlier attempt at the same request. Needs REQUEST. Sets RUN_*.
end_kept() {
    if [ "$REQUEST" = - ] || ! these_steps_kept; then return 1; fi
    read -r kept_request <"$ENDS/$ID/request" || return 1
    [ "$kept_request" = "$REQUEST" ]
}

# these_steps_kept: true when these very steps have ended well, and nothing of the run is left but its end. Sets RUN_*.
these_steps_kept() {
    if [ -e "$RUN/journal" ] || ! ends_are_kept || ! read_run "$ENDS/$ID"; then return 1; fi
    [ "$RUN_CONTENT $RUN_BOOT" = "$PLAN_CONTENT $BOOT" ]
}

# followed_end_kept: true when the run that this session, or one before it, has followed has ended well, and somebody else
# who followed it has had it forgotten: whoever was there needs no request. Needs SINCE. Sets RUN_*.
followed_end_kept() { [ "$SINCE" -ge 0 ] && these_steps_kept && [ "$RUN_LOCK" -gt "$SINCE" ]; }

# forget_ends: something begins here.
forget_ends() { if ends_are_kept && [ -e "$ENDS" ]; then rm -rf "$ENDS"; fi; }

# A reboot takes what lies in memory.

# volatile PATH [stay]: true when the path lies in a file system that begins empty at each boot. Sets VOLATILE_TYPE. Links
# count as where they lead, whether that is still there or not; with `stay` not the last component, which is the file that
# was made. What is written to a name in /dev goes to a device.
volatile() {
    volatile_path=$1 volatile_hops=0
    if [ "${2:-}" = stay ] && [ -h "$1" ] && [ ! -d "$1/" ]; then volatile_path=${1%/*}; fi
    while [ ! -d "$volatile_path/" ] && [ -n "$volatile_path" ]; do
        volatile_to=
        if [ -h "$volatile_path" ] && [ "$volatile_hops" -lt 40 ]; then volatile_to=$(readlink "$volatile_path"); fi
        volatile_hops=$((volatile_hops + 1))
        case $volatile_to in
        '') volatile_path=${volatile_path%/*} ;;
        /*) volatile_path=$volatile_to ;;
        *) volatile_path=${volatile_path%/*}/$volatile_to ;;
        esac
    done
    volatile_path=$(cd -P "${volatile_path:-/}" 2>/dev/null && pwd -P)/
    VOLATILE_TYPE='' volatile_point=''
    case $volatile_path in /dev/shm/*) ;; /dev/*) return 1 ;; esac
    # The longest mount point counts, and of the same the last.
    while read -r volatile_rest volatile_mount volatile_type volatile_rest; do
        case $volatile_mount in *\\*) volatile_mount=$(printf '%b' "$volatile_mount") ;; esac
        case $volatile_path in "${volatile_mount%/}"/*) ;; *) continue ;; esac
        if [ "${#volatile_mount}" -lt "${#volatile_point}" ]; then continue; fi
        volatile_point=$volatile_mount VOLATILE_TYPE=$volatile_type
    done </proc/self/mounts
    : "$volatile_rest" # only here so that the type is one word
    case $VOLATILE_TYPE in tmpfs | ramfs | proc | sysfs | cgroup | cgroup2) return 0 ;; esac
    return 1
}

# has_appended NUMBER DIGEST: true when `written` says that the step's file has had this digest since (see files.sh).
has_appended() {
    [ -f "$RUN/written" ] || return 1
    has_was=
    while read -r has_what has_key has_digest has_rest; do
        if [ "$has_what" = digest ] && [ "${has_key%%.*}" = "$1" ] && ! void_line "$has_rest"; then has_was=$has_digest; fi
    done <"$RUN/written"
    [ "$has_was  -" = "$2" ]
}

# lost_by_boot NUMBER KIND DIGEST REST: true when a step that ended well has to be done again, because the host has been
# rebooted since and what it made is gone. Of a command, REST names all that it makes (see effects.py), or nothing. After
# judge_step. Sets TEXT and VOLATILE_TYPE.
lost_by_boot() {
    if [ "$ENDED_BOOT" = "$BOOT" ]; then return 1; fi
    case $2 in
    write)
        decode "$4"
        volatile "$TEXT" || return 1
        [ ! -f "$TEXT" ] || [ "$(sha256sum <"$TEXT")" != "$3  -" ]
        ;;
    append)
        decode "$4"
        volatile "$TEXT" || return 1
        [ ! -f "$TEXT" ] || ! has_appended "$1" "$(sha256sum <"$TEXT")"
        ;;
    command)
        if [ -z "$4" ]; then return 1; fi
        set -f # some shells take an escape for a pattern
        for lost_path in $4; do
            decode "$lost_path"
            volatile "$TEXT" stay || { set +f && return 1; }
        done
        set +f
        ;;
    *) return 1 ;;
    esac
}
