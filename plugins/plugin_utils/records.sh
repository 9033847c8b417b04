# shellcheck shell=sh
# Record files (journal, written): lines that a later run relies on. Both halves of the work on a host use these functions
# (see common.sh). Files that are records as a whole are made by keep_whole.
NEWLINE='
'

# append_line FILE LINES: appends to a record file, or fails.
append_line() {
    append_mark=
    if half_left "$1"; then append_mark=" (half)$NEWLINE"; fi
    printf '%s%s\n' "$append_mark" "$2" >>"$1" || return 1
    # Others' lines may stand behind it already.
    ends_with "$1" $((${#2} * 4 + 4096)) "$NEWLINE$2$NEWLINE"
}

# half_left FILE: true when a full disk or a loss of power has left half a line. The next one must not continue it, and it
# must not be taken for a whole one, so it is ended by a mark that void_line knows. It is never cut away: somebody else
# may be appending at the same time.
half_left() { [ -s "$1" ] && ! ends_with "$1" 1 "$NEWLINE"; }

# mend FILE: ends half a line.
mend() { ! half_left "$1" || printf ' (half)\n' >>"$1"; }

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

# record FILE LINES: the same as append_line, and the disk has it.
record() { append_line "$1" "$2" && to_disk "$1"; }

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
