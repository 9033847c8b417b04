# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the detached half (program.sh): files, written whole or not at all, and taken back by a cleanup.

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
    while read -r recorded_what recorded_number recorded_path; do
        if [ "$recorded_number" != "$1" ] || void_line "$recorded_path"; then continue; fi
        case $recorded_what in created | replaced | appended) BEFORE=$recorded_what ;; esac
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
        record "$RUN/written" "directory 0 $PARENT" || return 1
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
        cp -p "$4" "$RUN/$1.original.part" && keep_whole "$RUN/$1.original.part" "$RUN/$1.original" || return 1
        WHAT=replaced
        if [ "$2" = append ]; then WHAT=appended; fi
    fi
    [ -n "$BEFORE" ] || record "$RUN/written" "$WHAT $1 $3"
}

# resolve NUMBER: follows TARGET where it is a link (sets TARGET), and notes where to, because cleanup must not follow
# another one.
resolve() {
    if [ ! -h "$TARGET" ]; then return 0; fi
    TARGET=$(readlink -f "$TARGET" && echo x) || { say "$TEXT: a link that leads nowhere"; return 1; }
    TARGET=${TARGET%"$NEWLINE"x}
    printf '%s' "$TARGET" >"$RUN/$1.target.part" && keep_whole "$RUN/$1.target.part" "$RUN/$1.target"
}

# write_file NUMBER KIND FIRST LINES MODE OWNER DIGEST ENCODED_PATH: whole or not at all: a temporary name in the same
# directory gets content, owner and mode, and is then renamed. MODE and OWNER "-": those of the file appended to, else
# 0644 and the user that runs this. Sets TARGET.
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
    if [ "$2" = append ]; then sha256sum <"$PART" >"$RUN/$1.digest.part" && keep_whole "$RUN/$1.digest.part" "$RUN/$1.digest"; fi
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
        if void_line "$REST"; then continue; fi
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
                if [ "$EVENT" = begin ] && ! void_line "$REST"; then BEGUN=${REST##* }; fi
            done <"$OTHER/journal"
        fi
        case $BEGUN in '' | *[!0-9]*) BEGUN=0 ;; esac
        if [ "$BEGUN" -gt "$HIGHEST" ]; then NEWEST=$OTHER HIGHEST=$BEGUN; fi
    done
    [ -n "$NEWEST" ]
}

# forget ENCODED_SENTINEL KEEP_FILES SERVICES: removes what Capra itself left on the host: services (SERVICES is - or
# all, see services_of), files, sentinel, journals.
forget() {
    if claimed_by_another; then say "the host is used by another machine, whose files these are"; return 1; fi
    while newest_run; do
        if [ "$2" = 0 ]; then
            undo_services "$NEWEST" "$3" || return 1
            undo_run "$NEWEST" || return 1
            if wrote_units "$NEWEST"; then reload_units; fi
        fi
        rm -rf "$NEWEST" || return 1
    done
    decode "$1"
    if [ "$TEXT" != - ] && [ -e "$TEXT" ]; then
        rm -f "$TEXT" || return 1
        say "removed $TEXT"
        # Only when empty: other things than Capra's may stand in it.
        rmdir "${TEXT%/*}" 2>/dev/null || true
    fi
    # Last: as long as anything of the machine's is here, the host is its.
    give_up_claim
}
