# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the detached half (program.sh): what a cleanup takes back of what files.sh has written. What is on the disk
# decides, not what was meant: a write that never happened is none, and what has changed since is not Capra's.

# undo_run RUN: the last write first, so that a file written twice ends as it was; then the directories, when empty. Sets
# STATE and WAS.
undo_run() {
    read_writes "$1"
    printf '%s' "$WRITES" >"$RUN/undo" || return 1
    while read -r undo_what undo_key STATE WAS undo_rest; do
        decode "$undo_rest"
        case $undo_what in
        created | replaced | appended) undo_file "$1" "$undo_what" "$undo_key" "$TEXT" || return 1 ;;
        private) sweep_private "$TEXT" ;;
        directory) undo_directory "$TEXT" ;;
        esac
    done <"$RUN/undo"
    cd -P / && rm -f "$RUN/undo"
}

# read_writes RUN: sets WRITES, what `written` says that a run has made, the last first: lines of WHAT KEY STATE DIGEST
# PATH, one for each file, private directory and directory. STATE is wrote, void or unknown, DIGEST may be unknown. Sets STATE
# and WAS.
read_writes() {
    WRITES='' writes_backwards='' writes_boot='' writes_gone=' '
    [ -f "$1/written" ] || return 0
    while read -r writes_what writes_key writes_rest; do
        if void_line "$writes_what$writes_key$writes_rest"; then continue; fi
        # What has gone with a reboot is nobody's any more, even where another file has the name now.
        case $writes_what in
        boot) writes_boot=$writes_rest writes_gone=' ' && continue ;;
        directory) if gone_by_boot "$writes_boot" "$writes_rest"; then continue; fi ;;
        created | replaced | appended)
            if gone_by_boot "$writes_boot" "$writes_rest"; then writes_gone="$writes_gone$writes_key " && continue; fi
            ;;
        wrote | void | digest) case $writes_gone in *" $writes_key "*) continue ;; esac ;;
        esac
        writes_backwards="$writes_what $writes_key $writes_rest$NEWLINE$writes_backwards"
    done <"$1/written"
    # States and digests stand behind the line of their file, so they come first here: the last one counts.
    writes_states=' ' writes_done=' '
    while read -r writes_what writes_key writes_rest; do
        case $writes_what in
        wrote | void) writes_states="$writes_states$writes_key:$writes_what " ;;
        digest) writes_states="$writes_states$writes_key:${writes_rest%% *} " ;;
        created | replaced | appended)
            case $writes_done in *" $writes_key "*) continue ;; esac
            writes_done="$writes_done$writes_key "
            state_of "$writes_key" "$writes_states"
            WRITES="$WRITES$writes_what $writes_key $STATE $WAS $writes_rest$NEWLINE"
            ;;
        private | directory) WRITES="$WRITES$writes_what $writes_key unknown unknown $writes_rest$NEWLINE" ;;
        esac
    done <<END
$writes_backwards
END
}

