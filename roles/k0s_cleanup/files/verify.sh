#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 10 of 11 of the k0s cleanup: nothing of k0s is left. This alone decides.

# violation TEXT: adds to VIOLATIONS.
violation() { VIOLATIONS="$VIOLATIONS; $*"; }

verify_services() {
    if systemd_runs && ! limited 30 systemctl show --property=Version; then
        last_lines
        violation "systemd does not answer, so that nobody knows which services it will start: $LAST"
    fi
    for verify_service in $SERVICES $COMPANIONS; do
        service_files "$verify_service"
        for verify_file in $FILES; do violation "service file $verify_file"; done
        systemd_runs || continue
        for verify_state in active failed enabled; do
            if limited 30 systemctl "is-$verify_state" "$verify_service.service"; then
                violation "systemd lists $verify_service as $verify_state"
            fi
        done
        limited 30 systemctl is-active "$verify_service.service"
        last_lines
        case $LAST in activating | deactivating | reloading) violation "systemd lists $verify_service as $LAST" ;; esac
    done
}

# verify: sets VIOLATIONS, what speaks against a clean host, and in a dry run CHANGED.
verify() {
    if [ "$CHECK" = yes ]; then
        if [ -n "$TRACES$PROCESSES$USERS$INSTALLED" ]; then CHANGED=yes; fi
        say "verify: nothing has been touched"
        return
    fi
    VIOLATIONS=
    look_again
    for verify_pid in $PROCESSES $SHIMS $USERS; do
        program "$verify_pid" || continue
        verify_script=
        if is_shell "$FIRST"; then case $SECOND in /*) verify_script=" $SECOND" ;; esac fi
        violation "process $verify_pid ($FIRST$verify_script)"
    done
    verify_services
    for verify_place in "$REAL_DATA" "$REAL_KUBELET" /etc/k0s /run/k0s /run/capra-join /usr/libexec/k0s; do
        mounts_below "$verify_place"
        if [ -n "$MOUNTS" ]; then violation "mount ${MOUNTS%%"$NEWLINE"*}"; fi
        if remains "$verify_place"; then violation "directory $verify_place"; fi
    done
    if [ "$BEEN" = yes ]; then
        common_places
        for verify_place in $COMMON; do
            if remains "$verify_place"; then violation "$verify_place"; fi
        done
    fi
    if [ "$REMOVE_BINARY" = yes ] && [ -e "$BINARY" ]; then violation "binary $BINARY"; fi
    if [ -n "$VIOLATIONS" ]; then fail verify "${VIOLATIONS#; }"; fi
    remember clean yes
    say "verify: no service, no process, no mount, no data directory"
}
