# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the detached half (program.sh): an append that is done again, by this run or by a later one of the same
# machine, stands where the one before stood, and not behind it (docs/decisions, 0012).

# stand_behind NUMBER: sets FROM, what the file is to hold before the addition: SOURCE as it is; what stood there before the
# appends (and writes) that this run does again, where the file is as one of them left it; or SOURCE without what they
# have left at its end. Nothing when there was no file. Needs KEY, PLACE, ESCAPED_PLACE and SOURCE.
stand_behind() {
    FROM=$SOURCE
    behind_now=$(sha256sum <"$SOURCE") || return 1
    behind_now=${behind_now%% *}
    earlier_writes "$1" "$ESCAPED_PLACE" "$behind_now"
    case $FIRST in
    '') return 0 ;;
    none) behind_first= ;;
    *) behind_first=$FIRST ;;
    esac
    case $LEFT_AS in *" $behind_now "*) FROM=$behind_first && return 0 ;; esac
    if [ -n "$behind_first" ] && same_as "$behind_now" "$behind_first"; then return 0; fi
    without_additions || return 1
}

# without_additions: a part of stand_behind: somebody else has changed the file since. What earlier appends brought is taken
# off where it still stands at the end. What is left is kept for the next one that is done again. Sets FROM and
# BYTES.
without_additions() {
    bytes_of "$SOURCE"
    additions_size=$BYTES
    for additions_one in $ADDITIONS; do
        additions_bytes=${additions_one#*:}
        if [ "$additions_bytes" -gt "$additions_size" ]; then continue; fi
        additions_end=$(head -c "$additions_size" "$SOURCE" | tail -c "$additions_bytes" | sha256sum)
        if [ "$additions_end" = "${additions_one%%:*}  -" ]; then additions_size=$((additions_size - additions_bytes)); fi
    done
    if [ "$additions_size" = "$BYTES" ]; then
        say "$PLACE has changed since Capra appended to it: what it holds stays, with the text from before if it is there"
        return 0
    fi
    say "$PLACE has changed since Capra appended to it: the text from before is taken off its end, and the rest stays"
    cp -p "$SOURCE" "$RUN/$KEY.base.part" && head -c "$additions_size" "$SOURCE" >"$RUN/$KEY.base.part" || return 1
    keep_whole "$RUN/$KEY.base.part" "$RUN/$KEY.base" || return 1
    FROM=$RUN/$KEY.base
}

# earlier_writes NUMBER ESCAPED_PATH DIGEST: what step NUMBER of this run does again of what was done to the file, whose
# content has DIGEST now. Sets FIRST (the file that holds what stood there before, `none` when there was none, or nothing
# when nothing is done again), LEFT_AS (what the file has been since) and ADDITIONS (DIGEST:BYTES of each, newest first).
# Sets OLDER_LOCK.
earlier_writes() {
    FIRST='' LEFT_AS=' ' ADDITIONS='' OLDER_LOCK=-1
    kept_steps
    while next_older; do read_earlier "$OLDER" "$@"; done
}

# kept_steps: sets KEPT_STEPS, those of earlier runs that this run does not do again.
kept_steps() {
    KEPT_STEPS=' '
    while read -r kept_event kept_number kept_rest; do
        if [ "$kept_event" = kept ] && ! void_line "$kept_rest"; then KEPT_STEPS="$KEPT_STEPS$kept_number "; fi
    done <"$RUN/journal"
}

# next_older: sets OLDER and OLDER_LOCK to the next run, in the order of locks, whose steps this run does again, this run
# being the last. Sets RUN_*.
next_older() {
    OLDER='' older_lock=
    for older_run in "$BASE"/*/; do
        older_run=${older_run%/}
        if [ ! -f "$older_run/written" ] || ! read_run "$older_run" || [ "$RUN_LOCK" -le "$OLDER_LOCK" ]; then continue; fi
        case $older_run in
        "$RUN" | "$RUN~"*) ;;
        *) flag carry && [ "$RUN_SERIES" = "$PLAN_SERIES" ] || continue ;;
        esac
        if [ -z "$OLDER" ] || [ "$RUN_LOCK" -lt "$older_lock" ]; then OLDER=$older_run older_lock=$RUN_LOCK; fi
    done
    OLDER_LOCK=$older_lock
    [ -n "$OLDER" ]
}

# read_earlier RUN NUMBER ESCAPED_PATH DIGEST: a part of earlier_writes: one run. Sets FIRST, LEFT_AS and ADDITIONS,
# and earlier_was.
read_earlier() {
    earlier_key='' earlier_what='' earlier_was='' earlier_part='' earlier_boot=''
    while read -r earlier_event earlier_word earlier_rest; do
        if void_line "$earlier_event$earlier_word$earlier_rest"; then continue; fi
        case $earlier_event in
        boot) earlier_boot=$earlier_rest ;;
        created | replaced | appended)
            if [ "$earlier_rest" != "$3" ] || gone_by_boot "$earlier_boot" "$earlier_rest"; then continue; fi
            earlier_key=$earlier_word earlier_what=$earlier_event earlier_was=
            ;;
        digest)
            if [ "$earlier_word" != "$earlier_key" ]; then continue; fi
            # shellcheck disable=SC2086 # digest of the file, of the part, bytes of the part
            set -- "$1" "$2" "$3" "$4" $earlier_rest
            earlier_was=$5 earlier_part=$6:${7:-}
            # Cut off just behind its rename.
            if [ "$earlier_was" = "$4" ]; then add_write "$1" "$2"; fi
            ;;
        wrote) if [ "$earlier_word" = "$earlier_key" ] && [ -n "$earlier_was" ]; then add_write "$1" "$2"; fi ;;
        esac
    done <"$1/written"
}

# add_write RUN NUMBER: a part of read_earlier: one write that has happened. What stands there for good, or what somebody
# else has made of the file in between, is where those that are done again begin. Sets FIRST, LEFT_AS and ADDITIONS, and
# earlier_was, so that each is added once.
add_write() {
    add_number=${earlier_key%%.*} add_known=0
    case $KEPT_STEPS in *" $add_number "*) add_known=kept ;; esac
    if [ "$1" = "$RUN" ]; then
        add_known=0
        if [ "$add_number" != "$2" ]; then add_known=kept; fi
    fi
    if [ "$add_known" = kept ]; then
        FIRST='' LEFT_AS=' ' ADDITIONS='' earlier_was=
        return 0
    fi
    if [ "$earlier_what" != created ] && [ -f "$1/$earlier_key.original" ]; then
        add_before=$(sha256sum <"$1/$earlier_key.original")
        case $LEFT_AS in *" ${add_before%% *} "*) add_known=1 ;; esac
    fi
    if [ "$add_known" = 0 ]; then
        FIRST=none LEFT_AS=' ' ADDITIONS=
        if [ "$earlier_what" != created ]; then FIRST=$1/$earlier_key.original; fi
        if [ -f "$1/$earlier_key.base" ]; then FIRST=$1/$earlier_key.base; fi
    fi
    LEFT_AS="$LEFT_AS$earlier_was "
    case $earlier_part in *:[0-9]*) ADDITIONS="$earlier_part $ADDITIONS" ;; esac
    earlier_was=
}
