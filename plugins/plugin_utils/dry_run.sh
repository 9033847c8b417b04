# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the session's half (launch.sh): what a dry run says of each step. Reads only.

# say TEXT: a real run's output; kept in SAID.
# shellcheck disable=SC2329 # the other half has its own
say() { SAID="$*"; }

# refuse NUMBER: a real run would fail here, with what SAID holds.
refuse() {
    printf 'would %s refuse\noutput %s\n' "$1" "$1"
    printf '%s\n' "$SAID" | base64
    printf '.\n'
}

# check_file NUMBER KIND ENCODED_PATH DIGEST: what a write would do; changes nothing. The way to the file is the real
# run's, so that nobody is shown what a link of somebody else leads to. Sets SAID, PLACE and what walk sets.
check_file() {
    decode "$3"
    if ! walk "$TEXT"; then
        refuse "$1"
        return
    fi
    PLACE=${HERE%/}/$MISSING$NAME
    if [ -n "$MISSING" ] || [ ! -e "./$NAME" ]; then echo "would $1 create" && return; fi
    if [ -d "./$NAME" ]; then echo "would $1 directory" && return; fi
    if [ ! -f "./$NAME" ]; then
        say "$PLACE: is not a regular file"
        refuse "$1"
        return
    fi
    check_opened "$1" "$2" "$4"
}

# check_opened NUMBER KIND DIGEST: a part of check_file: opens the file. Where others may change names, it may become a pipe
# at any moment, and to open one waits for whoever writes to it. A run holds the file by a name of its own (look_whose), but
# nothing is written here. So another process opens it, and is ended when that takes too long. Sets SAID and NAP.
check_opened() {
    # One that cannot be read can still be written over.
    if [ "$TRUST" = firm ]; then
        check_content "$@" 2>/dev/null 3<"./$NAME" || echo "would $1 change"
        return
    fi
    (check_content "$@" 3<"./$NAME" || echo "would $1 change") 2>/dev/null 3<&- &
    check_pid=$! check_naps=0 NAP=02
    while process_start "$check_pid" && [ ! -h "/proc/$check_pid/fd/3" ] && [ "$check_naps" -lt 16 ]; do
        nap
        check_naps=$((check_naps + 1))
    done
    if [ "$check_naps" -lt 16 ] || ! kill -KILL "$check_pid" 2>/dev/null; then
        wait "$check_pid"
        return 0
    fi
    wait "$check_pid" 2>/dev/null
    say "$PLACE: has become another file just now"
    refuse "$1"
}

# check_content NUMBER KIND DIGEST: a part of check_file; descriptor 3 is the file. Sets SAID.
check_content() {
    if [ "$TRUST" != firm ] &&
        { [ "$(readlink /proc/self/fd/3 && echo x)" != "$PLACE${NEWLINE}x" ] || [ ! -f /proc/self/fd/3 ]; }; then
        say "$PLACE: has become another file just now"
        refuse "$1"
        return 0
    fi
    # Only the content is compared: coreutils' and busybox's stat have no output format in common with all systems.
    if [ "$2" = write ] && [ "$(sha256sum <&3)" = "$3  -" ]; then echo "would $1 same" && return 0; fi
    if [ "$TRUST" = firm ] || ! linked_elsewhere; then
        echo "would $1 change"
        if [ "$DIFF" != 0 ]; then part "before $1" /proc/self/fd/3 "$DIFF"; fi
    elif [ "$2" = append ]; then
        say "$PLACE: has another name (a hard link), and others may write its directory: it is not copied"
        refuse "$1"
    else
        # What it holds may be somebody else's.
        echo "would $1 change"
    fi
}

# linked_elsewhere: true when the file that is descriptor 3 has more than one name.
linked_elsewhere() {
    # shellcheck disable=SC2046 # mode, links
    set -- $(ls -ldnL /proc/self/fd/3)
    [ "$2" -gt 1 ]
}

