# shellcheck shell=sh
# What the first container of a Job runs. Before it stand on_host COMMAND, to_host FILE…, which copies to PLACE, MAKE_PLACE,
# the command that makes it, SENTINEL (a word of the host's shell, empty without one) and ATTEMPTS. The data of the run is
# beside this file.
DATA=${0%/*}
MESSAGE=${1:-/dev/termination-log}

# ended STATUS TEXT: the end, and what the controller is told of it.
ended() {
    printf '%s' "$2" >"$MESSAGE"
    exit "$1"
}

# no_host TEXT: the host was not reached, so that nothing has begun there.
no_host() {
    printf '%s\n' "$1" >&2
    ended 1 "capra unsent
$(printf '%.1500s' "$1")"
}

# place: sets PLACE, a new directory on the host that only the user can read, in memory where there is room; and SAID, what
# the host or the command has said.
place() {
    PLACE=
    SAID=$(on_host "$MAKE_PLACE" 2>&1)
    while IFS= read -r place_line; do
        case $place_line in "capra place /"*) PLACE=${place_line#capra place } ;; esac
    done <<END
$SAID
END
    [ -n "$PLACE" ]
}

# session: sets REPORT, what the host tells, SENT (something may be there) and SAID; false where the connection has not held, or has not come about.
session() {
    REPORT=
    place || return 1
    if ! SAID=$(to_host "$DATA/start" "$DATA/session" "$DATA/hidden" 2>&1); then
        # What has come that far holds secrets.
        on_host "rm -rf $PLACE" >&2 || SENT=1
        return 1
    fi
    SENT=1
    REPORT=$(on_host "sh $PLACE/start")
    case $REPORT in *"capra over"*) return 0 ;; esac
    SAID="the connection was lost before the host had answered"
    return 1
}

# has_finished: true where the report tells so, or that the sentinel file was made by the run that it tells of.
has_finished() {
    FINISHED=1
    while IFS= read -r finished_line; do
        case $finished_line in
        "begin "*) FINISHED=1 ;;
        "finished "* | "already "* | "forgotten "* | "removed "*) FINISHED=0 ;;
        "sentinel "*) [ -z "$SENTINEL" ] || FINISHED=0 ;;
        "busy "* | "claimed "* | "error "*) return 1 ;;
        esac
    done <<END
$REPORT
END
    return "$FINISHED"
}

SENT=0 TRY=1 SAID=''
until session; do
    printf 'attempt %s of %s: %s\n' "$TRY" "$ATTEMPTS" "$SAID" >&2
    if [ "$TRY" -ge "$ATTEMPTS" ]; then
        [ "$SENT" = 1 ] || no_host "$SAID"
        ended 1 "capra lost
$(printf '%.1500s' "$SAID")"
    fi
    sleep "$((TRY * 2))"
    TRY=$((TRY + 1))
done
has_finished || ended 1 "$REPORT"
if [ -n "$SENTINEL" ] && ! on_host "test -e $SENTINEL"; then
    printf 'there is no %s on the host\n' "$SENTINEL" >&2
    ended 1 "capra unproven"
fi
ended 0 "$REPORT"
