# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# The detached half: runs the steps of one payload in order, and notes in the journal when each began and how it
# ended. Started by launch.sh as `sh program RUN_DIRECTORY` in a session of its own; common.sh stands before it.
# It can be killed anywhere: a step whose end is in the journal is never run again, every other one is run again.

note() { printf '%s\n' "$*" >>"$RUN/journal"; }

# say TEXT: one line of the step's own output.
say() { printf '%s\n' "$*"; }

# take_lock: makes this program the holder of the host, or fails when another one is running.
take_lock() {
    process_start "$$"
    MINE="$$:$START:$BOOT:${RUN##*/}"
    while :; do
        newest_lock "$BASE"
        if holder_alive; then return 1; fi
        NEXT=$((LOCK + 1))
        if ln -s "$MINE" "$BASE/lock.$NEXT" 2>/dev/null; then break; fi
        [ -h "$BASE/lock.$NEXT" ] || return 1
    done
    # The lock just before stays, so that whoever is listing the directory now sees at least one.
    for STAT in "$BASE"/lock.*; do
        if [ "${STAT##*.}" -lt $((NEXT - 1)) ]; then rm -f "$STAT"; fi
    done
}

# content FIRST LINES: the bytes of a part of the payload, on standard output.
content() {
    [ "$2" -gt 0 ] || return 0
    tail -n "+$1" "$RUN/payload" | head -n "$2" | base64 -d
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
    for PARENT in $MISSING; do
        decode "$PARENT"
        printf 'directory 0 %s\n' "$PARENT" >>"$RUN/written"
        (umask 022 && mkdir -p "$TEXT") || return 1
    done
}

# remember_before NUMBER KIND ENCODED_PATH PATH: keeps what stands at the path now, once, so that cleanup can put it
# back and an append that was cut off starts again from the same bytes.
remember_before() {
    if recorded "$1"; then return 0; fi
    BEFORE=created
    if [ -e "$4" ]; then
        cp -p "$4" "$RUN/$1.original.part" && mv -f "$RUN/$1.original.part" "$RUN/$1.original" || return 1
        BEFORE=replaced
        if [ "$2" = append ]; then BEFORE=appended; fi
    fi
    printf '%s %s %s\n' "$BEFORE" "$1" "$3" >>"$RUN/written"
}

# write_file NUMBER KIND FIRST LINES MODE OWNER ENCODED_PATH: whole or not at all: a temporary name in the same
# directory gets content, owner and mode, and is then renamed. MODE and OWNER "-": those of the file appended to, else
# 0644 and the user that runs this.
write_file() {
    make_parents "$7" || return 1
    decode "$7"
    TARGET=$TEXT
    if [ -h "$TARGET" ]; then
        TARGET=$(readlink -f "$TARGET" && echo x) || { say "$TEXT: a link that leads nowhere" && return 1; }
        TARGET=${TARGET%??}
    fi
    if [ -d "$TARGET" ]; then say "$TARGET: is a directory" && return 1; fi
    remember_before "$1" "$2" "$7" "$TARGET" || return 1
    PART="${TARGET%/*}/.capra.${RUN##*/}.$1"
    rm -f "$PART"
    if [ "$2" = append ] && [ -f "$RUN/$1.original" ]; then
        cp -p "$RUN/$1.original" "$PART" && content "$3" "$4" >>"$PART" || return 1
    else
        content "$3" "$4" >"$PART" && chmod 0644 "$PART" || return 1
    fi
    decode "$6"
    if [ "$TEXT" != - ]; then chown "$TEXT" "$PART" || return 1; fi
    if [ "$5" != - ]; then chmod "$5" "$PART" || return 1; fi
    if [ "$2" = append ]; then sha256sum <"$PART" >"$RUN/$1.digest" || return 1; fi
    mv -f "$PART" "$TARGET"
}

# run_file NUMBER FIRST LINES [ARGUMENT…]: a command or script comes from a private file, so that what it holds never
# stands in the list of processes.
run_file() {
    NUMBER=$1
    content "$2" "$3" >"$RUN/$NUMBER.command" || return 1
    shift 3
    (umask 022 && cd / && exec /bin/sh "$RUN/$NUMBER.command" "$@")
}

