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
# id and start of each process and its line; and UNKNOWN, why nobody can know them all, or nothing.
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

# add_process PID FUNCTION LINE: adds the line by that function, and to TRACE_PIDS with the start of the process.
add_process() {
    "$2" "$3"
    process_start "$1" && TRACE_PIDS="$TRACE_PIDS$1 $START $3$NEWLINE"
}

# is_hosts PID: true for a process of root's or of this user's, in no container. Anybody can give a process any name, and have
# a setuid program run as root.
is_hosts() {
    if [ "$1" = 1 ] || ! process_start "$1"; then return 1; fi
    hosts_real='' hosts_effective=''
    while read -r hosts_field hosts_real hosts_effective hosts_rest; do
        if [ "$hosts_field" = Uid: ]; then break; fi
        hosts_real=
    done 2>/dev/null <"/proc/$1/status"
    : "$hosts_rest" # only here so that the user is one word
    if [ -z "$hosts_real" ] || [ "$hosts_real" != "$hosts_effective" ]; then return 1; fi
    case $hosts_real in 0 | "$MY_UID") ;; *) return 1 ;; esac
    hosts_space=$(readlink "/proc/$1/ns/pid" 2>/dev/null)
    # Who is not root cannot see it.
    [ -z "$hosts_space" ] || [ "$hosts_space" = "$(readlink /proc/self/ns/pid)" ]
}

# find_processes: a part of list_traces. What a distribution has unpacked runs from its own directory, and what runs in a
# container stands below a shim of containerd's.
find_processes() {
    find_links=$(ls -ln /proc/[0-9]*/exe 2>/dev/null)
    find_unpacked
    for find_entry in /proc/[0-9]*; do
        find_pid=${find_entry#/proc/}
        read -r find_name 2>/dev/null <"$find_entry/comm" || continue
        case $find_name in
        kubelet | k0s | k3s | k3s-server | k3s-agent | rke2 | kube-apiserver | kube-controller | kube-scheduler | kube-proxy) ;;
        etcd | containerd-shim* | conmon | crio) ;;
        *) continue ;;
        esac
        case $NEWLINE$TRACE_PIDS in *"$NEWLINE$find_pid "*) continue ;; esac
        if ! is_hosts "$find_pid"; then continue; fi
        case $find_name in
        etcd) add_process "$find_pid" add_shared "process etcd" ;;
        containerd-shim* | conmon) add_shim "$find_pid" "$find_name" ;;
        *) add_process "$find_pid" add_trace "process $find_name" ;;
        esac
    done
}

# find_unpacked: a part of find_processes. The list of links is a hint: a path may hold anything, a newline as well.
find_unpacked() {
    real_directory /var/lib/k0s
    unpacked_k0s=$REAL
    real_directory /var/lib/rancher
    case $find_links in *" -> /var/lib/k0s/"* | *" -> /var/lib/rancher/"* | *" -> $unpacked_k0s/"* | *" -> $REAL/"*) ;; *) return 0 ;; esac
    for unpacked_entry in /proc/[0-9]*; do
        unpacked_pid=${unpacked_entry#/proc/}
        if ! is_hosts "$unpacked_pid"; then continue; fi
        unpacked_path=$(readlink "$unpacked_entry/exe" 2>/dev/null)
        case $unpacked_path in
        *[[:cntrl:]]*) continue ;;
        /var/lib/k0s/* | /var/lib/rancher/* | "$unpacked_k0s"/* | "$REAL"/*) ;;
        *) continue ;;
        esac
        add_process "$unpacked_pid" add_trace "process ${unpacked_path%" (deleted)"}"
    done
}

# real_directory PATH: sets REAL, its name without links: as the kernel tells of mounts and programs.
real_directory() {
    REAL=$1
    if [ -h "$1" ]; then REAL=$(readlink -f "$1") || REAL=$1; fi
}

# add_shim PID NAME: containerd keeps Kubernetes' containers in a namespace of their own, and CRI-O names them so. Others use
# both as well.
add_shim() {
    case " $(tr '\000' ' ' 2>/dev/null <"/proc/$1/cmdline")" in
    *" -namespace k8s.io "* | *" k8s_"* | */crio*) add_process "$1" add_trace "process $2" ;;
    *) add_process "$1" add_shared "process $2 (no Kubernetes container's)" ;;
    esac
}

