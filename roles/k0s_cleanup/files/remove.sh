#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 9 of 11 of the k0s cleanup: what no reset has removed.

remove_services() {
    for services_name in $SERVICES $COMPANIONS; do
        for services_place in $UNIT_DIRECTORIES; do
            remove_file "$services_place/$services_name.service"
            remove_file "$services_place/$services_name.service.d"
            for services_link in "$services_place"/*.wants/"$services_name.service" \
                "$services_place"/*.requires/"$services_name.service"; do
                remove_file "$services_link"
            done
        done
        remove_file "/etc/init.d/$services_name"
        for services_link in /etc/rc?.d/[SK]??"$services_name" /etc/rc.d/rc?.d/[SK]??"$services_name" \
            /etc/runlevels/*/"$services_name"; do
            remove_file "$services_link"
        done
    done
    systemd_runs || return 0
    if [ "$CHANGED" = yes ]; then tool remove 30 systemctl daemon-reload; fi
    # Else systemd goes on listing a unit that is `not-found failed`, or one that has no process as active.
    for services_name in $SERVICES $COMPANIONS; do
        if limited 30 systemctl is-active "$services_name.service"; then
            touched
            tool remove 30 systemctl stop "$services_name.service"
        fi
        if limited 30 systemctl is-failed "$services_name.service"; then
            touched
            tool remove 30 systemctl reset-failed "$services_name.service"
        fi
    done
}

# common_places: sets COMMON, what says nothing about who made it, so that it goes only where k0s has been. The kubelet
# keeps device-plugins there whatever its own directory is; another kubelet has more than that in it.
common_places() {
    COMMON='/etc/cni/net.d/10-kuberouter.conflist /etc/cni/net.d/10-calico.conflist /etc/cni/net.d/calico-kubeconfig'
    for common_entry in /var/lib/kubelet/* /var/lib/kubelet/.[!.]*; do
        case $common_entry in */device-plugins) ;; *) if exists "$common_entry"; then return; fi ;; esac
    done
    COMMON="$COMMON /var/lib/kubelet"
}

remove_common() {
    common_places
    for common_place in $COMMON; do remove_file "$common_place"; done
}

# remove: what no reset has removed. Sets REMOVED, what it has, and TRACES.
remove() {
    find_traces
    if [ "$CHECK" = yes ]; then
        if [ "$REMOVE_BINARY" = yes ] && [ -n "$BINARY" ]; then TRACES="$TRACES $BINARY"; fi
        if [ -n "$TRACES" ]; then say "remove: would remove$TRACES"; else say "remove: nothing to do"; fi
        return
    fi
    REMOVED=
    end_users || warn remove "processes$PROCESSES$SHIMS$USERS do not end"
    if [ "$BEEN" = yes ]; then remove_common; fi
    for remove_place in "$REAL_KUBELET" "$REAL_DATA" "$KUBELET" "$DATA" /etc/k0s /run/k0s /run/capra-join /usr/libexec/k0s; do
        if remains "$remove_place"; then
            remove_tree "$remove_place"
            REMOVED="$REMOVED $remove_place"
        fi
    done
    remove_services
    if [ "$REMOVE_BINARY" = yes ] && [ -n "$BINARY" ]; then remove_file "$BINARY"; fi
    if [ -n "$REMOVED" ]; then say "remove: removed$REMOVED"; else say "remove: nothing to do"; fi
}
