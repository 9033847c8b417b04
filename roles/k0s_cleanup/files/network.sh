#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 9 of 12 of the k0s cleanup: what kube-proxy and network plugins have left in the kernel. k0s reset leaves it to a
# reboot (its own documentation says so), and the next bootstrap would find it. It knows no distribution.

# Chains of kube-proxy, kube-router and the kubelet (KUBE-), of Calico, Cilium and flannel.
CHAINS='KUBE-|cali-|CILIUM_|FLANNEL-'

# remove_network: sets REMOVED, what it has removed.
remove_network() {
    network_interfaces=
    while read -r network_name network_rest; do
        : "$network_rest" # only here so that the name is one word
        case ${network_name%%:*} in
        cni0 | flannel[.-]* | cilium_* | cali[0-9a-f]* | vxlan.calico | kube-ipvs0 | kube-bridge | kube-dummy-if | nodelocaldns)
            network_interfaces="$network_interfaces ${network_name%%:*}"
            ;;
        esac
    done </proc/net/dev
    for network_name in $network_interfaces; do
        if has ip && tool remove 20 ip link delete "$network_name"; then note_removed "interface $network_name"; fi
    done
    for network_tool in iptables ip6tables; do remove_chains "$network_tool"; done
    if read -r network_rest 2>/dev/null </proc/net/ip_tables_names; then
        for network_tool in iptables-legacy ip6tables-legacy; do remove_chains "$network_tool"; done
    fi
    remove_tables
}

# note_removed TEXT: adds to REMOVED.
note_removed() {
    touched
    REMOVED="$REMOVED $1"
}

# remove_chains TOOL: the chains, and the rules that lead there, in one go for each table. Nobody else's rule is touched.
remove_chains() {
    if ! has "$1-save" || ! has "$1-restore" || ! limited 30 "$1-save" || ! grep -qE "^:($CHAINS)" "$WORK/output"; then
        return 0
    fi
    if ! has awk; then warn remove "the host has no awk, without which $1's chains stay" && return; fi
    awk -v ours="^($CHAINS)" '
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
        }' "$WORK/output" >"$WORK/rules"
    # shellcheck disable=SC2016 # its own arguments
    if tool remove 60 sh -c '"$0" --noflush <"$1"' "$1-restore" "$WORK/rules"; then note_removed "$1's chains"; fi
    rm -f "$WORK/rules"
}

# remove_tables: those of a kube-proxy that uses nftables itself.
remove_tables() {
    has nft || return 0
    for network_family in ip ip6; do
        if limited 20 nft list table "$network_family" kube-proxy; then
            tool remove 20 nft delete table "$network_family" kube-proxy && note_removed "table $network_family kube-proxy"
        fi
    done
}
