# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# The detached half: runs the steps of one payload in order, and notes in the journal when each began and how it
# ended. Started by launch.sh as `sh program RUN_DIRECTORY` in a session of its own; common.sh stands before it.
# It can be killed anywhere: a step whose end is in the journal is never run again, every other one is run again.

# note WORD…: a line of the journal. Without room for it nothing goes on: what is not noted would be done twice, and a
# run whose end is not noted has not succeeded.
note() { printf '%s\n' "$*" >>"$RUN/journal" || stop; }

# stop: ends this program; the status is any but systemd-run's own (see detached).
stop() {
    rm -f "$RUN/payload.$SESSION" "$RUN/program.$SESSION"
    if [ "$HOLDING" = 1 ]; then rm -f "$RUN"/*.command; else rmdir "$RUN" 2>/dev/null; fi
    exit 74
}

# sweep: removes what sessions and programs that were killed have left. A session that lives may be about to start one.
sweep() {
    for STAT in "$RUN"/payload.* "$RUN"/program.*; do
        OTHER=${STAT##*.}
        if [ "$OTHER" != "$SESSION" ]; then process_start "$OTHER" || rm -f "$RUN/payload.$OTHER" "$RUN/program.$OTHER"; fi
    done
}

# say TEXT: one line of the step's own output.
say() { printf '%s\n' "$*"; }

# content FIRST LINES DIGEST FILE: writes the bytes of a part of the payload, and looks whether they are all there: the
# disk may be full, and of a pipe only the last part's status counts.
content() {
    if [ "$2" -gt 0 ]; then
        tail -n "+$1" "$RUN/payload.$SESSION" | head -n "$2" | base64 -d >"$4" || return 1
    else
        : >"$4" || return 1
    fi
    if [ "$(sha256sum <"$4")" = "$3  -" ]; then return 0; fi
    say "$4 could not be written whole"
    return 1
}

# recorded NUMBER: true when the journal of written files already says what stood there before this step; sets BEFORE.
recorded() {
    BEFORE=
    [ -f "$RUN/written" ] || return 1
    while read -r WHAT NUMBER REST; do
        if [ "$NUMBER" = "$1" ]; then case $WHAT in created | replaced | appended) BEFORE=$WHAT ;; esac; fi
    done <"$RUN/written"
    [ -n "$BEFORE" ]
}

# make_parents ENCODED_PATH: creates the missing parent directories, 0755 whatever the file's mode, and records each
# before it is made. Works on the encoded path, in which no escape contains a slash.
make_parents() {
    PARENT=${1%/*}
    MISSING=
    while [ -n "$PARENT" ]; do
        decode "$PARENT"
        if [ -d "$TEXT" ]; then break; fi
        MISSING="$PARENT $MISSING"
        PARENT=${PARENT%/*}
    done
    set -f # some shells take an escape for a pattern
    for PARENT in $MISSING; do
        decode "$PARENT"
        printf 'directory 0 %s\n' "$PARENT" >>"$RUN/written" || return 1
        (umask 022 && mkdir -p "$TEXT") || return 1
    done
    set +f
}

# remember_before NUMBER KIND ENCODED_PATH PATH: keeps what stands at the path now, once, so that cleanup can put it
# back. An append keeps it again when it is tried again, because somebody may have mended the file in between.
remember_before() {
    if recorded "$1" && [ "$2" != append ]; then return 0; fi
    if [ "$BEFORE" = created ]; then return 0; fi
    WHAT=created
    if [ -e "$4" ]; then
        cp -p "$4" "$RUN/$1.original.part" && mv -f "$RUN/$1.original.part" "$RUN/$1.original" || return 1
        WHAT=replaced
        if [ "$2" = append ]; then WHAT=appended; fi
    fi
    [ -n "$BEFORE" ] || printf '%s %s %s\n' "$WHAT" "$1" "$3" >>"$RUN/written"
}

# resolve NUMBER: follows TARGET where it is a link, and notes where to, because cleanup must not follow another one.
resolve() {
    if [ ! -h "$TARGET" ]; then return 0; fi
    TARGET=$(readlink -f "$TARGET" && echo x) || { say "$TEXT: a link that leads nowhere"; return 1; }
    TARGET=${TARGET%"$NEWLINE"x}
    printf '%s' "$TARGET" >"$RUN/$1.target"
}

# write_file NUMBER KIND FIRST LINES MODE OWNER DIGEST ENCODED_PATH: whole or not at all: a temporary name in the same
# directory gets content, owner and mode, and is then renamed. MODE and OWNER "-": those of the file appended to, else
# 0644 and the user that runs this.
write_file() {
    make_parents "$8" || return 1
    decode "$8"
    TARGET=$TEXT
    resolve "$1" || return 1
    if [ -d "$TARGET" ]; then say "$TARGET: is a directory"; return 1; fi
    if [ -e "$TARGET" ] && [ ! -f "$TARGET" ]; then say "$TARGET: is not a regular file"; return 1; fi
    if [ "$2" = append ] && appended "$1"; then return 0; fi
    remember_before "$1" "$2" "$8" "$TARGET" || return 1
    PART="${TARGET%/*}/.capra.${RUN##*/}.$1"
    rm -f "$PART"
    if fill_part "$@" && mv -f "$PART" "$TARGET"; then return 0; fi
    rm -f "$PART"
    return 1
}

