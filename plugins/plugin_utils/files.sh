# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the detached half (program.sh): files, written whole or not at all. `written` tells a cleanup what to take back
# (undo.sh): every name that is made is on the disk there before it is made.

PLACE=

# content FIRST LINES DIGEST FILE: writes the bytes of a part of the payload, and looks whether they are all there: the
# disk may be full, and of a pipe only the last part's status counts. FIRST "=": LINES is the bytes themselves, encoded.
# Sets BYTES, how many they are.
content() {
    {
        case $1:$2 in
        =:*) printf '%b' "$2" >&5 ;;
        *:0) ;;
        *) tail -n "+$1" "$RUN/payload.$SESSION" | head -n "$2" | base64 -d >&5 ;;
        esac && size_written
    } 5>"$4" || return 1
    if [ "$(sha256sum <"$4")" = "$3  -" ]; then return 0; fi
    say "${PLACE:-$4} could not be written whole"
    return 1
}

# write_file NUMBER KIND FIRST LINES MODE OWNER DIGEST ENCODED_PATH: whole or not at all: a file in a private directory
# beside the target gets content, owner and mode, and is then renamed. MODE and OWNER "-": those of the file appended to,
# else 0644 and the user that runs this.
write_file() {
    decode "$8"
    walk "$TEXT" || return 1
    PLACE=${HERE%/}/$MISSING$NAME
    case $HERE/ in
    /proc/* | /sys/*)
        say "$PLACE: is the kernel's, which no file can be put in place of: set it with a command (sysctl -w, or echo >)"
        return 1
        ;;
    esac
    if [ -z "$MISSING" ] && [ -d "./$NAME" ]; then say "$PLACE: is a directory" && return 1; fi
    escape "$PLACE" 0
    ESCAPED_PLACE=$ESCAPED
    follow_written || return 1
    look_up "$1" "$ESCAPED_PLACE"
    set -f # some shells take an escape for a pattern
    for write_part in $LEFT; do
        decode "$write_part"
        sweep_private "$TEXT"
    done
    set +f
    begin_private || return 1
    put "$@"
    write_status=$?
    leave_private "$PRIVATE"
    if [ "$write_status" != 0 ]; then return 1; fi
    append_line "$RUN/written" "wrote $KEY" || return 1
    # shellcheck disable=SC2086 # the directories that have new names
    names_to_disk "$RUN/written" $CHANGED
}

# follow_written: opens the record for look_up, which reads it to the end. Sets FOLLOWED_4.
follow_written() {
    if [ ! -f "$RUN/written" ]; then true >>"$RUN/written" || return 1; fi
    exec 4<"$RUN/written"
    FOLLOWED_4=$RUN/written
}

# sweep_writes RUN…: removes the private directories that killed writes of these runs have left: what was about to be
# written may be secret, and does not wait for a cleanup.
sweep_writes() {
    for writes_run in "$@"; do
        if [ ! -f "$writes_run/written" ]; then continue; fi
        while read -r writes_what writes_key writes_rest; do
            if [ "$writes_what" != private ] || void_line "$writes_key$writes_rest"; then continue; fi
            decode "$writes_rest"
            sweep_private "$TEXT"
        done <"$writes_run/written"
    done
}

# look_up NUMBER ESCAPED_PATH: what `written` has of this step's file: sets KEY, by which its lines and files go (the
# number, unless the step had another path before), BEFORE (created, replaced, appended, or nothing), STATE (wrote, void,
# or nothing while nobody knows), WAS (the digest of what it has or was to become), ADDED (that of the content of the step),
# LEFT (private directories) and NOTED_BOOT (the boot of the last lines). After follow_written.
look_up() {
    KEY='' BEFORE='' STATE='' WAS='' ADDED='' LEFT='' NOTED_BOOT='' look_others=0
    while read -r look_what look_key look_rest; do
        if void_line "$look_what$look_key$look_rest"; then continue; fi
        case $look_what in
        boot) NOTED_BOOT=$look_rest ;;
        created | replaced | appended)
            case $look_key in "$1" | "$1".*) ;; *) continue ;; esac
            if gone_by_boot "$NOTED_BOOT" "$look_rest"; then
                if [ "$look_key" = "$KEY" ]; then KEY='' BEFORE=''; fi
                continue
            fi
            if [ "$look_rest" = "$2" ]; then
                KEY=$look_key BEFORE=$look_what STATE=
            else
                look_others=$((look_others + 1))
            fi
            ;;
        wrote | void) if [ "$look_key" = "$KEY" ]; then STATE=$look_what; fi ;;
        digest) if [ "$look_key" = "$KEY" ]; then look_digests "$look_rest"; fi ;;
        private) if [ "$look_key" = "$1" ]; then LEFT="$LEFT $look_rest"; fi ;;
        esac
    done <&4
    if [ -n "$KEY" ]; then return 0; fi
    KEY=$1
    if [ "$look_others" -gt 0 ]; then KEY=$1.$look_others; fi
}

# look_digests REST: a part of look_up: of a `digest` line. Sets WAS and ADDED.
look_digests() {
    WAS=${1%% *} ADDED=${1#* }
    ADDED=${ADDED%% *}
}

# gone_by_boot BOOT ESCAPED_PATH: true when what was noted in that boot has gone with it, because it lay in memory. Whatever
# stands there now is somebody else's. Lines of older versions name no boot. Sets TEXT and VOLATILE_TYPE.
gone_by_boot() {
    if [ -z "$1" ] || [ "$1" = "$BOOT" ]; then return 1; fi
    decode "$2"
    # The path is one without links. Where it is one now, that is somebody else's.
    volatile "$TEXT" stay
}

# begin_private: makes the missing directories, 0755 whatever the file's mode, and a private one in the last, and goes
# there. All are in `written` first. Sets HERE, TRUST, NAME, PRIVATE and CHANGED, the directories that get new names.
begin_private() {
    begin_name=$NAME begin_left=$MISSING begin_lines='' begin_up='' CHANGED=.
    private_name
    if [ "$NOTED_BOOT" != "$BOOT" ]; then begin_lines="boot 0 $BOOT$NEWLINE"; fi
    begin_place=${HERE%/}/
    while [ -n "$begin_left" ]; do
        begin_place=$begin_place${begin_left%%/*}/ begin_left=${begin_left#*/}
        escape "${begin_place%/}" 0
        begin_lines="${begin_lines}directory 0 $ESCAPED$NEWLINE"
    done
    escape "$begin_place$PRIVATE" 0
    append_line "$RUN/written" "${begin_lines}private ${KEY%%.*} $ESCAPED" || return 1
    to_disk "$RUN/journal" "$RUN/written" || return 1
    while [ -n "$MISSING" ]; do
        NAME=${MISSING%%/*} MISSING=${MISSING#*/} begin_up=../$begin_up
        CHANGED="$CHANGED $begin_up"
        begin_why=$(umask 022 && mkdir "./$NAME" 2>&1) || { cannot_write "$begin_why"; return 1; }
        enter || return 1
    done
    NAME=$begin_name
    go_private
}

