# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/processes.sh
# A part of the detached half (program.sh): the output of a step stays within a bound while the step runs.
#
# The output is a plain file that is only appended to, and no pipe: a service that a command has started and that goes on
# writing neither holds the step up nor is ended when nobody reads any more. A file that is appended to can be emptied at
# any time.

# Bytes of a step's output from which on it is cut, and what is kept then, of the end. A report brings back less.
OUTPUT_LIMIT=1048576 OUTPUT_KEPT=262144

# output_size FILE: sets SIZE. The place where standard output was written to last says it without a process, but knows
# nothing of a file that was emptied since: a large one is measured.
output_size() {
    SIZE=0
    read -r output_name SIZE 2>/dev/null </proc/self/fdinfo/1 || SIZE=$OUTPUT_LIMIT
    : "$output_name" # only here so that SIZE is one word
    if [ "$SIZE" -ge "$OUTPUT_LIMIT" ]; then SIZE=$(wc -c <"$1"); fi
}

# cut_output FILE: keeps only the end of a large output, in FILE.kept; what is written from now on stands in FILE. What is
# written while the end is copied is copied, too, so that the last words of a step are not lost with the rest: nothing but
# a look stands between the last copy and the cut.
cut_output() {
    output_size "$1"
    if [ "$SIZE" -lt "$OUTPUT_LIMIT" ]; then return 0; fi
    cut_copied=$SIZE cut_tries=3
    head -c "$cut_copied" "$1" | tail -c "$OUTPUT_KEPT" >"$1.kept" 2>/dev/null
    while [ "$cut_tries" -gt 0 ] && read -r cut_name cut_size 2>/dev/null </proc/self/fdinfo/1; do
        : "$cut_name" # only here so that the size is one word
        if [ "$cut_size" -le "$cut_copied" ]; then break; fi
        tail -c "+$((cut_copied + 1))" "$1" | head -c $((cut_size - cut_copied)) >>"$1.kept" 2>/dev/null
        cut_copied=$cut_size cut_tries=$((cut_tries - 1))
    done
    true >"$1"
}

# watch_output FILE PID MARK: cuts the output of the step that this process carries out, until it has ended, a signal comes
# or the file MARK is there; never between two halves of a cut. No shell hears a signal that was ignored when it began. Looks
# often while much is written. Sets SIZE.
watch_output() {
    watch_before=0 watch_nap=0.02
    trap 'exit 0' TERM
    while [ ! -e "$3" ] && process_start "$2"; do
        # A shell hears the signal at once while it waits, and not before the end of anything else.
        sleep "$watch_nap" 2>/dev/null &
        wait $! || {
            sleep 1 &
            wait $!
        }
        cut_output "$1"
        case $watch_nap in 0.02) watch_nap=0.05 ;; 0.05) watch_nap=0.1 ;; *) watch_nap=0.25 ;; esac
        if [ $((SIZE - watch_before)) -gt 65536 ]; then watch_nap=0.02; fi
        watch_before=$SIZE
    done
}
