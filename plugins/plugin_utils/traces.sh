# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the detached half (program.sh): what a Kubernetes distribution leaves on a host, whichever it is. A bootstrap
# notes what is there before its first step, and the last step of a cleanup looks for what is there and was not
# (docs/reference/cleanup.md). Needs BASE, RUN and MY_UID.

# What says so by its name alone: kubeadm's, k0s's, K3s's and RKE2's.
TRACE_UNITS="kubelet k0scontroller k0sworker k3s k3s-agent rke2-server rke2-agent"
TRACE_DIRECTORIES="/etc/kubernetes /etc/k0s /etc/rancher /var/lib/kubelet /var/lib/k0s /var/lib/rancher"
# Others have such directories as well (podman, an etcd of the host's own).
SHARED_DIRECTORIES="/etc/cni/net.d /var/lib/cni /var/lib/etcd"
# 6443 and 9345 of API servers, 10250 of the kubelet; 2379 and 2380 of etcd.
TRACE_PORTS="192B:6443 2481:9345 280A:10250"
SHARED_PORTS="094B:2379 094C:2380"

# Seconds for what has been told to end.
TRACE_PATIENCE=5

# list_traces: sets TRACES, one a line: a kind and a name; SHARED, those that others may have made as well; TRACE_PIDS, the
# id of each process and its line; and UNKNOWN, why nobody can know them all, or nothing.
list_traces() {
    TRACES='' SHARED='' TRACE_PIDS='' UNKNOWN=''
    if ! command -v grep >/dev/null 2>&1; then UNKNOWN="the host has no grep, without which nobody can look at it"; fi
    find_processes
    find_services
    find_mounts
    find_ports
    find_directories
    find_network
}

# add_trace LINE: adds to TRACES.
add_trace() {
    case $NEWLINE$TRACES in *"$NEWLINE$1$NEWLINE"*) ;; *) TRACES="$TRACES$1$NEWLINE" ;; esac
}

# add_shared LINE: adds to SHARED.
add_shared() {
    case $NEWLINE$SHARED in *"$NEWLINE$1$NEWLINE"*) ;; *) SHARED="$SHARED$1$NEWLINE" ;; esac
}

# add_process PID FUNCTION LINE: adds the line by that function, and to TRACE_PIDS.
add_process() {
    "$2" "$3"
    TRACE_PIDS="$TRACE_PIDS$1 $3$NEWLINE"
}

# is_hosts PID: true for a process of root's or of this user's, in no container: anybody can give a process any name.
is_hosts() {
    process_start "$1" || return 1
    # shellcheck disable=SC2046 # mode, links, owner
    set -- "$1" $(ls -ldn "/proc/$1" 2>/dev/null)
    case ${4:-} in 0 | "$MY_UID") ;; *) return 1 ;; esac
    hosts_space=$(readlink "/proc/$1/ns/pid" 2>/dev/null)
    # Who is not root cannot see it.
    [ -z "$hosts_space" ] || [ "$hosts_space" = "$(readlink /proc/self/ns/pid)" ]
}

# find_processes: a part of list_traces. What a distribution has unpacked runs from its own directory, and what runs in a
# container stands below a shim of containerd's.
find_processes() {
    find_links=$(ls -l /proc/[0-9]*/exe 2>/dev/null)
    case $find_links in *" -> /var/lib/k0s/"* | *" -> /var/lib/rancher/"*) find_unpacked ;; esac
    for find_entry in /proc/[0-9]*; do
        find_pid=${find_entry#/proc/}
        read -r find_name 2>/dev/null <"$find_entry/comm" || continue
        case $find_name in
        kubelet | k0s | k3s | k3s-server | k3s-agent | rke2 | kube-apiserver | kube-controller | kube-scheduler | kube-proxy) ;;
        etcd | containerd-shim*) ;;
        *) continue ;;
        esac
        case $NEWLINE$TRACE_PIDS in *"$NEWLINE$find_pid "*) continue ;; esac
        if ! is_hosts "$find_pid"; then continue; fi
        case $find_name in
        etcd) add_process "$find_pid" add_shared "process etcd" ;;
        containerd-shim*) add_shim "$find_pid" ;;
        *) add_process "$find_pid" add_trace "process $find_name" ;;
        esac
    done
}