# put: a part of write_file, in the private directory; the arguments are the same. Sets SOURCE, FROM, NEW and WHY.
put() {
    hold || return 1
    NEW='' FROM=''
    if [ "$2" = append ] && [ -n "$SOURCE" ]; then
        if same_as "$WAS" "$SOURCE"; then
            # Cut off just before its end; or something else is to be appended now, instead of what was.
            if [ "$ADDED" = "$7" ]; then return 0; fi
            NEW=0
        fi
        stand_behind "$1" || return 1
    fi
    fill "$@" || return 1
    [ "$NEW" = 0 ] || remember_before "$2" || return 1
    append_line "$RUN/written" "digest $KEY $DIGEST $7 $BYTES" || return 1
    to_disk "./$NAME" "$RUN/written" || return 1
    if WHY=$(mv -f "./$NAME" ../ 2>&1); then return 0; fi
    if put_in_place; then return 0; fi
    # A line of this try only: an earlier one may have written the file.
    if [ "$NEW" = 1 ]; then record "$RUN/written" "void $KEY"; fi
    return 1
}

# same_as DIGEST FILE: true when the file has this content.
same_as() { [ -n "$1" ] && [ "$(sha256sum <"$2")" = "$1  -" ]; }

# fill: makes the file NAME what it is to become, and sets DIGEST, that of its content, and BYTES, how many the step brings.
# Until it is renamed nobody else can reach it.
fill() {
    fill_mode=$5
    if [ "$2" = append ] && [ -n "$FROM" ]; then
        if [ "$TRUST" != firm ] && other_names "$SOURCE"; then
            say "$PLACE: has another name (a hard link), and others may write its directory: it is not copied"
            return 1
        fi
        content "$3" "$4" "$7" "$RUN/$KEY.addition" && cp -p "$FROM" "./$NAME" &&
            cat "$RUN/$KEY.addition" >>"./$NAME"
        fill_status=$?
        # It may be secret, and stays no longer when something of this has failed.
        rm -f "$RUN/$KEY.addition"
        if [ "$fill_status" != 0 ]; then return 1; fi
    else
        content "$3" "$4" "$7" "./$NAME" || return 1
        if [ "$fill_mode" = - ]; then fill_mode=0644; fi
    fi
    decode "$6"
    if [ "$TEXT" != - ]; then chown -- "$TEXT" "./$NAME" || return 1; fi
    if [ "$fill_mode" != - ]; then chmod "$fill_mode" "./$NAME" || return 1; fi
    DIGEST=$7
    if [ "$2" != append ]; then return 0; fi
    DIGEST=$(sha256sum <"./$NAME") || return 1
    DIGEST=${DIGEST%% *}
}