# state_of KEY STATES: a part of read_writes: sets STATE and WAS (a digest) to the first of this key's, or to unknown.
state_of() {
    STATE='' WAS=''
    set -f # no word of it is a pattern
    for state_word in $2; do
        case $state_word in
        "$1":wrote | "$1":void) STATE=${STATE:-${state_word#*:}} ;;
        "$1":*) WAS=${WAS:-${state_word#*:}} ;;
        esac
    done
    set +f
    STATE=${STATE:-unknown} WAS=${WAS:-unknown}
}

# undo_file RUN WHAT KEY PATH: takes back one write of an earlier run. Needs STATE and WAS.
undo_file() {
    PLACE=$4
    if [ "$STATE" = void ]; then return 0; fi
    if ! walk "$PLACE" stay; then say "left $PLACE: it is elsewhere now" && return 0; fi
    if [ -n "$MISSING" ]; then
        if [ "$2" != created ]; then say "left $PLACE: its directory is gone"; fi
        return 0
    fi
    if [ -d "./$NAME" ] && [ ! -h "./$NAME" ]; then say "left $PLACE: it is a directory now" && return 0; fi
    if [ "$2" = created ]; then
        undo_created "$1" "$3"
    elif [ -f "$1/$3.original" ]; then
        put_back "$1" "$2" "$3"
    else
        say "left $PLACE: what was there before is not kept"
    fi
}

# undo_created RUN KEY: removes the file NAME, unless it never was Capra's. Needs PLACE, STATE and WAS.
undo_created() {
    if [ ! -e "./$NAME" ] && [ ! -h "./$NAME" ]; then return 0; fi
    look_whose "$@" || return 1
    if [ "$OWN" = 0 ]; then say "left $PLACE: it is not what Capra was about to write" && return 0; fi
    rm -f "./$NAME" || return 1
    say "removed $PLACE"
    names_to_disk .
}

# look_whose RUN KEY: sets OWN to 1 when the file NAME, where there was none before, is the one that Capra was about to
# write, else to 0. Where others may change names, it is opened only when it is held: it may become a pipe, which nobody
# writes to, at any moment. Needs PLACE, STATE and WAS.
look_whose() {
    OWN=0
    case $STATE in
    wrote) OWN=1 ;;
    void) ;;
    *)
        if [ "$TRUST" != firm ]; then
            in_private "$@" whose_held
            return
        fi
        if [ -f "./$NAME" ] && same_as "$WAS" "./$NAME"; then OWN=1; fi
        ;;
    esac
}

# whose_held: a part of look_whose, in a private directory.
whose_held() { if hold >/dev/null && [ -n "$SOURCE" ] && same_as "$WAS" "$SOURCE"; then OWN=1; fi; }

# in_private RUN KEY FUNCTION ARGUMENT…: calls it in a private directory, which is in `written` first.
in_private() {
    private_name
    escape "${HERE%/}/$PRIVATE" 0
    record "$1/written" "private $2 $ESCAPED" && go_private || return 1
    shift 2
    "$@"
    private_status=$?
    leave_private "$PRIVATE"
    return "$private_status"
}

# put_back RUN WHAT KEY: the file NAME becomes what it was, unless it is already, or was never changed by Capra. Needs
# PLACE, STATE and WAS. Sets SOURCE.
put_back() {
    if [ "$TRUST" = firm ]; then
        SOURCE=
        if [ -f "./$NAME" ] && [ ! -h "./$NAME" ]; then SOURCE=./$NAME; fi
        if ! changed "$@"; then return 0; fi
    fi
    in_private "$1" "$3" restore "$@" || return 1
    names_to_disk .
}

# changed RUN WHAT KEY: true when SOURCE, the file as it is (nothing when it is gone), is to become what it was.
changed() {
    if [ -n "$SOURCE" ] && alike "$1/$3.original" "$SOURCE"; then return 1; fi
    if [ -n "$SOURCE" ] && same_as "$WAS" "$SOURCE"; then return 0; fi
    if [ "$2" = appended ]; then say "left $PLACE: it has changed since Capra appended to it" && return 1; fi
    if [ "$STATE" = wrote ]; then return 0; fi
    say "left $PLACE: it is not what Capra was about to write"
    return 1
}

# restore RUN WHAT KEY: a part of put_back, in the private directory. Where others may change names, only what is held by
# a name in here can be looked at. Sets SOURCE and WHY.
restore() {
    if [ "$TRUST" != firm ]; then
        hold >/dev/null || SOURCE=
        if ! changed "$@"; then return 0; fi
    fi
    cp -p "$1/$3.original" "./$NAME" && to_disk "./$NAME" || return 1
    if ! WHY=$(mv -f "./$NAME" ../ 2>&1); then
        if [ "$TRUST" != firm ] || ! mounted; then cannot_write "$WHY" && return 1; fi
        if ! WHY=$(cp -p "./$NAME" "../$NAME" 2>&1 && to_disk "../$NAME" 2>&1); then cannot_write "$WHY" && return 1; fi
    fi
    say "restored $PLACE"
}