# find_services: a part of list_traces. A package's file is nobody's leftover.
find_services() {
    for find_unit in $TRACE_UNITS; do
        for find_place in $HOST_UNITS; do
            for find_file in "$find_place/$find_unit.service" "$find_place/$find_unit.service.env" "$find_place/$find_unit.env"; do
                if is_own_unit "$find_file"; then add_trace "file $find_file"; fi
            done
            for find_file in "$find_place"/*.wants/"$find_unit.service" "$find_place"/*.requires/"$find_unit.service"; do
                if [ -h "$find_file" ]; then add_trace "file $find_file"; fi
            done
        done
        find_file=/etc/init.d/$find_unit
        if [ -f "$find_file" ] && ! owned_by_package "$find_file"; then add_trace "file $find_file"; fi
        for find_file in /etc/runlevels/*/"$find_unit" /etc/rc?.d/S??"$find_unit"; do
            if [ -h "$find_file" ]; then add_trace "file $find_file"; fi
        done
    done
    if systemd_runs; then ask_systemd; fi
}

# is_own_unit FILE: no package's, and no link that leads to one or masks it.
is_own_unit() {
    if [ -h "$1" ]; then
        case $(readlink "$1") in /usr/lib/* | /lib/* | ../* | /dev/null) return 1 ;; *) return 0 ;; esac
    fi
    [ -f "$1" ] && ! owned_by_package "$1"
}

# ask_systemd: a part of find_services: one that is just being started again has no process, and K3s's may have any name
# behind `k3s-`. Sets UNKNOWN.
ask_systemd() {
    # shellcheck disable=SC2016 # its own arguments
    within 30 sh -c 'exec systemctl list-units --all --plain --no-legend --full --type=service "$@" 2>/dev/null' sh \
        kubelet.service 'k0s*.service' k3s.service 'k3s-*.service' 'rke2-*.service'
    ask_status=$?
    if [ "$ask_status" != 0 ]; then
        UNKNOWN="systemd does not answer, so that nobody knows which services it will start"
        return 0
    fi
    while read -r ask_unit ask_load ask_active ask_rest; do
        : "$ask_load$ask_rest" # only here so that the state is one word
        case $ask_active in '' | inactive | failed) ;; *) add_trace "service ${ask_unit%.service}" ;; esac
    done <"$RUN/tool.output"
}

# find_mounts: a part of list_traces. Sets MOUNTS (list_mounts).
find_mounts() {
    list_mounts
    while read -r find_point; do
        case $find_point in
        # It may be a file system of the host's own.
        '' | /var/lib/kubelet | /var/lib/k0s | /var/lib/rancher | /etc/* | /var/lib/etcd* | /var/lib/cni*) ;;
        *) add_trace "mount $find_point" ;;
        esac
    done <<END
$MOUNTS
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

# find_directories: a part of list_traces. Empty ones are in nobody's way. A file system of the host's own in one of them is
# looked into as well. Needs MOUNTS.
find_directories() {
    for find_place in $TRACE_DIRECTORIES; do
        if [ -d "$find_place" ] && holds_files "$find_place"; then add_trace "directory $find_place"; fi
    done
    for find_place in $SHARED_DIRECTORIES; do
        if [ -d "$find_place" ] && holds_files "$find_place"; then add_shared "directory $find_place"; fi
    done
    while read -r find_point; do
        if [ -n "$find_point" ] && is_below_traces "$find_point" && holds_files "$find_point"; then
            add_trace "directory $find_point"
        fi
    done <<END
$MOUNTS
END
}

# list_mounts: sets MOUNTS, the mount points at or below the directories of distributions, one a line, in the kernel's order.
# Where such a directory is a link, the kernel tells of the place that it leads to.
list_mounts() {
    MOUNTS='' list_roots='' list_patterns=''
    for list_root in $TRACE_DIRECTORIES $SHARED_DIRECTORIES /run/k0s /run/k3s; do
        real_directory "$list_root"
        list_roots="$list_roots $REAL"
        list_patterns="$list_patterns $REAL/$NEWLINE $REAL $NEWLINE"
    done
    list_lines=$(printf '%s' "$list_patterns" | grep -F -f - /proc/self/mounts 2>/dev/null)
    while read -r list_rest list_point list_rest; do
        : "$list_rest" # only here so that the mount point is one word
        case $list_point in *\\*) list_point=$(printf '%b' "$list_point") ;; esac
        case $list_point in *[[:cntrl:]]*) list_point=${list_point%%[[:cntrl:]]*} ;; esac
        for list_root in $list_roots; do
            case $list_point in
            "$list_root" | "$list_root"/*)
                MOUNTS="$MOUNTS$list_point$NEWLINE"
                break
                ;;
            esac
        done
    done <<END
$list_lines
END
}

# is_below_traces PATH: below a directory of distributions' alone, and no volume of a container.
is_below_traces() {
    case $1 in /var/lib/kubelet/*) return 1 ;; esac
    for below_place in $TRACE_DIRECTORIES; do
        case $1 in "$below_place"/*) return 0 ;; esac
    done
    return 1
}

# holds_files DIRECTORY: what is mounted below it counts by itself. Where something new is, nobody looks any further: it may be
# a server's that is gone. Sets UNKNOWN where the look takes too long.
holds_files() {
    real_directory "$1"
    while read -r holds_mount; do
        case $holds_mount in
        "$REAL"/*) case $BEFORE in *"${NEWLINE}mount $holds_mount$NEWLINE"*) ;; *) return 0 ;; esac ;;
        esac
    done <<END
$MOUNTS
END
    # shellcheck disable=SC2016 # its own arguments
    within 20 sh -c 'find "$1/" -xdev -prune >/dev/null 2>&1 || exec ls -A "$1"; find "$1/" -xdev ! -type d 2>/dev/null | head -n 1' \
        sh "$1"
    if [ "$?" = 124 ]; then
        UNKNOWN="a look into $1 does not end: something that is mounted there does not answer"
        return 1
    fi
    [ -s "$RUN/tool.output" ]
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
    for find_tool in iptables ip6tables; do
        if command -v "$find_tool-nft-save" >/dev/null 2>&1; then
            find_chains ':' "$find_tool-nft-save"
        elif command -v "$find_tool-save" >/dev/null 2>&1; then
            find_chains ':' "$find_tool-save"
        fi
    done
    # The older kind of tables is made when somebody only looks for it.
    if read -r find_rest 2>/dev/null </proc/net/ip_tables_names && command -v iptables-legacy-save >/dev/null 2>&1; then
        find_chains ':' iptables-legacy-save
    fi
    if read -r find_rest 2>/dev/null </proc/net/ip6_tables_names && command -v ip6tables-legacy-save >/dev/null 2>&1; then
        find_chains ':' ip6tables-legacy-save
    fi
    if command -v nft >/dev/null 2>&1; then find_chains 'table [a-z0-9]+ ' nft list tables; fi
}

# find_chains BEFORE COMMAND…: a part of find_network, for what a command lists. BEFORE stands before each name: a pattern.
find_chains() {
    find_before=$1
    shift
    find_lines=$("$@" 2>/dev/null | grep -oE "^$find_before(KUBE-|kube-proxy|cali-|CILIUM_|FLANNEL-|flannel-|CNI-)" | sort -u)
    for find_word in $find_lines; do
        case ${find_word#:} in
        CNI-) add_shared "chains CNI-*" ;;
        KUBE- | cali- | CILIUM_ | FLANNEL-) add_trace "chains ${find_word#:}*" ;;
        # Behind `table`, and its family.
        kube-proxy | flannel-) add_trace "tables $find_word*" ;;
        esac
    done
}

# Files of one directory that are noted by name: an image may bring some (registries, images for hosts without a network).
NOTED_FILES=500

# is_bootstrap RUN: true for a run that has begun and is a bootstrap, and not a cleanup, a part of one or a look. A journal of
# an earlier version may not say what its run was for: then its name does. Sets RUN_*.
is_bootstrap() {
    read_run "$1" && [ -n "$RUN_BOOT" ] || return 1
    case $RUN_SERIES in
    "bootstrap "*) return 0 ;;
    '') case ${1##*/} in bootstrap-*) return 0 ;; esac ;;
    esac
    return 1
}