# appended NUMBER: true when this append was cut off after TARGET had got its new content.
appended() {
    [ -f "$TARGET" ] && [ -f "$RUN/$1.digest" ] && [ "$(cat "$RUN/$1.digest")" = "$(sha256sum <"$TARGET")" ]
}

# fill_part: makes PART what TARGET is to become; the arguments are write_file's. Until the end nobody else can read it.
fill_part() {
    MODE=$5
    if [ "$2" = append ] && [ -e "$TARGET" ]; then
        content "$3" "$4" "$7" "$RUN/$1.addition" || return 1
        cp -p "$TARGET" "$PART" && cat "$RUN/$1.addition" >>"$PART" && rm -f "$RUN/$1.addition" || return 1
    else
        content "$3" "$4" "$7" "$PART" || return 1
        if [ "$MODE" = - ]; then MODE=0644; fi
    fi
    decode "$6"
    if [ "$TEXT" != - ]; then chown -- "$TEXT" "$PART" || return 1; fi
    if [ "$MODE" != - ]; then chmod "$MODE" "$PART" || return 1; fi
    if [ "$2" = append ]; then sha256sum <"$PART" >"$RUN/$1.digest" || return 1; fi
}

# run_file NUMBER FIRST LINES DIGEST [ARGUMENT…]: a command or script comes from a private file, so that what it holds
# never stands in the list of processes.
run_file() {
    NUMBER=$1
    content "$2" "$3" "$4" "$RUN/$NUMBER.command" || return 1
    shift 4
    (umask 022 && cd / && exec /bin/sh "$RUN/$NUMBER.command" "$@")
}

# run_script NUMBER FIRST LINES DIGEST ENCODED_ARGUMENTS: the arguments are separated by spaces; none is empty.
run_script() {
    NUMBER=$1 FIRST=$2 LENGTH=$3 DIGEST=$4
    ARGUMENTS=$5
    set --
    set -f # some shells take an escape for a pattern
    for ARGUMENT in $ARGUMENTS; do
        decode "$ARGUMENT"
        set -- "$@" "$TEXT"
    done
    set +f
    CAPRA_RUN_DIR=$RUN
    export CAPRA_RUN_DIR
    run_file "$NUMBER" "$FIRST" "$LENGTH" "$DIGEST" "$@"
}

# undo_file RUN WHAT NUMBER PATH: takes back one write of an earlier run, where that run wrote: a link that has come into
# the file's place since is not followed.
undo_file() {
    TARGET=$4
    if [ -f "$1/$3.target" ]; then TARGET=$(cat "$1/$3.target" && echo x) && TARGET=${TARGET%x}; fi
    # A program that was killed while it wrote has left this.
    rm -f "${TARGET%/*}/.capra.${1##*/}.$3"
    if [ ! -d "${TARGET%/*}/" ]; then return 0; fi
    if [ -d "$TARGET" ] && [ ! -h "$TARGET" ]; then say "left $TARGET: it is a directory now" && return 0; fi
    case $2 in
    created) { [ ! -e "$TARGET" ] && [ ! -h "$TARGET" ]; } || { rm -f "$TARGET" && say "removed $TARGET"; } ;;
    replaced) [ ! -f "$1/$3.original" ] || { restore "$1/$3.original" "$TARGET" && say "restored $TARGET"; } ;;
    appended)
        [ -f "$1/$3.original" ] || return 0
        STAT=
        if [ -f "$1/$3.digest" ]; then read -r STAT <"$1/$3.digest"; fi
        if [ -f "$TARGET" ] && [ "$STAT" = "$(sha256sum <"$TARGET")" ]; then
            restore "$1/$3.original" "$TARGET" && say "restored $TARGET"
        else
            say "left $TARGET: it has changed since Capra appended to it"
        fi
        ;;
    esac
}

# restore ORIGINAL PATH: whole or not at all.
restore() {
    cp -p "$1" "${2%/*}/.capra.restore.$$" && mv -f "${2%/*}/.capra.restore.$$" "$2"
}

