#!/bin/sh
# system.sh [test | release]: the programs that Capra's own runs need on this machine; with `test`, those of the tests, too,
# with `release`, those that build a release.
set -eu
wanted="ssh:openssh-client ssh-keyscan:openssh-client git:git"
if [ "${1:-}" = test ]; then wanted="$wanted busybox:busybox bash:bash dash:dash unshare:util-linux ip:iproute2 chromium:chromium"; fi
if [ "${1:-}" = release ]; then wanted="$wanted buildah:buildah mmdebstrap:mmdebstrap"; fi
if [ "${1:-}" = test ] && [ "$(id -u)" = 0 ] && ! getent passwd sshd >/dev/null; then
    # Of openssh-server only the user is needed: test hosts bring their sshd along, and none is to run here.
    useradd --system --no-create-home --home-dir /run/sshd --shell /usr/sbin/nologin sshd
fi
missing=
for pair in $wanted; do
    if ! command -v "${pair%%:*}" >/dev/null 2>&1; then missing="$missing ${pair#*:}"; fi
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -q
    # Ubuntu has no such package: the tests of the page in a browser are skipped there, loudly.
    if ! apt-cache policy chromium | grep -q 'Candidate: [0-9]'; then
        missing=$(printf '%s' "$missing" | sed 's/ chromium//')
    fi
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
else
    echo "capra: these packages are missing:$missing; ask root for 'apt-get install$missing'" >&2
    [ "${1:-}" = test ] || exit 2
fi
