#!/bin/sh
# Starts k0s, and waits until it answers; a worker also until it has joined. Then the join token goes. Variables: binary,
# role, link, token; data, the data directory; seconds, how long it may take.
# shellcheck disable=SC2154 # set before this text (data.py)
# shellcheck source=provider/capra/clusters/scripts/common.sh
set -uf

# How often the service may end, and how often in a row it may not be started, before it is given up.
ENDS=5
REFUSALS=15

answers() {
    "$binary" status >/dev/null 2>&1 || return 1
    if [ "$role" = worker ]; then
        # The kubelet has it from the API server.
        [ -e "$data/kubelet.conf" ]
    else
        [ "$(KUBECONFIG=$data/pki/admin.conf "$binary" kubectl get --raw=/readyz 2>/dev/null)" = ok ]
    fi
}

# retire_token: what the service names stays there, since some releases read it at each start, but without a secret.
retire_token() {
    if [ -h "$link" ]; then
        rm -f "$link.new"
        { (umask 077 && echo '# removed by capra after the join' >"$link.new") && to_disk "$link.new" &&
            mv -f "$link.new" "$link"; } || fail "$link cannot be written"
        to_disk "${link%/*}"
    fi
    rm -rf "${token%/*}"
}

LOG=/var/log/k0s$role

# size_of FILE: in bytes; nothing where it is not there.
size_of() { [ ! -e "$1" ] || wc -c <"$1"; }

# tail_since FILE BYTES: its last lines behind so many bytes; all where a shorter one has taken its place.
tail_since() {
    tail_size=$(size_of "$1") tail_before=${2:-0}
    if [ "${tail_size:-0}" -lt "$tail_before" ]; then tail_before=0; fi
    tail -c "+$((tail_before + 1))" "$1" | tail -n 50
}

# new_log: what the service has said since this program began.
new_log() {
    if [ -d /run/systemd/system ]; then
        journalctl --no-pager --quiet --output=cat --lines=50 --since="@$began" "_SYSTEMD_UNIT=k0s$role.service"
    else
        tail_since "$LOG.log" "$log_before"
        tail_since "$LOG.err" "$err_before"
    fi
}

# last_words: what the log of the service says last of an error, else what it says last. Never a join token.
last_words() {
    words_log=$(new_log 2>/dev/null)
    words=$(printf '%s\n' "$words_log" | grep -iE 'error|fatal|fail' | tail -n 1)
    [ -n "$words" ] || words=$(printf '%s\n' "$words_log" | tail -n 1)
    words_token=$([ -z "$token" ] || cat "$token" 2>/dev/null)
    if [ -n "$words_token" ]; then
        case $words in *"$words_token"*) words='' ;; esac
    fi
    printf '%s' "$words" | cut -c 1-300
}

# ended: the service has ended, and systemd lets it rest before it starts it again.
ended() {
    [ -d /run/systemd/system ] || return 1
    case $(systemctl show --property=SubState "k0s$role.service" 2>/dev/null) in
    SubState=auto-restart*) return 0 ;;
    *) return 1 ;;
    esac
}

# start_it: one that runs already says so, and one that has just ended is started again. Sets said; counts in starts how
# often it was not there, and in refused how often in a row it could not be started.
start_it() {
    if said=$("$binary" start 2>&1); then
        said='' refused=0 starts=$((starts + 1))
        return
    fi
    said=$(printf '%s\n' "$said" | tail -n 1 | cut -c 1-200)
    case $said in
    *'lready running'* | *'lready started'*)
        said='' refused=0
        if ended; then
            systemctl start "k0s$role.service" >/dev/null 2>&1
            starts=$((starts + 1))
        fi
        ;;
    *) refused=$((refused + 1)) ;;
    esac
}

# give_up WHAT: with what is known of the cause.
give_up() {
    give_up_log=$(last_words)
    give_up_log=${give_up_log:+says: $give_up_log}
    fail "$1${said:+; k0s start: $said}; the log of the service k0s$role ${give_up_log:-tells more}"
}

began=$(date +%s) log_before=$(size_of "$LOG.log") err_before=$(size_of "$LOG.err")
left=$seconds said='' starts=0 refused=0
until answers; do
    if [ "$left" -le 0 ]; then give_up "it has failed to answer within $seconds s"; fi
    start_it
    if [ "$starts" -gt "$ENDS" ]; then give_up "it has failed: its service ended $ENDS times"; fi
    if [ "$refused" -ge "$REFUSALS" ]; then give_up "it has failed: its service cannot be started"; fi
    waited=$((seconds - left))
    if [ "$waited" -gt 0 ] && [ $((waited % 10)) -eq 0 ]; then
        echo "k0s: it does not answer yet, after $waited of $seconds s${said:+; k0s start: $said}"
    fi
    sleep 1
    left=$((left - 1))
done
if [ -n "$link" ]; then retire_token; fi
rm -f "$MARK"