# check_forget NUMBER ENCODED_SENTINEL: what a cleanup would remove of Capra's own. Needs BASE.
check_forget() {
    decode "$2"
    check_left=
    if [ "$TEXT" != - ] && { [ -e "$TEXT" ] || [ -h "$TEXT" ]; }; then check_left=", $TEXT"; fi
    for check_run in "$BASE"/*/; do
        if [ -d "$check_run" ]; then check_left="$check_left, the files that $BASE says were written, $BASE" && break; fi
    done
    if [ -z "$check_left" ] && [ -e "$BASE/claim" ]; then check_left=", $BASE"; fi
    if [ -z "$check_left" ]; then echo "would $1 same" && return 0; fi
    echo "would $1 run"
    printf 'output %s\n' "$1"
    printf 'forget: would remove %s\n' "${check_left#, }" | base64
    printf '.\n'
}

# check_host NUMBER KIND SCOPE: what is on the host now of a Kubernetes distribution, and would be removed (clear) or
# reported (verify). Only a dry run has the functions that look (programs.py). What a tool says goes into a private
# directory, which is gone afterwards. Sets MY_UID.
check_host() {
    my_uid
    check_known=no
    if knows_bootstrap; then check_known=yes; fi
    printf 'output %s\n' "$1"
    (look_now "$2" "$3") | base64
    printf '.\n'
}

# look_now KIND SCOPE: a part of check_host, in a process of its own. Sets RUN.
look_now() {
    if ! RUN=$(umask 077 && look_place); then echo "$1: nobody can look: there is no temporary directory" && exit; fi
    trap 'rm -rf "$RUN"' EXIT
    trap 'exit 143' TERM INT HUP
    # As kubeadm's reset finds out whose etcd it is.
    if [ -e /etc/kubernetes/manifests/etcd.yaml ]; then true >"$RUN/etcd"; fi
    look_for_new
    "look_$1" "$2"
}

# look_place: a part of look_now. Makes a private directory and prints its path. In memory where that is possible: a dry run
# leaves each disk as it is, and a full one does not end it.
look_place() {
    mktemp -d /dev/shm/capra.XXXXXX 2>/dev/null || mktemp -d /run/capra.XXXXXX 2>/dev/null || mktemp -d
}

# look_clear SCOPE: a part of check_host. Needs NEW, TRACES and KNOWN_BEFORE.
look_clear() {
    if [ "$1" = network ]; then
        # A run goes by what the script before it has found.
        case $TRACES in *k0s*) ;; *) echo "clear: nothing to do" && return 0 ;; esac
        if [ "$KNOWN_BEFORE" = no ]; then only_k0s_network; fi
        NEW=$(printf '%s' "$NEW" | grep -E '^(interface|chains|tables) |^directory (/etc/cni/net.d|/var/lib/cni)$')
    elif [ "$KNOWN_BEFORE$check_known" = nono ]; then
        echo "clear: nothing to do (nothing is known of a bootstrap on this host)"
        return 0
    fi
    look_list=
    while read -r look_line; do
        if [ -n "$look_line" ]; then look_list="$look_list, $look_line"; fi
    done <<END
$NEW
END
    if [ -n "$look_list" ]; then echo "clear: would remove ${look_list#, }"; else echo "clear: nothing to do"; fi
}

# look_verify: a part of check_host. Needs TRACES, SHARED, BEFORE and UNKNOWN.
look_verify() {
    sort_traces
    look_list=$RUNS$LIES
    if [ -n "$UNKNOWN" ]; then look_list="$look_list, $UNKNOWN"; fi
    if [ -z "$look_list" ]; then look_list=", nothing of a Kubernetes distribution"; fi
    echo "verify: would look at the host; on it now: ${look_list#, }"
}

# check_script NUMBER FIRST LENGTH ENCODED_ARGUMENTS: lets a script that knows --check say what it would do.
check_script() {
    script_text=$(printf '%s\n' "$BODY" | tail -n "+$2" | head -n "$3" | base64 -d)
    script_arguments=$4
    printf 'output %s\n' "$1"
    set --
    set -f # some shells take an escape for a pattern
    for script_argument in $script_arguments; do
        decode "$script_argument"
        set -- "$@" "$TEXT"
    done
    set +f
    (cd / && sh -c "$script_text" check "$@" --check </dev/null 2>&1) | tail -c "${SHARE:-$TAIL}" | base64
    printf '.\n'
}

# check: says for every step what a run would do now. Reads only. Sets ENDED, BODY, the long contents, and what check_file sets.
check() {
    newest_lock "$BASE"
    if holder_alive && [ "$HOLDER_ID" != "$ID" ]; then printf 'busy %s\n' "$HOLDER_ID"; fi
    if [ "$CLAIM" = 1 ] && claimed_by_another; then tell_claim; fi
    find_source
    read_source
    if ! ends_count; then ENDED=" "; fi
    BODY=$(cat)
    each_step check_one
}

# check_one: a part of check, for the step that each_step is at. Sets what check_file sets.
check_one() {
    judge_step "$STEP_NUMBER" "$STEP_KEY"
    if [ "$JUDGED" = kept ] && ! lost_by_boot "$STEP_NUMBER" "$STEP_KIND" "$STEP_DIGEST" "$STEP_REST"; then
        echo "would $STEP_NUMBER done"
        return 0
    fi
    case $STEP_KIND in
    write | append) check_file "$STEP_NUMBER" "$STEP_KIND" "$STEP_REST" "$STEP_DIGEST" ;;
    forget) check_forget "$STEP_NUMBER" "$STEP_REST" ;;
    clear | verify) echo "would $STEP_NUMBER run" && check_host "$STEP_NUMBER" "$STEP_KIND" "$STEP_MODE" ;;
    *) if [ "$JUDGED" = open ]; then echo "would $STEP_NUMBER run"; else echo "would $STEP_NUMBER again"; fi ;;
    esac
    case $STEP_MODE in check | always) ;; *) return 0 ;; esac
    check_script "$STEP_NUMBER" "$STEP_FIRST" "$STEP_LENGTH" "$STEP_REST"
}
