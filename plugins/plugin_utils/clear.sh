# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the detached half (program.sh): what of a Kubernetes distribution is on the host (traces.sh) is ended and removed,
# unless it was there before the bootstrap. It knows what to remove by the same list by which the verification finds it.

# clear_host SCOPE: all, or network: interfaces, chains and the directories of network plugins, where the script before this
# step has left the mark `been` in RUN. Sets CLEARED, what it has removed.
clear_host() {
    if [ "$1" = network ] && [ ! -e "$RUN/been" ]; then say "clear: nothing to do" && return 0; fi
    CLEARED=''
    look_for_new
    if [ "$1" = all ]; then
        clear_services
        clear_processes
        look_for_new
        clear_mounts
        # shellcheck disable=SC2086 # one word a directory
        clear_directories $TRACE_DIRECTORIES $SHARED_DIRECTORIES
        clear_files
    else
        clear_directories /etc/cni/net.d /var/lib/cni
    fi
    clear_interfaces
    clear_chains
    if [ -n "$CLEARED" ]; then say "clear: removed ${CLEARED#, }"; else say "clear: nothing to do"; fi
}

# look_for_new: sets NEW, the traces that were not there before the bootstrap, one a line.
look_for_new() {
    read_before
    list_traces
    NEW=$NEWLINE new_all=$TRACES
    if [ "$KNOWN_BEFORE" = yes ]; then new_all=$TRACES$SHARED; fi
    while read -r new_line; do
        case $NEWLINE$BEFORE in *"$NEWLINE$new_line$NEWLINE"*) ;; *) NEW="$NEW$new_line$NEWLINE" ;; esac
    done <<END
$new_all
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
    for clear_unit in $TRACE_UNITS; do
        case $NEW in
        *"${NEWLINE}service $clear_unit ("* | *"/$clear_unit.service"* | *"/$clear_unit$NEWLINE"*) ;;
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

# clear_processes: a part of clear_host: with all that stands below them, containers among it.
clear_processes() {
    clear_pids=
    while read -r clear_pid clear_line; do
        if [ -n "$clear_pid" ] && is_new "$clear_line"; then
            clear_pids="$clear_pids $clear_pid"
            cleared "$clear_line"
        fi
    done <<END
$TRACE_PIDS
END
    if [ -z "$clear_pids" ]; then return 0; fi
    # shellcheck disable=SC2086 # one word a process
    end_processes $clear_pids || say "clear: warning: processes of $CLEARED do not end"
}

# clear_mounts: a part of clear_host. The kernel lists a mount after the one that it lies in.
clear_mounts() {
    clear_points=
    while read -r clear_kind clear_point; do
        if [ "$clear_kind" = mount ]; then clear_points="$clear_point$NEWLINE$clear_points"; fi
    done <<END
$NEW
END
    while read -r clear_point; do
        if [ -z "$clear_point" ]; then continue; fi
        case $clear_point in *\\*) clear_point=$(printf '%b' "$clear_point") ;; esac
        within 20 umount "$clear_point" || service_tool 20 umount -l "$clear_point"
        cleared "mount $clear_point"
    done <<END
$clear_points
END
}

# clear_directories PATH…: a part of clear_host: their content, from within; the directory too, unless it is a mount of the
# host's own, or only a name for one that is elsewhere.
clear_directories() {
    for clear_place in "$@"; do
        if ! is_new "directory $clear_place"; then continue; fi
        clear_system=--one-file-system
        rm -rf "$clear_system" 2>/dev/null || clear_system=-f
        (CDPATH='' cd -P -- "$clear_place" && rm -rf "$clear_system" ./* ./.[!.]* ./..?*)
        if [ ! -h "$clear_place" ]; then rmdir "$clear_place" 2>/dev/null; fi
        cleared "$clear_place"
    done
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
    for clear_prefix in KUBE- cali- CILIUM_ FLANNEL- CNI-; do
        if is_new "chains $clear_prefix*"; then clear_ours="$clear_ours|$clear_prefix"; fi
    done
    if [ -n "$clear_ours" ]; then
        for clear_tool in iptables ip6tables; do remove_chains "$clear_tool" "${clear_ours#|}"; done
        if read -r clear_rest 2>/dev/null </proc/net/ip_tables_names; then
            : "$clear_rest" # only here so that it is read
            for clear_tool in iptables-legacy ip6tables-legacy; do remove_chains "$clear_tool" "${clear_ours#|}"; done
        fi
    fi
    if is_new "chains kube-proxy*"; then
        for clear_family in ip ip6; do
            if within 20 nft list table "$clear_family" kube-proxy; then
                service_tool 20 nft delete table "$clear_family" kube-proxy
            fi
        done
        cleared "table kube-proxy"
    fi
}

# remove_chains TOOL PREFIXES: the chains, and the rules that lead there, in one go for each table. Nobody else's rule is
# touched. PREFIXES: a bar between them.
remove_chains() {
    if ! command -v "$1-save" >/dev/null 2>&1 || ! within 30 "$1-save"; then return 0; fi
    awk -v ours="^($2)" '
        /^\*/ { table = $0; chains = 0; rules = 0 }
        /^:/ { name = substr($1, 2); if (name ~ ours) chain[chains++] = name }
        /^-A/ && $2 !~ ours {
            for (word = 3; word < NF; word++)
                if (($word == "-j" || $word == "-g") && $(word + 1) ~ ours) { rule[rules++] = $0; break }
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
