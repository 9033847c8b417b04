# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/processes.sh
# A part of the detached half (program.sh): the output of a step stays within a bound while the step runs.
#
# The output is a plain file that is only appended to, and no pipe: a service that a command has started and that goes on
# writing neither holds the step up nor is ended when nobody reads any more. A file that is appended to can be emptied at
# any time.

# Bytes of a step's output from which on it is cut, and what is kept then, of the end, at least; at most twice that. A
# report brings back less.
OUTPUT_LIMIT=1048576 OUTPUT_KEPT=262144

# output_size FILE [measure]: sets SIZE and POSITION. The place where standard output was written to last says it without
# a process, but knows nothing of a file that was emptied since: a large one is measured. Nor does it know what comes by
# way of another open file (`tee /dev/stderr`): measured where that is asked for.
output_size() {
    output_position
    SIZE=$POSITION
    if [ "$SIZE" -ge "$OUTPUT_LIMIT" ] || { [ -n "${2:-}" ] && [ -s "$1" ]; }; then SIZE=$(wc -c <"$1"); fi
}

# output_position: sets POSITION, where standard output was written to last.
output_position() {
    POSITION=0
    read -r output_name POSITION 2>/dev/null </proc/self/fdinfo/1 || POSITION=$OUTPUT_LIMIT
    : "$output_name" # only here so that POSITION is one word
}

# cut_output FILE [measure]: keeps only the end of a large output, in FILE.kept; what is written from now on stands in FILE.
# What is written while the end is copied is copied, too, so that the last words of a step are not lost with the rest:
# nothing but a look stands between the last copy and the cut. Sets SIZE, POSITION, COPIED_FROM and COPIED_TO.
cut_output() {
    output_size "$@"
    if [ "$SIZE" -lt "$OUTPUT_LIMIT" ]; then return 0; fi
    cut_tries=20
    keep_end_of "$1" "$SIZE"
    while [ "$cut_tries" -gt 0 ]; do
        # Where both were the same, the place of standard output tells the end, and takes no process.
        if [ "$SIZE" = "$POSITION" ]; then
            output_position
            SIZE=$POSITION
        else
            output_size "$1" measure
        fi
        if [ "$SIZE" -le "$COPIED_TO" ]; then break; fi
        if [ $((SIZE - COPIED_FROM)) -gt $((2 * OUTPUT_KEPT)) ]; then
            keep_end_of "$1" "$SIZE"
        else
            piece "$1" "$COPIED_TO" $((SIZE - COPIED_TO)) >>"$1.kept"
            COPIED_TO=$SIZE
        fi
        cut_tries=$((cut_tries - 1))
    done
    true >"$1"
}

# keep_end_of FILE SIZE: copies the end of the file's first bytes. Sets COPIED_FROM and COPIED_TO.
keep_end_of() {
    COPIED_FROM=$(($2 - OUTPUT_KEPT)) COPIED_TO=$2
    piece "$1" "$COPIED_FROM" "$OUTPUT_KEPT" >"$1.kept"
}

# piece FILE FROM BYTES: what stands there. Nothing before it is read: a writer with a place of its own may have left a hole
# of any size.
piece() {
    dd bs=4096 skip=$(($2 / 4096)) <"$1" 2>/dev/null | tail -c "+$(($2 % 4096 + 1))" 2>/dev/null | head -c "$3"
}

# watch_output FILE PID MARK: cuts the output of the step that this process carries out, until it has ended, a signal comes
# or the file MARK is there; never between two halves of a cut. No shell hears a signal that was ignored when it began. Looks
# often while much is written. Sets SIZE.
watch_output() {
    watch_before=0 watch_nap=0.25 watch_looks=1
    trap 'exit 0' TERM
    while [ ! -e "$3" ]; do
        # A shell hears the signal at once while it waits, and not before the end of anything else.
        sleep "$watch_nap" 2>/dev/null &
        wait $! || {
            sleep 1 &
            wait $!
        }
        process_start "$2" || return 0
        # Measured now and then, and each time as soon as that has told more.
        if [ $((watch_looks % 4)) = 0 ]; then cut_output "$1" measure; else cut_output "$1"; fi
        if [ "$SIZE" = "$POSITION" ]; then watch_looks=$((watch_looks + 1)); fi
        case $watch_nap in 0.02) watch_nap=0.05 ;; 0.05) watch_nap=0.1 ;; *) watch_nap=0.25 ;; esac
        if [ $((SIZE - watch_before)) -gt 65536 ]; then watch_nap=0.02; fi
        watch_before=$SIZE
    done
}
