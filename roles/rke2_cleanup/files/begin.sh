#!/bin/sh
# shellcheck disable=SC2034,SC2153,SC2154 # the parts of one program share their variables
# What the scripts of the cleanups of kubeadm's, RKE2's and K3s's nodes begin with, behind host.sh, trust.sh and places.sh of
# the role k0s_cleanup.

# remember: nothing has to be known by a later attempt but what lies on the host.
remember() { :; }

# begin ARGUMENT…: after `arguments`, which each script has for itself: only what root alone can have put there is run. Sets
# PATH, LC_ALL, CHANGED, CHILD, WORK and ME.
begin() {
    set -u
    PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    LC_ALL=C
    export PATH LC_ALL
    CHANGED=no CHILD='' WORK=${CAPRA_RUN_DIR:-}
    cd / || exit 2
    if users_of self; then ME=$EFFECTIVE; else ME=$(id -u); fi
    arguments "$@"
    believed_path
    if [ "$CHECK" = no ] && [ -z "$WORK" ]; then WORK=$(mktemp -d) || exit 1; fi
    trap 'end_child; if [ -z "${CAPRA_RUN_DIR:-}" ]; then rm -rf "${WORK:-}"; fi' EXIT
    trap 'exit 143' TERM INT HUP
}