# find_unpacked: a part of find_processes.
find_unpacked() {
    while read -r unpacked_line; do
        case $unpacked_line in *" -> /var/lib/k0s/"* | *" -> /var/lib/rancher/"*) ;; *) continue ;; esac
        unpacked_pid=${unpacked_line#*" /proc/"}
        unpacked_pid=${unpacked_pid%%/*}
        if is_hosts "$unpacked_pid"; then add_process "$unpacked_pid" add_trace "process ${unpacked_line#*" -> "}"; fi
    done <<END
$find_links
END
}

# add_shim PID: containerd keeps Kubernetes' containers in a namespace of their own. Others use containerd as well.
add_shim() {
    case $(tr '\000' ' ' 2>/dev/null <"/proc/$1/cmdline") in
    *" -namespace k8s.io "*) add_process "$1" add_trace "process containerd-shim" ;;
    *) add_process "$1" add_shared "process containerd-shim (no Kubernetes container's)" ;;
    esac
}

# find_services: a part of list_traces.
find_services() {
    for find_unit in $TRACE_UNITS; do
        for find_place in $HOST_UNITS; do
            for find_file in "$find_place/$find_unit.service" "$find_place/$find_unit.service.env"; do
                if [ -f "$find_file" ] && [ ! -h "$find_file" ]; then add_trace "file $find_file"; fi
            done
            for find_file in "$find_place"/*.wants/"$find_unit.service"; do
                if [ -h "$find_file" ]; then add_trace "file $find_file"; fi
            done
        done
        if [ -f "/etc/init.d/$find_unit" ]; then add_trace "file /etc/init.d/$find_unit"; fi
        for find_file in /etc/runlevels/*/"$find_unit"; do
            if [ -h "$find_file" ]; then add_trace "file $find_file"; fi
        done
    done
    if systemd_runs; then ask_systemd; fi
}

# ask_systemd: a part of find_services: one that is just being started again has no process. Sets UNKNOWN.
ask_systemd() {
    # shellcheck disable=SC2086 # one word a unit
    within 30 systemctl is-active $TRACE_UNITS
    ask_states=$(cat "$RUN/tool.output")
    # shellcheck disable=SC2086 # one word a line
    set -- $ask_states
    for ask_unit in $TRACE_UNITS; do
        case ${1:-} in
        active | activating | deactivating | reloading) add_trace "service $ask_unit ($1)" ;;
        inactive | failed | unknown) ;;
        *)
            UNKNOWN="systemd does not answer, so that nobody knows which services it will start"
            return 0
            ;;
        esac
        shift
    done
}

# find_mounts: a part of list_traces.
find_mounts() {
    find_lines=$(grep -E ' (/var/lib/(kubelet|k0s|rancher)|/run/(k0s|k3s))[/ ]' /proc/self/mounts 2>/dev/null)
    if [ -z "$find_lines" ]; then return 0; fi
    while read -r find_rest find_point find_rest; do
        : "$find_rest" # only here so that the mount point is one word
        case $find_point in
        # It may be a file system of the host's own.
        /var/lib/kubelet | /var/lib/k0s | /var/lib/rancher) ;;
        *) add_trace "mount $find_point" ;;
        esac
    done <<END
$find_lines
END
}

# find_ports: a part of list_traces: those that root or an account of the system listens on.
find_ports() {
    find_lines=$(grep -hE ':(192B|2481|280A|094B|094C) [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    if [ -z "$find_lines" ]; then return 0; fi
    while read -r find_rest find_port find_rest; do
        # shellcheck disable=SC2086 # its words
        set -- $find_rest
        case ${6:-} in ? | ?? | ???) ;; *) continue ;; esac
        for find_pair in $TRACE_PORTS; do
            if [ "${find_port##*:}" = "${find_pair%:*}" ]; then add_trace "port ${find_pair#*:}"; fi
        done
        for find_pair in $SHARED_PORTS; do
            if [ "${find_port##*:}" = "${find_pair%:*}" ]; then add_shared "port ${find_pair#*:}"; fi
        done
    done <<END
$find_lines
END
}

# find_directories: a part of list_traces. Empty ones are in nobody's way.
find_directories() {
    for find_place in $TRACE_DIRECTORIES; do
        if holds_files "$find_place"; then add_trace "directory $find_place"; fi
    done
    for find_place in $SHARED_DIRECTORIES; do
        if holds_files "$find_place"; then add_shared "directory $find_place"; fi
    done
}

# holds_files DIRECTORY: what is mounted below it counts by itself.
holds_files() {
    if [ ! -d "$1" ]; then return 1; fi
    if command -v find >/dev/null 2>&1; then
        [ -n "$(find "$1/" -xdev ! -type d 2>/dev/null | head -n 1)" ]
    else
        [ -n "$(ls -A "$1")" ]
    fi
}

