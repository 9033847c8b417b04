# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the detached half (program.sh): what of a Kubernetes distribution is on the host (traces.sh) is ended and removed,
# unless it was there before the bootstrap. It knows what to remove by the same list by which the verification finds it.

# clear_host SCOPE: all, or network: interfaces, chains and the directories of network plugins, where the script before this
# step has left the mark `been` in RUN. Without that mark, and with no bootstrap that Capra knows of, a host is somebody else's.
# Sets CLEARED, what it has removed.
clear_host() {
    if [ "$1" = network ] && [ ! -e "$RUN/been" ]; then say "clear: nothing to do" && return 0; fi
    CLEARED=''
    look_for_new
    if [ "$KNOWN_BEFORE" = no ] && [ ! -e "$RUN/been" ] && ! knows_bootstrap; then
        say "clear: nothing to do (nothing is known of a bootstrap on this host)"
        return 0
    fi
    if [ "$1" = all ]; then
        clear_services
        look_for_new
        clear_processes
        clear_mounts
        look_for_new
        # shellcheck disable=SC2086 # one word a directory
        clear_directories $TRACE_DIRECTORIES $SHARED_DIRECTORIES
        clear_files
    else
        if [ "$KNOWN_BEFORE" = no ]; then only_k0s_network; fi
        clear_directories /etc/cni/net.d /var/lib/cni
    fi
    clear_interfaces
    clear_chains
    if [ -n "$CLEARED" ]; then say "clear: removed ${CLEARED#, }"; else say "clear: nothing to do"; fi
}

# only_k0s_network: of NEW, what k0s makes itself: any other network may be the host's own where nobody has noted what was
# there before.
only_k0s_network() {
    NEW=$NEWLINE$(printf '%s' "$NEW" | grep -E '^(interface kube-|chains KUBE-|tables kube-proxy)')$NEWLINE
}

# look_for_new: sets NEW, the traces that were not there before the bootstrap, one a line.
look_for_new() {
    read_before
    list_traces
    NEW=$NEWLINE look_all=$TRACES
    # Of what others may have as well only the directories of network plugins are removed, and the data of an etcd that the
    # script before this step has found to be kubeadm's. The rest is named.
    if [ "$KNOWN_BEFORE" = yes ]; then
        look_all=$TRACES$(printf '%s' "$SHARED" | grep -E '^directory (/etc/cni/net.d|/var/lib/cni)$')$NEWLINE
        if [ -e "$RUN/etcd" ]; then look_all="${look_all}directory /var/lib/etcd$NEWLINE"; fi
    fi
    while read -r look_line; do
        if [ -n "$look_line" ] && ! was_there "$look_line"; then NEW="$NEW$look_line$NEWLINE"; fi
    done <<END
$look_all
END
}

# is_new LINE: true for one of NEW.
is_new() {
    case $NEW in *"$NEWLINE$1$NEWLINE"*) return 0 ;; esac
    return 1
}

# cleared TEXT: adds to CLEARED.
cleared() { CLEARED="$CLEARED, $1"; }

# clear_services: a part of clear_host: those that run, or would at the next boot. What a package has installed stays there,
# and starts no more, unless it did before.
clear_services() {
    clear_units=$TRACE_UNITS
    while read -r clear_kind clear_unit; do
        case " $clear_units " in *" $clear_unit "*) continue ;; esac
        if [ "$clear_kind" = service ]; then clear_units="$clear_units $clear_unit"; fi
    done <<END
$NEW
END
    for clear_unit in $clear_units; do
        case $NEW in
        *"${NEWLINE}service $clear_unit$NEWLINE"* | *"${NEWLINE}file "*"/$clear_unit.service$NEWLINE"*) ;;
        *"${NEWLINE}file /etc/init.d/$clear_unit$NEWLINE"* | *"${NEWLINE}file /etc/r"*"$clear_unit$NEWLINE"*) ;;
        *) continue ;;
        esac
        if systemd_runs; then
            service_tool 120 systemctl stop "$clear_unit.service"
            case $BEFORE in
            *".wants/$clear_unit.service$NEWLINE"*) ;;
            *) service_tool 30 systemctl disable "$clear_unit.service" ;;
            esac
        fi
        if is_new "file /etc/init.d/$clear_unit"; then end_script "/etc/init.d/$clear_unit"; fi
        cleared "service $clear_unit"
    done
}

