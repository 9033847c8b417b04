#!/bin/sh
# One question to a host of a k0s cluster, or one answer brought to it (action plugin k0s_cluster). Set before this text:
# question (token, kubeconfig, nodes, join), binary, data; for token also role and expiry, for join token and owner.
# Secrets are in the shell's own memory and in its output: in no argument, and in no file but the token's.
# shellcheck disable=SC2154 # set before this text
set -uf
umask 077

# The link stands where k0s is told to look, and leads to memory; once the node has joined, a file without a secret is
# in its place (provider/capra/clusters/scripts/start.sh).
LINK=/etc/k0s/capra-join-token
PLACE=/run/capra-join

# fail MESSAGE: the question is not answered.
fail() {
    printf 'failed %s\ncapra end\n' "$1"
    exit 1
}

k0s() { "$binary" "$@" --data-dir="$data"; }

# ask COMMAND…: prints what it prints, behind a line that says that it has ended well.
ask() {
    ask_answer=$("$@") || fail "it ended with status $?"
    printf 'answer\n%s\n' "$ask_answer"
}

nodes() {
    KUBECONFIG=$data/pki/admin.conf "$binary" kubectl get nodes -o \
        'jsonpath={range .items[*]}{.metadata.name}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}'
}

joined() { [ -f "$LINK" ] && [ ! -h "$LINK" ]; }

# claimed: another machine uses this host: its bootstrap will be refused, and says for whom.
claimed() {
    if [ "$owner" = "- -" ] || [ ! -f /var/lib/capra/claim ]; then return 1; fi
    read -r claimed_rest </var/lib/capra/claim
    case $claimed_rest in "claim 1 $owner "*) return 1 ;; esac
}

# join: the token, where the host has still to join. It lies in memory only, and is there whole or not at all.
join() {
    if joined; then
        echo 'done it has joined already'
    elif claimed; then
        echo 'done another machine uses the host'
    else
        { mkdir -p "$PLACE" && chmod 0700 "$PLACE" && printf '%s\n' "$token" >"$PLACE/token.new" &&
            mv -f "$PLACE/token.new" "$PLACE/token"; } || fail "$PLACE/token cannot be written"
        # A bootstrap that was under way may have ended meanwhile.
        if joined; then rm -rf "$PLACE"; fi
        echo 'done it is there'
    fi
}

printf '\ncapra begin\n'
if [ "$(command -v printf) $(sh -c 'command -v printf')" != "printf printf" ]; then
    fail "the host's sh has no printf of its own, without which a secret would stand in the list of processes"
fi
if [ "$question" != join ] && [ ! -x "$binary" ]; then fail "$binary is not there"; fi
case $question in
token) ask k0s token create --role="$role" --expiry="$expiry" ;;
kubeconfig) ask k0s kubeconfig admin ;;
nodes) ask nodes ;;
join) join ;;
esac
echo 'capra end'
