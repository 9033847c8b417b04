# shellcheck shell=sh
# What a Job starts on the host, as the user that it comes as: holds one session with the program, and tells the end of it
# in few bytes. Before it stands: session, the command that Ansible would have run, which reads standard input.
# The end of a Pod, which is where this is told, is read by more people than a Secret: no line of a step's output that holds
# a word of what is hidden is told.
PLACE=${0%/*}
NL='
'
LINES_TOLD=10 LINE_LENGTH=200 OUTPUT_LENGTH=700 JOURNAL_LENGTH=1100 CUT_FROM=4000
umask 077
trap 'rm -rf "$PLACE"' EXIT
trap 'exit 1' HUP INT TERM
HIDDEN=$(cat "$PLACE/hidden") || exit 1
exec 3<"$PLACE/session" || exit 1
rm -f "$PLACE/session" "$PLACE/hidden"

# hides LINE: true where it holds a word of what is hidden. Where there are too many words to look for (an asterisk in place
# of them), each line is hidden that is not Capra's or Ansible's own.
hides() {
    if [ "$HIDDEN" = '*' ]; then
        case $1 in
        "changed: no" | "capra shell") return 1 ;;
        BECOME-SUCCESS-*[!a-z0-9]*) return 0 ;;
        BECOME-SUCCESS-*) return 1 ;;
        esac
        return 0
    fi
    hides_rest=$HIDDEN
    while [ -n "$hides_rest" ]; do
        hides_word=${hides_rest%%"$NL"*}
        case $1 in *"$hides_word"*) return 0 ;; esac
        case $hides_rest in *"$NL"*) hides_rest=${hides_rest#*"$NL"} ;; *) hides_rest='' ;; esac
    done
    return 1
}

# shown WHICH: sets SHOWN, the end of standard input's lines, as they are (IFS): all of them, or those that warn.
shown() {
    SHOWN='' shown_count=0
    while IFS= read -r shown_line || [ -n "$shown_line" ]; do
        if [ "$1" = warnings ]; then
            case $shown_line in *": warning: "* | "changed: no") ;; *) continue ;; esac
        fi
        SHOWN=$SHOWN$shown_line$NL shown_count=$((shown_count + 1))
        if [ "$shown_count" -gt "$LINES_TOLD" ]; then SHOWN=${SHOWN#*"$NL"}; fi
    done
    shown_rest=$SHOWN SHOWN=''
    while [ -n "$shown_rest" ]; do
        shown_line=${shown_rest%%"$NL"*} shown_rest=${shown_rest#*"$NL"}
        if hides "$shown_line"; then shown_line='[hidden]'; fi
        SHOWN=$SHOWN$(printf "%.${LINE_LENGTH}s" "$shown_line")$NL
    done
    while [ "${#SHOWN}" -gt "$OUTPUT_LENGTH" ]; do SHOWN=${SHOWN#*"$NL"}; done
}

# output NUMBER TEXT: what a step has said, of which the end is told where it has failed, else its warnings. Sets OUTPUTS
# and BEFORE_IT. The first line of a long text may have lost its beginning, and with it a part of what is hidden.
output() {
    output_which=warnings output_text=$2
    if [ "$1" = "$FAILED" ]; then output_which=all; fi
    if [ "${#output_text}" -ge "$CUT_FROM" ]; then
        case $output_text in *"$NL"*) output_text=${output_text#*"$NL"} ;; *) output_text='[hidden]' ;; esac
    fi
    shown "$output_which" <<END
$output_text
END
    if [ -z "$SHOWN" ]; then return 0; fi
    OUTPUTS="$OUTPUTS${NL}output $1$NL$(printf '%s' "$SHOWN" | base64)$NL."
    if [ "${#OUTPUTS}" -gt $((OUTPUT_LENGTH * 3 / 2)) ] && [ "$output_which" = warnings ]; then OUTPUTS=$BEFORE_IT; fi
    BEFORE_IT=$OUTPUTS
}

# block: sets BLOCK, the lines of standard input up to a dot, as they are (IFS).
block() {
    BLOCK=''
    while IFS= read -r block_line && [ "$block_line" != . ]; do BLOCK=$BLOCK$block_line$NL; done
}

# of_step LINE…: a line of the journal. The start of a step is told with its end, and without the boot, which then tells
# nothing. Sets JOURNAL, FEW (without what has ended well), STARTED, STARTED_STEP, STARTED_AT and FAILED.
of_step() {
    case $1 in
    start) STARTED="$*" STARTED_STEP=$2 STARTED_AT=$4 ;;
    end)
        if [ "$STARTED_STEP" = "$2" ]; then of_step_line="start $2 - $STARTED_AT${NL}$*"; else of_step_line="$*"; fi
        JOURNAL=$JOURNAL$NL$of_step_line STARTED='' STARTED_STEP=''
        if [ "$3" != 0 ]; then
            FAILED=$2 FEW=$FEW$NL$of_step_line
        elif [ "$FAILED" = "$2" ]; then
            FAILED=''
        fi
        ;;
    esac
}

# tell: reads a report, line by line as it is (IFS), and tells it in few bytes. Sets HEAD, CHATTER (what comes before it),
# STATUS, JOURNAL, FEW, OUTPUTS, BEFORE_IT, STARTED, STARTED_STEP and FAILED.
tell() {
    HEAD='' CHATTER='' JOURNAL='' FEW='' OUTPUTS='' BEFORE_IT='' STARTED='' STARTED_STEP='' FAILED='' BEGUN=0 ENDED=0
    while IFS= read -r line; do
        case $line in
        "capra begin") BEGUN=1 ;;
        "capra end") ENDED=1 ;;
        "capra status "*) STATUS=${line#capra status } ;;
        "start "* | "end "*)
            set -f
            # shellcheck disable=SC2086 # words
            of_step $line
            set +f
            ;;
        "kept "*) JOURNAL=$JOURNAL$NL$line ;;
        "begin "* | "anew "* | "finished "* | "sentinel "* | "cut "* | "full "* | "changed "* | "again "*)
            JOURNAL=$JOURNAL$NL$line FEW=$FEW$NL$line
            ;;
        "state "* | "since "* | "host "* | "place "* | "busy "* | "claimed "* | "error "* | "already "* | "ended "* | \
            "forgotten "* | "removed "* | "boot "*) HEAD=$HEAD$NL$(printf '%.400s' "$line") ;;
        "output "*)
            block
            output "${line#output }" "$(printf '%s' "$BLOCK" | base64 -d)"
            ;;
        "said "*)
            said_rest=${line#said }
            output "${said_rest%% *}" "$(printf '%b' "${said_rest#* }")"
            ;;
        "before "*) block ;;
        *) if [ "$BEGUN" = 0 ] && [ "${#CHATTER}" -lt 2000 ]; then CHATTER=$CHATTER$line$NL; fi ;;
        esac
    done
    if [ -n "$STARTED" ]; then JOURNAL=$JOURNAL$NL$STARTED FEW=$FEW$NL$STARTED; fi
    # Where there is no room for all steps, those that have ended well are left out: the newest are told.
    if [ "${#JOURNAL}" -gt "$JOURNAL_LENGTH" ]; then JOURNAL=$FEW; fi
    while [ "${#JOURNAL}" -gt "$JOURNAL_LENGTH" ]; do JOURNAL=$NL${JOURNAL#"$NL"*"$NL"}; done
    if [ "$BEGUN" = 1 ]; then printf '\ncapra begin'; fi
    printf '%s%s%s' "$HEAD" "$JOURNAL" "$OUTPUTS"
    if [ "$ENDED" = 1 ]; then printf '\ncapra end'; fi
    printf '\ncapra over %s\n' "${STATUS:-255}"
    # A text that is cut is no UTF-8 any more, which a message has to be.
    shown all <<END
$CHATTER
END
    printf '%.500s' "$SHOWN" | base64
    shown all <"$PLACE/errors"
    printf '.\n%s' "$(printf '%.300s' "$SHOWN" | base64)"
}

{
    session <&3 2>"$PLACE/errors"
    printf '\ncapra status %s\n' "$?"
} | tell