# run_script NUMBER FIRST LINES ENCODED_ARGUMENTS: the arguments are separated by spaces, each encoded.
run_script() {
    NUMBER=$1 FIRST=$2 LINES=$3
    ARGUMENTS=$4
    set --
    for ARGUMENT in $ARGUMENTS; do
        decode "$ARGUMENT"
        set -- "$@" "$TEXT"
    done
    CAPRA_RUN_DIR=$RUN
    export CAPRA_RUN_DIR
    run_file "$NUMBER" "$FIRST" "$LINES" "$@"
}

# undo_file RUN WHAT NUMBER PATH: takes back one write of an earlier run.
undo_file() {
    [ -e "$4" ] || [ -h "$4" ] || [ "$2" != created ] || return 0
    TARGET=$4
    if [ -h "$TARGET" ]; then TARGET=$(readlink -f "$TARGET" && echo x) && TARGET=${TARGET%??}; fi
    case $2 in
    created) rm -f "$TARGET" && say "removed $TARGET" ;;
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
        REVERSED="$WHAT $NUMBER $REST
$REVERSED"
    done <"$1/written"
    printf '%s' "$REVERSED" >"$RUN/undo"
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

# forget ENCODED_SENTINEL KEEP_FILES: removes what Capra itself left on the host: files, sentinel, journals.
forget() {
    for OTHER in "$BASE"/*/; do
        OTHER=${OTHER%/}
        if [ ! -d "$OTHER" ] || [ "$OTHER" = "$RUN" ]; then continue; fi
        if [ "$2" = 0 ]; then undo_run "$OTHER" || return 1; fi
        rm -rf "$OTHER" || return 1
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

# run_step NUMBER KIND FIRST LINES MODE OWNER REST
run_step() {
    case $2 in
    write | append) write_file "$@" ;;
    command) run_file "$1" "$3" "$4" ;;
    script) run_script "$1" "$3" "$4" "$7" ;;
    sentinel) sentinel "$7" ;;
    forget) forget "$7" "$5" ;;
    *) say "unknown kind of step: $2" && return 64 ;;
    esac
}

# cut_off: a step that has begun and not ended was cut off, by a reboot or by the loss of this program.
cut_off() {
    read_journal "$RUN/journal"
    [ -n "$OPEN" ] || return 0
    if [ "$OPEN_BOOT" = "$BOOT" ]; then note "cut $OPEN lost"; else note "cut $OPEN reboot"; fi
}

run_steps() {
    while read -r WORD NUMBER KIND FIRST LINES MODE OWNER DIGEST REST; do
        if [ "$WORD" != step ]; then break; fi
        case $ENDED in *" $NUMBER "*) continue ;; esac
        uptime_now
        note "start $NUMBER $BOOT $NOW"
        # A subshell, so that nothing a step sets reaches the next one. Its status is the step's.
        (run_step "$NUMBER" "$KIND" "$FIRST" "$LINES" "$MODE" "$OWNER" "$REST") </dev/null >"$RUN/$NUMBER.output" 2>&1
        STATUS=$?
        uptime_now
        note "end $NUMBER $STATUS $NOW"
        rm -f "$RUN/$NUMBER.command"
        if [ "$STATUS" != 0 ]; then return "$STATUS"; fi
    done <"$RUN/payload"
    : "$DIGEST" # only a check run compares it
}

program() {
    RUN=$1
    BASE=${RUN%/*}
    umask 077
    boot_mark
    take_lock || return 0
    cut_off
    uptime_now
    note "begin 0 $BOOT $NOW $(date +%s)"
    PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    export PATH
    # Content may be secret: it leaves the host's disk as soon as the steps have ended, well or not. A later run
    # brings it again.
    if run_steps; then note "finished 0 0"; fi
    rm -f "$RUN/payload" "$RUN"/*.command "$RUN/program.sh"
}
