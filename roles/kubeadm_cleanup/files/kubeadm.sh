#!/bin/sh
# shellcheck disable=SC2034,SC2153,SC2154 # the parts of one program share their variables
# The script of the cleanup of kubeadm's nodes, behind host.sh, trust.sh and places.sh of the role k0s_cleanup: what only
# kubeadm can do. A control plane leaves etcd while it still runs, then kubeadm resets the node. The steps behind this one
# (plugins/plugin_utils/clear.sh) remove what is left. It can be killed anywhere and run again. Status: 0 done, 1 not
# (the line `leave: failed: …`), 2 wrong arguments.

MANIFEST=/etc/kubernetes/manifests/etcd.yaml
# The member of this host has left, and etcd does not know it any more: nobody is asked again.
LEFT_MARK=/etc/kubernetes/.capra.left
ADVICE="look with 'etcdctl member list' on another control plane, and remove it with 'etcdctl member remove'"

arguments() {
    PHASE='' CHECK=no LEAVE_TIMEOUT=60 RESET_TIMEOUT=300 ASKED_BINARY=''
    for arguments_argument in "$@"; do
        arguments_value=${arguments_argument#*=}
        case $arguments_argument in
        --leave-timeout=*[!0-9]* | --reset-timeout=*[!0-9]*) exit 2 ;;
        --leave-timeout=?*) LEAVE_TIMEOUT=$arguments_value ;;
        --reset-timeout=?*) RESET_TIMEOUT=$arguments_value ;;
        --phase=leave | --phase=reset) PHASE=$arguments_value ;;
        --check) CHECK=yes ;;
        *) exit 2 ;;
        esac
    done
}

# remember: nothing has to be known by a later attempt but what lies on the host.
remember() { :; }

# find_kubeadm: sets BINARY, or nothing where there is none that root may run.
find_kubeadm() {
    BINARY=$(command -v kubeadm)
    case $BINARY in /*) if runnable "$BINARY"; then return 0; fi ;; esac
    BINARY=
}

# ask_to_leave: sets LEAVING (left, silent or refused) and WHY. kubeadm ends with 0 whatever has become of the member, and
# says so in a warning.
ask_to_leave() {
    limited "$LEAVE_TIMEOUT" "$BINARY" reset phase remove-etcd-member
    ask_status=$?
    last_lines
    tell_status "$ask_status"
    WHY="kubeadm reset phase remove-etcd-member has failed, $TOLD: $LAST"
    case $(cat "$WORK/output") in
    *'Failed to remove etcd member'* | *'nable to fetch the kubeadm-config'*) ask_status=1 ;;
    esac
    if [ "$ask_status" = 0 ]; then LEAVING=left && return; fi
    LEAVING=refused
    case $(cat "$WORK/output") in
    *'member not found'*) LEAVING=left ;;
    *'no leader'* | *'deadline exceeded'* | *'timed out'* | *'timeout'* | *'connection refused'* | *'no route to host'* | \
        *'no such host'* | *'connection reset'* | *'EOF'*) LEAVING=silent ;;
    esac
    if [ "$ask_status" = 124 ]; then LEAVING=silent; fi
}

# leave: before anything is stopped. What is refused may be granted when the cluster has settled; silence is waited for
# three times as long (docs/decisions/0015).
leave() {
    if [ ! -e "$MANIFEST" ] || [ -e "$LEFT_MARK" ]; then say "leave: nothing to do" && return; fi
    if [ "$CHECK" = yes ]; then say "leave: would leave etcd" && return; fi
    if [ -z "$BINARY" ]; then
        warn leave "there is no kubeadm that root may run, so this host may remain a member of etcd; $ADVICE"
        return
    fi
    seconds
    leave_refused=$((NOW + LEAVE_TIMEOUT)) leave_silent=$((NOW + LEAVE_TIMEOUT * 3))
    while :; do
        ask_to_leave
        seconds
        case $LEAVING in
        left) break ;;
        refused) if [ "$NOW" -ge "$leave_refused" ]; then break; fi ;;
        silent) if [ "$NOW" -ge "$leave_silent" ]; then break; fi ;;
        esac
        sleep 2
    done
    case $LEAVING in
    left)
        true >"$LEFT_MARK" && to_disk "$LEFT_MARK"
        say "leave: left etcd, or is its only member"
        ;;
    silent) warn leave "$WHY; nobody answers who could agree; $ADVICE" ;;
    *)
        say "leave: failed: $WHY; the other members may need this one, so nothing was stopped or reset"
        exit 1
        ;;
    esac
}

# reset: kubeadm's own. How it ends is a warning at most: the rest is removed by hand, and verified.
reset() {
    if [ ! -d /etc/kubernetes ] && [ ! -d /var/lib/kubelet ]; then say "reset: nothing to do" && return; fi
    if [ -z "$BINARY" ]; then say "reset: there is no kubeadm that root may run; removing by hand" && return; fi
    if [ "$CHECK" = yes ]; then say "reset: would run $BINARY reset --force" && return; fi
    tool reset "$RESET_TIMEOUT" "$BINARY" reset --force && say "reset: $BINARY reset --force"
    return 0
}

main() {
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
    find_kubeadm
    case $PHASE in leave | '') leave ;; esac
    case $PHASE in reset | '') reset ;; esac
    return 0
}

main "$@"
