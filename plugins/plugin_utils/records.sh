# shellcheck shell=sh
# Record files (journal, written): lines that a later run relies on. Both halves of the work on a host use these functions
# (see common.sh). Files that are records as a whole are made by keep_whole.
NEWLINE='
'

# append_line FILE LINES: appends to a record file, or fails. Sets NEW_LINES.
append_line() {
    append_mark=
    if half_left "$1"; then append_mark=" (half)$NEWLINE"; fi
    printf '%s%s\n' "$append_mark" "$2" >>"$1" || return 1
    if read_on "$1"; then
        case $NEW_LINES in *"$NEWLINE$2$NEWLINE"*) return 0 ;; *) return 1 ;; esac
    fi
    # Others' lines may stand behind it already.
    ends_with "$1" $((${#2} * 4 + 4096)) "$NEWLINE$2$NEWLINE"
}

# A program appends a dozen lines for each file that it writes. So it keeps its journal open as descriptor 3, and `written`
# as descriptor 4, and has read them to the end: it sees what comes then without a process. A subshell reads on where its
# parent was, and the parent where the subshell was. No command of the user's gets these descriptors.
FOLLOWED_3='' FOLLOWED_4=''

# follow_journal: begins to read the journal of RUN, which ends with a whole line. Sets FOLLOWED_3 and NEW_LINES.
follow_journal() {
    [ -r "$RUN/journal" ] || return 1
    exec 3<"$RUN/journal"
    FOLLOWED_3=$RUN/journal
    read_on "$FOLLOWED_3"
}

# read_on FILE: sets NEW_LINES to the lines that have come to a followed file, and what stands behind the last newline.
# Fails for another file.
read_on() {
    case $1 in
    "$FOLLOWED_3") read_lines <&3 ;;
    "$FOLLOWED_4") read_lines <&4 ;;
    *) return 1 ;;
    esac
}

# read_lines: a part of read_on. Sets NEW_LINES.
read_lines() {
    NEW_LINES=$NEWLINE
    while IFS= read -r read_line; do NEW_LINES=$NEW_LINES$read_line$NEWLINE; done
    NEW_LINES=$NEW_LINES$read_line
}

# half_left FILE: true when a full disk or a loss of power has left half a line. The next one must not continue it, and it
# must not be taken for a whole one, so it is ended by a mark that void_line knows. It is never cut away: somebody else
# may be appending at the same time. Sets NEW_LINES.
half_left() {
    if read_on "$1"; then
        case $NEW_LINES in *"$NEWLINE") return 1 ;; *) return 0 ;; esac
    fi
    half_ends "$1"
}

# half_ends FILE: the same, as the file itself says.
half_ends() { [ -s "$1" ] && ! ends_with "$1" 1 "$NEWLINE"; }

# mend FILE: ends half a line, also one that somebody has read to who was killed then.
mend() { ! half_ends "$1" || printf ' (half)\n' >>"$1"; }

# ends_with FILE BYTES TEXT: true when TEXT stands in the last bytes of a file, or of a newline and the whole file. Some
# shells warn of NUL bytes, which a loss of power can leave.
ends_with() {
    if [ "$2" = 1 ]; then ends_before=; else ends_before=$NEWLINE; fi
    {
        case "$ends_before$(tail -c "$2" "$1" && echo x)" in *"$3"*) return 0 ;; esac
    } 2>/dev/null
    return 1
}

# void_line LINE: true for a line that was left as half a one.
void_line() {
    case $1 in *'(half)') return 0 ;; esac
    return 1
}

# record FILE LINES: the same as append_line, and the disk has it. Sets NEW_LINES.
record() { append_line "$1" "$2" && to_disk "$1"; }

# size_written: sets BYTES to the place up to which descriptor 5 has been written.
size_written() { read -r size_name BYTES </proc/self/fdinfo/5 && : "$size_name"; }

# to_disk FILE…: does not return before the disk has them. A sync that takes no names writes everything, and says each time
# that it ignores them, which is no output of a step; a host without one promises nothing.
to_disk() {
    command -v sync >/dev/null 2>&1 || return 0
    sync "$@" 2>/dev/null
}

# names_to_disk DIRECTORY…: the same for the names in directories. Some file systems cannot do it for one alone.
names_to_disk() {
    command -v sync >/dev/null 2>&1 || return 0
    sync "$@" 2>/dev/null || sync
}

# keep_whole PART FILE: gives a file that has been filled its name, which never stands for half a file.
keep_whole() { to_disk "$1" && mv -f "$1" "$2" && names_to_disk "${2%/*}"; }
