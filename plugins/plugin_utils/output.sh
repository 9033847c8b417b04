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

# cut_output FILE: keeps only the end of a large output, in FILE.kept; what is written from now on stands in FILE.
cut_output() {
    output_size "$1"
    if [ "$SIZE" -lt "$OUTPUT_LIMIT" ]; then return 0; fi
    tail -c "$OUTPUT_KEPT" "$1" >"$1.kept" 2>/dev/null
    : >"$1"
}

# watch_output FILE PID: cuts the output of the step that this process carries out, until it has ended. Looks often while
# much is written. Sets NAP and SIZE.
watch_output() {
    NAP=02 watch_before=0
    while process_start "$2"; do
        nap
        cut_output "$1"
        if [ $((SIZE - watch_before)) -gt 65536 ]; then NAP=02; fi
        if [ "$NAP" = 5 ]; then NAP=25; fi
        watch_before=$SIZE
    done
}
