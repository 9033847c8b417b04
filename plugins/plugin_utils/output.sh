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
    POSITION=0
    read -r output_name POSITION 2>/dev/null </proc/self/fdinfo/1 || POSITION=$OUTPUT_LIMIT
    : "$output_name" # only here so that POSITION is one word
    SIZE=$POSITION
    if [ "$SIZE" -ge "$OUTPUT_LIMIT" ] || { [ -n "${2:-}" ] && [ -s "$1" ]; }; then SIZE=$(wc -c <"$1"); fi
}

# cut_output FILE [measure]: keeps only the end of a large output, in FILE.kept; what is written from now on stands in FILE.
# What is written while the end is copied is copied, too, so that the last words of a step are not lost with the rest:
# nothing but a look stands between the last copy and the cut. Sets SIZE, COPIED_FROM and COPIED_TO.
cut_output() {
    output_size "$@"
    if [ "$SIZE" -lt "$OUTPUT_LIMIT" ]; then return 0; fi
    cut_end=$SIZE cut_tries=20
    keep_end_of "$1" "$cut_end"
    while [ "$cut_tries" -gt 0 ] && read -r cut_name cut_end 2>/dev/null </proc/self/fdinfo/1; do
        : "$cut_name" # only here so that the place is one word
        if [ "$cut_end" -le "$COPIED_TO" ]; then break; fi
        if [ $((cut_end - COPIED_FROM)) -gt $((2 * OUTPUT_KEPT)) ]; then
            keep_end_of "$1" "$cut_end"
        else
            tail -c "+$((COPIED_TO + 1))" "$1" | head -c $((cut_end - COPIED_TO)) >>"$1.kept" 2>/dev/null
            COPIED_TO=$cut_end
        fi
        cut_tries=$((cut_tries - 1))
    done
    true >"$1"
}

# keep_end_of FILE PLACE: copies what stands before that place. Not by reading it all: a writer with a place of its own
# leaves a hole before it, of any size. Sets COPIED_FROM and COPIED_TO.
keep_end_of() {
    COPIED_FROM=$(($2 - OUTPUT_KEPT)) COPIED_TO=$2
    tail -c "+$((COPIED_FROM + 1))" "$1" | head -c "$OUTPUT_KEPT" >"$1.kept" 2>/dev/null
}

# watch_output FILE PID MARK: cuts the output of the step that this process carries out, until it has ended, a signal comes
# or the file MARK is there; never between two halves of a cut. No shell hears a signal that was ignored when it began. Looks
# often while much is written. Sets SIZE.
watch_output() {
    watch_before=0 watch_nap=0.25 watch_looks=1
    trap 'exit 0' TERM
    while [ ! -e "$3" ] && process_start "$2"; do
        # A shell hears the signal at once while it waits, and not before the end of anything else.
        sleep "$watch_nap" 2>/dev/null &
        wait $! || {
            sleep 1 &
            wait $!
        }
        # Measured now and then, and each time as soon as that has told more.
        if [ $((watch_looks % 4)) = 0 ]; then cut_output "$1" measure; else cut_output "$1"; fi
        if [ "$SIZE" = "$POSITION" ]; then watch_looks=$((watch_looks + 1)); fi
        case $watch_nap in 0.02) watch_nap=0.05 ;; 0.05) watch_nap=0.1 ;; *) watch_nap=0.25 ;; esac
        if [ $((SIZE - watch_before)) -gt 65536 ]; then watch_nap=0.02; fi
        watch_before=$SIZE
    done
}