# alike FILE FILE: true when content, owner and mode are the same.
alike() {
    alike_mode "$1"
    alike_first=$MODE
    alike_mode "$2"
    [ "$alike_first" = "$MODE" ] && [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]
}

# alike_mode FILE: sets MODE to its mode and owner, for alike. A mark of an access list may stand behind the mode.
alike_mode() {
    # shellcheck disable=SC2046,SC2012 # mode, links, owner, group
    set -- $(ls -ldn "$1")
    MODE="$1 $3 $4"
    case $1 in *[.+@]) MODE="${1%?} $3 $4" ;; esac
}

# undo_directory PATH: removes a directory that was made for a file, when it is empty.
undo_directory() {
    walk "$1" stay >/dev/null && [ -z "$MISSING" ] || return 0
    if [ ! -d "./$NAME" ] || [ -h "./$NAME" ]; then return 0; fi
    rmdir "./$NAME" 2>/dev/null || say "left $1: not empty"
}

# newest_run: sets NEWEST, the other run on this host that began last, or nothing. Locks are numbered in that order.
newest_run() {
    NEWEST='' newest_lock_of=-1
    for newest_dir in "$BASE"/*/; do
        newest_dir=${newest_dir%/}
        if [ ! -d "$newest_dir" ] || [ "$newest_dir" = "$RUN" ]; then continue; fi
        newest_begun=0
        if [ -f "$newest_dir/journal" ]; then
            while read -r newest_event newest_rest; do
                if [ "$newest_event" = begin ] && ! void_line "$newest_rest"; then newest_begun=${newest_rest##* }; fi
            done <"$newest_dir/journal"
        fi
        case $newest_begun in '' | *[!0-9]*) newest_begun=0 ;; esac
        if [ "$newest_begun" -gt "$newest_lock_of" ]; then NEWEST=$newest_dir newest_lock_of=$newest_begun; fi
    done
    [ -n "$NEWEST" ]
}

# forget ENCODED_SENTINEL KEEP_FILES SERVICES: removes what Capra itself left on the host: services (SERVICES is - or
# all, see services_of), sentinel, files, journals.
forget() {
    if claimed_by_another; then say "the host is used by another machine, whose files these are"; return 1; fi
    # First: it may lie in a directory that Capra has made, which goes only when it is empty.
    decode "$1"
    if [ "$TEXT" != - ]; then forget_sentinel "$TEXT" || return 1; fi
    while newest_run; do
        # Where this is cut off, or the host is not clean, the next attempt still knows that there was one.
        if is_bootstrap "$NEWEST"; then true >"$BASE/bootstrapped" && names_to_disk "$BASE" || return 1; fi
        if [ "$2" = 0 ]; then
            undo_services "$NEWEST" "$3" || return 1
            undo_run "$NEWEST" || return 1
            if wrote_units "$NEWEST"; then reload_units; fi
        else
            # What was never written is no file to keep, and nothing knows of it afterwards.
            sweep_writes "$NEWEST"
        fi
        rm -rf "$NEWEST" || return 1
    done
    # Last: as long as anything of the machine's is here, the host is its. A verification gives it back, and a part of a
    # cleanup never does.
    if ! flag verifies && ! flag part; then give_up_host; fi
}

# give_up_host: the host is clean, and the next bootstrap notes again what is there before it.
give_up_host() { rm -f "$BASE/before" "$BASE/bootstrapped" && give_up_claim; }

# forget_sentinel PATH: removes it, and where it is Cluster API's own directory that one, too, when it is empty. Any other
# may have been there before.
forget_sentinel() {
    walk "$1" stay && [ -z "$MISSING" ] || return 0
    if [ ! -e "./$NAME" ] && [ ! -h "./$NAME" ]; then return 0; fi
    rm -f "./$NAME" || return 1
    say "removed $1"
    if [ "$HERE" = /run/cluster-api ]; then cd -P .. && rmdir ./cluster-api 2>/dev/null; fi
    return 0
}
