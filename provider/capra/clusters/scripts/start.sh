#!/bin/sh
# Starts k0s, and waits until it answers; a worker also until it has joined. Then the join token goes. Variables: binary,
# role, link, token; data, the data directory; seconds, how long it may take.
# shellcheck disable=SC2154 # set before this text (data.py)
# shellcheck source=provider/capra/clusters/scripts/common.sh
set -uf

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

left=$seconds said=
until answers; do
    if [ "$left" -le 0 ]; then
        fail "it does not answer within $seconds s${said:+; k0s start: $said}; the log of the service k0s$role tells why"
    fi
    # One that runs already says so, and one that has just ended is started again.
    said=$("$binary" start 2>&1 | tail -n 1 | cut -c 1-200)
    sleep 1
    left=$((left - 1))
done
if [ -n "$link" ]; then retire_token; fi
rm -f "$MARK"