# find_network: a part of list_traces: interfaces, and the chains of kube-proxy and of network plugins, which only root sees.
find_network() {
    while read -r find_name find_rest; do
        : "$find_rest" # only here so that the name is one word
        find_name=${find_name%%:*}
        case $find_name in
        cni0 | flannel[.-]* | cilium_* | cali[0-9a-f]* | vxlan.calico | kube-ipvs0 | kube-bridge | kube-dummy-if | nodelocaldns)
            add_trace "interface $find_name"
            ;;
        esac
    done </proc/net/dev
    if [ "$MY_UID" != 0 ]; then return 0; fi
    for find_tool in iptables-save ip6tables-save; do
        if command -v "$find_tool" >/dev/null 2>&1; then find_chains ':' "$find_tool"; fi
    done
    # The older kind of tables is made when somebody only looks for it.
    if read -r find_rest 2>/dev/null </proc/net/ip_tables_names && command -v iptables-legacy-save >/dev/null 2>&1; then
        find_chains ':' iptables-legacy-save
    fi
    if command -v nft >/dev/null 2>&1; then find_chains 'table [a-z0-9]+ ' nft list tables; fi
}

# find_chains BEFORE COMMAND…: a part of find_network, for what a command lists. BEFORE stands before each name: a pattern.
find_chains() {
    find_before=$1
    shift
    find_lines=$("$@" 2>/dev/null | grep -oE "^$find_before(KUBE-|kube-proxy|cali-|CILIUM_|FLANNEL-|CNI-)" | sort -u)
    for find_word in $find_lines; do
        case ${find_word#:} in
        CNI-) add_shared "chains CNI-*" ;;
        KUBE- | kube-proxy | cali- | CILIUM_ | FLANNEL-) add_trace "chains ${find_word#:}*" ;;
        esac
    done
}

# note_traces: notes what is there before a bootstrap's first step. It need not be on the disk: without it, only what says
# by its name whose it is counts.
note_traces() {
    if [ -e "$BASE/before" ] || [ -e "$RUN/journal" ] || newest_run; then return 0; fi
    list_traces
    # Not of this shell: one whose built-in finds no room may try again to write the rest, to somewhere else.
    (printf '%s%s.\n' "$TRACES" "$SHARED" >"$RUN/before.part") 2>/dev/null && mv -f "$RUN/before.part" "$BASE/before"
}

# read_before: sets BEFORE, what note_traces has noted, and KNOWN_BEFORE, yes where it has.
read_before() {
    BEFORE=$NEWLINE KNOWN_BEFORE=no
    [ -f "$BASE/before" ] || return 0
    while read -r before_line; do
        if [ "$before_line" = . ]; then KNOWN_BEFORE=yes; fi
        BEFORE=$BEFORE$before_line$NEWLINE
    done <"$BASE/before"
    # Half of it says nothing.
    if [ "$KNOWN_BEFORE" = no ]; then BEFORE=$NEWLINE; fi
}

# sort_traces: after list_traces and read_before: sets RUNS and LIES, what is left of a bootstrap and runs, or only lies
# there, and OLDER, what was there before; with a comma and a blank before each.
sort_traces() {
    RUNS='' LIES='' OLDER=''
    sort_all=$TRACES
    if [ "$KNOWN_BEFORE" = yes ]; then sort_all=$TRACES$SHARED; fi
    while read -r sort_line; do
        case $NEWLINE$BEFORE in
        *"$NEWLINE$sort_line$NEWLINE"*) if [ -n "$sort_line" ]; then OLDER="$OLDER, $sort_line"; fi && continue ;;
        esac
        case $sort_line in
        '') ;;
        process* | service* | mount* | port*) RUNS="$RUNS, $sort_line" ;;
        *) LIES="$LIES, $sort_line" ;;
        esac
    done <<END
$sort_all
END
}

# verify BINDING: the last step of a cleanup: nothing of a Kubernetes distribution is left. BINDING: all, or running: what
# only lies there is told, and is no failure. Gives the host back when it succeeds. Sets RUNS and LIES.
verify() {
    read_before
    uptime_now
    verify_until=$((${NOW%%.*} + TRACE_PATIENCE))
    while :; do
        list_traces
        sort_traces
        uptime_now
        if [ -z "$RUNS" ] || [ "${NOW%%.*}" -ge "$verify_until" ]; then break; fi
        sleep 1
    done
    if [ -n "$OLDER" ]; then say "verify: there before the bootstrap: ${OLDER#, }"; fi
    if [ -n "$UNKNOWN" ]; then say "verify: failed: $UNKNOWN" && return 1; fi
    if [ "$1" = all ]; then RUNS=$RUNS$LIES LIES=''; fi
    if [ -n "$RUNS" ]; then say "verify: failed: still on the host: ${RUNS#, }" && return 1; fi
    if [ -n "$LIES" ]; then
        say "verify: warning: still on the host: ${LIES#, }"
    else
        say "verify: nothing of a Kubernetes distribution"
    fi
    give_up_host
}