# bytes_of FILE: sets BYTES, its size.
bytes_of() {
    # shellcheck disable=SC2046,SC2012 # mode, links, owner, group, size
    set -- $(ls -ldn "$1")
    BYTES=$5
}

# other_names FILE: true when the file that hold has got has more names than those two.
other_names() {
    # shellcheck disable=SC2046,SC2012 # mode, links
    set -- $(ls -ldn "$1")
    [ "$2" -gt 2 ]
}

# remember_before KIND: keeps what stands at the path now, so that a cleanup can put it back, and notes it: once, unless it
# is known that nothing else has come. An append keeps it again when it is tried again, because somebody may have mended
# the file in between. Sets NEW to 1 for a line of this try.
remember_before() {
    if [ -n "$BEFORE" ] && [ "$STATE" != void ] && { [ "$1" != append ] || [ "$BEFORE" = created ]; }; then return 0; fi
    NEW=1
    remember_what=created
    if [ -n "$SOURCE" ]; then
        cp -p "$SOURCE" "$RUN/$KEY.original.part" && keep_whole "$RUN/$KEY.original.part" "$RUN/$KEY.original" || return 1
        remember_what=replaced
        if [ "$1" = append ]; then remember_what=appended; fi
    fi
    append_line "$RUN/written" "$remember_what $KEY $ESCAPED_PLACE"
}

# put_in_place: what is mounted at PLACE cannot be renamed over (in containers /etc/hosts, /etc/resolv.conf): the bytes go
# into it. WHY is the reason of the rename's failure. Sets WHY, and NEW to 0 when the file could not be put back.
put_in_place() {
    if [ "$TRUST" != firm ] || ! mounted; then cannot_write "$WHY" && return 1; fi
    record "$RUN/written" "wrote $KEY" || return 1
    if WHY=$(cp -p "./$NAME" "../$NAME" 2>&1) && to_disk "../$NAME"; then return 0; fi
    cannot_write "$WHY"
    cp -p "$RUN/$KEY.original" "../$NAME" || NEW=0
    return 1
}