# knows_bootstrap: true where Capra knows of a bootstrap on this host: its journal is there, or a cleanup that has taken that
# away has not ended well. Sets RUN_*.
knows_bootstrap() {
    if [ -e "$BASE/bootstrapped" ]; then return 0; fi
    for knows_run in "$BASE"/*/; do
        if is_bootstrap "${knows_run%/}"; then return 0; fi
    done
    return 1
}

# note_traces: notes what is there before a bootstrap's first step, the host's name too, and for whom. It need not be on the disk: without it, only
# what says by its name whose it is counts. Sets RUN_* and NEWEST.
note_traces() {
    # A cleanup of an earlier version that did not end well has left the note, and no other sign of the bootstrap.
    if knows_bootstrap || { [ -e "$BASE/before" ] && newest_run; }; then return 0; fi
    rm -f "$BASE/before"
    BEFORE=$NEWLINE
    list_traces
    if [ -n "$UNKNOWN" ]; then return 0; fi
    # Not of this shell: one whose built-in finds no room may try again to write the rest, to somewhere else.
    (note_them >"$RUN/before.part") 2>/dev/null && mv -f "$RUN/before.part" "$BASE/before"
}

# note_them: a part of note_traces.
note_them() {
    read -r note_name 2>/dev/null </proc/sys/kernel/hostname
    printf 'for %s %s\nhostname %s\n%s%s' "$OWNER_UID" "$OWNER_NAME" "$note_name" "$TRACES" "$SHARED"
    while read -r note_kind note_place; do
        if [ "$note_kind" = directory ]; then
            find "$note_place/" -xdev ! -type d 2>/dev/null | head -n "$NOTED_FILES" | sed 's/^/there /'
        fi
    done <<END
$TRACES$SHARED
END
    echo .
}

# read_before: sets BEFORE, what note_traces has noted for this machine, one a line, KNOWN_BEFORE, yes where it has, and
# CLAIM_UID and CLAIM_NAME, for whom.
read_before() {
    BEFORE=$NEWLINE KNOWN_BEFORE=no
    [ -f "$BASE/before" ] || return 0
    # Half of it says nothing, nor does another machine's. Whoever gives no name may be the one.
    read -r before_for CLAIM_UID CLAIM_NAME <"$BASE/before"
    BEFORE=$NEWLINE$(cat "$BASE/before")$NEWLINE
    case $before_for$BEFORE in
    for*"$NEWLINE.$NEWLINE") if claim_is_ours; then KNOWN_BEFORE=yes && return 0; fi ;;
    esac
    BEFORE=$NEWLINE
}

# was_there LINE: true for a trace that was there before the bootstrap, and for a directory in which nothing has come since.
was_there() {
    case $BEFORE in *"$NEWLINE$1$NEWLINE"*) ;; *) return 1 ;; esac
    case $1 in "directory "*) ;; *) return 0 ;; esac
    find_new_files "${1#directory }"
    [ -z "$NEW_FILES" ]
}

# find_new_files DIRECTORY: sets NEW_FILES, those that were not there before, one a line. A name with a newline is more than one,
# and none of them was.
find_new_files() {
    NEW_FILES=''
    new_found=$(find "$1/" -xdev ! -type d 2>/dev/null)
    while read -r new_file; do
        case $new_file in "$1"/*) ;; *) continue ;; esac
        case $BEFORE in *"${NEWLINE}there $new_file$NEWLINE"*) ;; *) NEW_FILES="$NEW_FILES$new_file$NEWLINE" ;; esac
    done <<END
$new_found
END
}

# sort_traces: after list_traces and read_before: sets RUNS and LIES, what is left of a bootstrap and runs, or only lies
# there, and OLDER, what was there before; with a comma and a blank before each.
sort_traces() {
    RUNS='' LIES='' OLDER=''
    sort_all=$TRACES
    if [ "$KNOWN_BEFORE" = yes ]; then sort_all=$TRACES$SHARED; fi
    while read -r sort_line; do
        if [ -z "$sort_line" ]; then continue; fi
        if was_there "$sort_line"; then OLDER="$OLDER, $sort_line" && continue; fi
        case $sort_line in
        process* | service* | mount* | port*) RUNS="$RUNS, $sort_line" ;;
        *) LIES="$LIES, $sort_line" ;;
        esac
    done <<END
$sort_all
END
}

# verify BINDING: the last step of a cleanup: nothing of a Kubernetes distribution is left. BINDING: all, running (what only lies
# there is told, and is no failure) or nothing (all is told). Gives the host back when it succeeds at the end of a whole cleanup. Status: 1 something is
# left, 2 nobody can tell. Sets RUNS and LIES.
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
    # What has been ended may be started again in a moment.
    if [ -z "$RUNS" ] && [ -e "$RUN/ended" ]; then
        sleep 3
        list_traces
        sort_traces
    fi
    if [ -n "$OLDER" ]; then say "verify: there before the bootstrap: ${OLDER#, }"; fi
    case $1 in
    all) RUNS=$RUNS$LIES LIES='' ;;
    nothing) LIES=$RUNS$LIES RUNS='' ;;
    esac
    if [ -n "$RUNS" ]; then say "verify: failed: still on the host: ${RUNS#, }" && return 1; fi
    if [ -n "$UNKNOWN" ] && [ "$1" != nothing ]; then say "verify: failed: $UNKNOWN" && return 2; fi
    if [ -n "$LIES" ]; then
        say "verify: warning: still on the host: ${LIES#, }"
    else
        say "verify: nothing of a Kubernetes distribution"
    fi
    # What Capra wrote is still here after a part of a cleanup.
    if ! flag part; then give_up_host || return 2; fi
}