# clear_processes: a part of clear_host: with all that stands below them, containers among it. Sets CLEARED.
clear_processes() {
    clear_pids='' clear_names=''
    while read -r clear_pid clear_start clear_line; do
        if [ -z "$clear_pid" ] || ! is_new "$clear_line" || ! still_there "$clear_pid" "$clear_start"; then continue; fi
        clear_pids="$clear_pids $clear_pid"
        case "$clear_names," in *", $clear_line,"*) ;; *) clear_names="$clear_names, $clear_line" ;; esac
    done <<END
$TRACE_PIDS
END
    if [ -z "$clear_pids" ]; then return 0; fi
    CLEARED=$CLEARED$clear_names
    true >"$RUN/ended"
    # shellcheck disable=SC2086 # one word a process
    end_processes $clear_pids || say "clear: warning: do not end:${clear_names#,}"
}

# clear_mounts: a part of clear_host. The kernel lists a mount after the one that it lies in, and one on which something is
# mounted twice shows what was below when the upper one has gone.
clear_mounts() {
    clear_points=
    while read -r clear_kind clear_point; do
        if [ "$clear_kind" = mount ]; then clear_points="$clear_point$NEWLINE$clear_points"; fi
    done <<END
$NEW
END
    while read -r clear_escaped; do
        if [ -z "$clear_escaped" ]; then continue; fi
        clear_point=$clear_escaped clear_tries=20
        case $clear_point in *\\*) clear_point=$(printf '%b' "$clear_point") ;; esac
        while [ "$clear_tries" -gt 0 ] && grep -qF " $clear_escaped " /proc/self/mounts; do
            within 20 umount "$clear_point" || service_tool 20 umount -l "$clear_point"
            clear_tries=$((clear_tries - 1))
        done
        cleared "mount $clear_point"
    done <<END
$clear_points
END
}

