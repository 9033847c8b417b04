#!/bin/sh
# shellcheck disable=SC2034,SC2153,SC2154 # the parts of one program share their variables
# The script of the cleanup of kubeadm's nodes, behind host.sh, trust.sh and places.sh of the role k0s_cleanup and begin.sh: what only
# kubeadm can do. A control plane leaves etcd while it still runs, then kubeadm resets the node. The steps behind this one
# (plugins/plugin_utils/clear.sh) remove what is left. It can be killed anywhere and run again. Status: 0 done, 1 not
# (the line `leave: failed: …`), 2 wrong arguments.

MANIFEST=/etc/kubernetes/manifests/etcd.yaml
# Where kubeadm keeps etcd's keys, on the host and in its container.
ETCD_KEYS=/etc/kubernetes/pki/etcd
# The member with the manifest that is noted here has left, and etcd does not answer for it any more: nobody is asked again.
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

# find_kubeadm: sets BINARY, or nothing where there is none that root may run.
find_kubeadm() {
    BINARY=$(command -v kubeadm)
    case $BINARY in /*) if runnable "$BINARY"; then return 0; fi ;; esac
    BINARY=
}

# find_etcdctl: sets ETCDCTL, the words that begin a call of it: the host's own, or the one in etcd's container. Fails where
# there is none. kubeadm's own phase is not used: it wipes the data of a member that was refused to leave, and ends with 0
# whatever has become of it (kubeadm, cmd/phases/reset/removeetcdmember.go).
find_etcdctl() {
    find_path=$(command -v etcdctl)
    case $find_path in /*) if runnable "$find_path"; then ETCDCTL=$find_path && return 0; fi ;; esac
    find_path=$(command -v crictl)
    case $find_path in /*) runnable "$find_path" || return 1 ;; *) return 1 ;; esac
    limited 30 "$find_path" ps --state Running --name '^etcd$' --quiet || return 1
    read -r find_container <"$WORK/output" || return 1
    ETCDCTL="$find_path exec $find_container etcdctl"
}

# ask_etcd WORD…: its output goes to $WORK/output.
ask_etcd() {
    # shellcheck disable=SC2086 # its words; paths of root's own have no blanks
    limited 90 $ETCDCTL --endpoints=https://127.0.0.1:2379 --cacert="$ETCD_KEYS/ca.crt" --cert="$ETCD_KEYS/server.crt" \
        --key="$ETCD_KEYS/server.key" --command-timeout=60s "$@"
}

# own_member: sets MEMBER, the id of this host's member, which has the name that its manifest gives it, and MEMBERS, how many
# there are. Fails when etcd does not tell. A line of the list: ID, STATE, NAME, PEERS, CLIENTS, LEARNER.
own_member() {
    MEMBER='' MEMBERS=0
    own_name=$(sed -n 's/^ *- --name=//p' "$MANIFEST")
    ask_etcd member list || return 1
    while IFS=, read -r own_id own_state own_found own_rest; do
        : "$own_state$own_rest" # only here so that the name is one word
        case $own_id in '' | *[!0-9a-f]*) continue ;; esac
        MEMBERS=$((MEMBERS + 1))
        if [ "${own_found# }" = "$own_name" ]; then MEMBER=$own_id; fi
    done <"$WORK/output"
    [ "$MEMBERS" -gt 0 ]
}

# ask_to_leave: sets LEAVING: left (also by an attempt before), sole, silent or refused; and WHY.
ask_to_leave() {
    if ! find_etcdctl; then
        LEAVING=silent WHY="there is no etcdctl here, and no container of etcd's runs that has one"
        return
    fi
    ask_what="member list"
    if own_member; then
        if [ -z "$MEMBER" ]; then LEAVING=left && return; fi
        if [ "$MEMBERS" = 1 ]; then LEAVING=sole && return; fi
        ask_what="member remove"
        if ask_etcd member remove "$MEMBER"; then LEAVING=left && return; fi
    fi
    last_lines
    WHY="etcdctl $ask_what has failed: $LAST"
    LEAVING=refused
    case $(cat "$WORK/output") in
    *'no leader'* | *'deadline exceeded'* | *'timed out'* | *'connection refused'* | *'no route to host'* | \
        *'connection reset'* | *'server stopped'*) LEAVING=silent ;;
    esac
}

# leave: before anything is stopped. What is refused may be granted when the cluster has settled; silence is waited for
# three times as long (docs/decisions/0015).
leave() {
    if [ ! -e "$MANIFEST" ]; then say "leave: nothing to do" && return; fi
    leave_this=$(ls -di "$MANIFEST")
    if [ "$(cat "$LEFT_MARK" 2>/dev/null)" = "$leave_this" ]; then say "leave: nothing to do" && return; fi
    if [ "$CHECK" = yes ]; then say "leave: would leave etcd" && return; fi
    seconds
    leave_refused=$((NOW + LEAVE_TIMEOUT)) leave_silent=$((NOW + LEAVE_TIMEOUT * 3))
    while :; do
        ask_to_leave
        seconds
        case $LEAVING in
        left | sole) break ;;
        refused) if [ "$NOW" -ge "$leave_refused" ]; then break; fi ;;
        silent) if [ "$NOW" -ge "$leave_silent" ]; then break; fi ;;
        esac
        sleep 2
    done
    case $LEAVING in
    left)
        echo "$leave_this" >"$LEFT_MARK" && to_disk "$LEFT_MARK"
        say "leave: left etcd"
        ;;
    sole) say "leave: nothing to do (the only member)" ;;
    silent) warn leave "$WHY; nobody answers who could agree; $ADVICE" ;;
    *)
        say "leave: failed: $WHY; the other members may need this one, so nothing was stopped or reset"
        exit 1
        ;;
    esac
}

# reset: kubeadm's own. How it ends is a warning at most: the rest is removed by hand, and verified. Where etcd was kubeadm's,
# the step that removes by hand is told so by a mark.
reset() {
    if [ ! -d /etc/kubernetes ] && [ ! -d /var/lib/kubelet ]; then say "reset: nothing to do" && return; fi
    if [ "$CHECK" = no ] && [ -n "${CAPRA_RUN_DIR:-}" ] && [ -e "$MANIFEST" ]; then true >"$CAPRA_RUN_DIR/etcd"; fi
    if [ -z "$BINARY" ]; then
        say "reset: there is no kubeadm that root may run; removing by hand"
    elif [ "$CHECK" = yes ]; then
        say "reset: would run $BINARY reset --force"
    elif tool reset "$RESET_TIMEOUT" "$BINARY" reset --force; then
        say "reset: $BINARY reset --force"
    fi
    if [ "$CHECK" = no ] && [ ! -e "$MANIFEST" ]; then rm -f "$LEFT_MARK"; fi
}

main() {
    begin "$@"
    find_kubeadm
    case $PHASE in leave | '') leave ;; esac
    case $PHASE in reset | '') reset ;; esac
    return 0
}

main "$@"