# undo_run RUN: the last write first, so that a file written twice ends as it was; then the directories, when empty.
undo_run() {
    if [ ! -f "$1/written" ]; then return 0; fi
    REVERSED=
    while read -r WHAT NUMBER REST; do
        REVERSED="$WHAT $NUMBER $REST$NEWLINE$REVERSED"
    done <"$1/written"
    printf '%s' "$REVERSED" >"$RUN/undo" || return 1
    while read -r WHAT NUMBER REST; do
        [ -n "$WHAT" ] || continue
        decode "$REST"
        if [ "$WHAT" = directory ]; then
            if [ -d "$TEXT" ]; then rmdir "$TEXT" 2>/dev/null || say "left $TEXT: not empty"; fi
        else
            undo_file "$1" "$WHAT" "$NUMBER" "$TEXT" || return 1
        fi
    done <"$RUN/undo"
    rm -f "$RUN/undo"
}

# newest_run: sets NEWEST, the other run on this host that began last, or nothing. Locks are numbered in that order.
newest_run() {
    NEWEST='' HIGHEST=-1
    for OTHER in "$BASE"/*/; do
        OTHER=${OTHER%/}
        if [ ! -d "$OTHER" ] || [ "$OTHER" = "$RUN" ]; then continue; fi
        BEGUN=0
        if [ -f "$OTHER/journal" ]; then
            while read -r EVENT REST; do
                if [ "$EVENT" = begin ]; then BEGUN=${REST##* }; fi
            done <"$OTHER/journal"
        fi
        case $BEGUN in '' | *[!0-9]*) BEGUN=0 ;; esac
        if [ "$BEGUN" -gt "$HIGHEST" ]; then NEWEST=$OTHER HIGHEST=$BEGUN; fi
    done
    [ -n "$NEWEST" ]
}

# forget ENCODED_SENTINEL KEEP_FILES: removes what Capra itself left on the host: files, sentinel, journals.
forget() {
    while newest_run; do
        if [ "$2" = 0 ]; then undo_run "$NEWEST" || return 1; fi
        rm -rf "$NEWEST" || return 1
    done
    decode "$1"
    if [ "$TEXT" = - ] || [ ! -e "$TEXT" ]; then return 0; fi
    rm -f "$TEXT" || return 1
    say "removed $TEXT"
    # Only when empty: other things than Capra's may stand in it.
    rmdir "${TEXT%/*}" 2>/dev/null || true
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
    forget) forget "$8" "$5" ;;
    *) say "unknown kind of step: $2"; return 64 ;;
    esac
}

# cut_off: a step that has begun and not ended was cut off, by a reboot or by the loss of this program.
cut_off() {
    # A full disk or a loss of power leaves half a line, which the next one must not run on from.
    if [ -s "$RUN/journal" ] && [ -n "$(tail -c 1 "$RUN/journal")" ]; then note; fi
    read_journal "$RUN/journal"
    [ -n "$OPEN" ] || return 0
    if [ "$OPEN_BOOT" = "$BOOT" ]; then note "cut $OPEN lost"; else note "cut $OPEN reboot"; fi
}

# run_steps: fails with the status of the step that failed, and with 74 when the payload cannot be read.
run_steps() {
    SEEN=0
    while read -r WORD NUMBER KIND FIRST LENGTH MODE OWNER DIGEST REST; do
        if [ "$WORD" != step ]; then break; fi
        SEEN=$((SEEN + 1))
        case $ENDED in *" $NUMBER "*) continue ;; esac
        uptime_now
        note "start $NUMBER $BOOT $NOW"
        # A subshell, so that nothing a step sets reaches the next one. Its status is the step's.
        (run_step "$NUMBER" "$KIND" "$FIRST" "$LENGTH" "$MODE" "$OWNER" "$DIGEST" "$REST") \
            </dev/null >"$RUN/$NUMBER.output" 2>&1
        STATUS=$?
        uptime_now
        note "end $NUMBER $STATUS $NOW"
        rm -f "$RUN/$NUMBER.command"
        if [ "$STATUS" != 0 ]; then return "$STATUS"; fi
    done <"$RUN/payload.$SESSION"
    [ "$SEEN" -gt 0 ] || return 74
}

# already_finished: true when another program has ended this run between its start and this one's.
already_finished() {
    [ -f "$RUN/journal" ] || return 1
    while read -r EVENT REST; do
        if [ "$EVENT" = finished ]; then return 0; fi
    done <"$RUN/journal"
    return 1
}

program() {
    RUN=$1 SESSION=$2 HOLDING=0
    BASE=${RUN%/*}
    NEWLINE='
'
    umask 077
    # Content may be secret: it leaves the host's disk as soon as the steps have ended, well or not. A later run
    # brings it again.
    [ -r "$RUN/payload.$SESSION" ] || stop
    boot_mark
    take_lock "${RUN##*/}" || stop
    if already_finished; then stop; fi
    HOLDING=1
    cut_off
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