# clear_directories PATH…: a part of clear_host, for those and what is mounted below them.
clear_directories() {
    while read -r clear_kind clear_place; do
        if [ "$clear_kind" != directory ]; then continue; fi
        for clear_asked in "$@"; do
            case $clear_place in "$clear_asked" | "$clear_asked"/*) clear_directory "$clear_place" ;; esac
        done
    done <<END
$NEW
END
}

# clear_directory PATH: the files that were not there before; then the directories, where they are empty. Nothing is touched
# in a directory in which anything is mounted but file systems of the host's own, and nothing in those: each is a directory of
# its own. Needs MOUNTS.
clear_directory() {
    directory_own=
    real_directory "$1"
    if [ "$REAL" != "$1" ]; then
        say "clear: warning: $1 stays: it leads to $REAL, where others may have files"
        return 0
    fi
    while read -r directory_mount; do
        case $directory_mount in "$REAL"/*) ;; *) continue ;; esac
        case $BEFORE in
        *"${NEWLINE}mount $directory_mount$NEWLINE"*) directory_own=yes ;;
        *)
            say "clear: warning: $1 stays: $directory_mount is mounted in it"
            return 0
            ;;
        esac
    done <<END
$MOUNTS
END
    find_new_files "$1"
    while read -r directory_file; do
        if [ -z "$directory_file" ]; then continue; fi
        if [ -n "$directory_own" ] && is_in_mount "$REAL" "$directory_file"; then continue; fi
        rm -f -- "$directory_file"
    done <<END
$NEW_FILES
END
    find "$1/" -xdev -depth -type d -exec rmdir {} + 2>/dev/null
    cleared "$1"
}

# is_in_mount DIRECTORY FILE: true for a file of what is mounted below the directory.
is_in_mount() {
    while read -r in_mount; do
        case $in_mount in "$1"/*) case $2 in "$in_mount"/*) return 0 ;; esac ;; esac
    done <<END
$MOUNTS
END
    return 1
}

# clear_files: a part of clear_host: the files of services.
clear_files() {
    clear_reload=no
    while read -r clear_kind clear_point; do
        if [ "$clear_kind" != file ]; then continue; fi
        rm -f "$clear_point"
        case $clear_point in *.service) rm -rf "$clear_point.d" ;; esac
        clear_reload=yes
        cleared "$clear_point"
    done <<END
$NEW
END
    if [ "$clear_reload" = yes ]; then reload_units; fi
}

# clear_interfaces: a part of clear_host.
clear_interfaces() {
    while read -r clear_kind clear_name; do
        if [ "$clear_kind" != interface ]; then continue; fi
        service_tool 20 ip link delete "$clear_name"
        cleared "interface $clear_name"
    done <<END
$NEW
END
}

# clear_chains: a part of clear_host.
clear_chains() {
    clear_ours=
    for clear_prefix in KUBE- cali- CILIUM_ FLANNEL-; do
        if is_new "chains $clear_prefix*"; then clear_ours="$clear_ours|$clear_prefix"; fi
    done
    if [ -n "$clear_ours" ]; then
        for clear_tool in iptables ip6tables iptables-nft ip6tables-nft; do
            remove_chains "$clear_tool" "${clear_ours#|}"
        done
        if read -r clear_rest 2>/dev/null </proc/net/ip_tables_names; then remove_chains iptables-legacy "${clear_ours#|}"; fi
        if read -r clear_rest 2>/dev/null </proc/net/ip6_tables_names; then
            : "$clear_rest" # only here so that it is read
            remove_chains ip6tables-legacy "${clear_ours#|}"
        fi
    fi
    clear_tables
}

# clear_tables: a part of clear_chains: what uses nftables itself has tables of its own.
clear_tables() {
    if ! is_new "tables kube-proxy*" && ! is_new "tables flannel-*"; then return 0; fi
    within 20 nft list tables
    while read -r clear_word clear_family clear_name; do
        case $clear_word$clear_name in tablekube-proxy | tableflannel-*) ;; *) continue ;; esac
        if is_new "tables ${clear_name%%-ipv*}*" || is_new "tables ${clear_name%%-*}-*"; then
            nft delete table "$clear_family" "$clear_name" && cleared "table $clear_name"
        fi
    done <"$RUN/tool.output"
}

# remove_chains TOOL PREFIXES: the chains, and the rules that lead there, in one go for each table. Nobody else's rule is
# touched. PREFIXES: a bar between them.
remove_chains() {
    if ! command -v "$1-save" >/dev/null 2>&1 || ! within 30 "$1-save"; then return 0; fi
    awk -v ours="^($2)" '
        /^\*/ { table = $0; chains = 0; rules = 0 }
        /^:/ { name = substr($1, 2); if (name ~ ours) chain[chains++] = name }
        /^-A/ && $2 !~ ours {
            # A comment may say anything.
            text = $0
            gsub(/"([^"\\]|\\.)*"/, "", text)
            count = split(text, words)
            for (word = 3; word < count; word++)
                if ((words[word] == "-j" || words[word] == "-g") && words[word + 1] ~ ours) { rule[rules++] = $0; break }
        }
        /^COMMIT/ && chains + rules {
            print table
            for (number = 0; number < rules; number++) { sub(/^-A/, "-D", rule[number]); print rule[number] }
            for (number = 0; number < chains; number++) print "-F " chain[number]
            for (number = 0; number < chains; number++) print "-X " chain[number]
            print
        }' "$RUN/tool.output" >"$RUN/rules" || say "clear: warning: the host has no awk, without which chains of $1 stay"
    if [ -s "$RUN/rules" ]; then
        # shellcheck disable=SC2016 # its own arguments
        service_tool 60 sh -c '"$0" --noflush <"$1"' "$1-restore" "$RUN/rules"
        cleared "chains of $1"
    fi
    rm -f "$RUN/rules"
}
