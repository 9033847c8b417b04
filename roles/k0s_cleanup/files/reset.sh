#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 8 of 11 of the k0s cleanup: k0s's own reset.

# reset: k0s's own, while its data is still there: it knows of containers, network and users that only it can undo. How
# it ends is a warning at most: a binary that has lost its parts can never reset, and the rest is removed by hand.
reset() {
    find_traces
    if [ -z "$TRACES" ] && [ "$RESET" != begun ]; then say "reset: nothing to do" && return; fi
    if [ -z "$BINARY" ]; then
        may_not_run
        say "reset: $WHY; removing by hand"
        # The next attempt could not tell any more that k0s has been here.
        remember reset by_hand || fail reset "no room to write down that k0s was here; nothing was removed"
        return
    fi
    reset_command="$BINARY reset${DATA_FLAG:+ $DATA_FLAG}${KUBELET_FLAG:+ $KUBELET_FLAG}"
    if [ "$CHECK" = yes ]; then say "reset: would run $reset_command" && return; fi
    touched
    remember reset begun || fail reset "no room to write down that it begins; it has not begun"
    limited "$RESET_TIMEOUT" "$BINARY" reset ${DATA_FLAG:+"$DATA_FLAG"} ${KUBELET_FLAG:+"$KUBELET_FLAG"}
    reset_status=$?
    if [ "$reset_status" != 0 ] && [ -n "$KUBELET_FLAG" ]; then
        # A k0s from before the flag: its kubelet directory is removed by hand below.
        case $(cat "$WORK/output") in
        *"unknown flag: --kubelet-root-dir"*)
            limited "$RESET_TIMEOUT" "$BINARY" reset ${DATA_FLAG:+"$DATA_FLAG"}
            reset_status=$?
            ;;
        esac
    fi
    last_lines
    tell_status "$reset_status"
    case $reset_status in
    0) say "reset: $reset_command" ;;
    124) warn reset "$reset_command has not ended within $RESET_TIMEOUT s: $LAST; removing by hand" ;;
    *) warn reset "$reset_command, $TOLD: $LAST; removing by hand" ;;
    esac
    remember reset ended
}
