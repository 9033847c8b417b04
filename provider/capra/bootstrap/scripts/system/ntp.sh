#!/bin/sh
# Has chrony or systemd-timesyncd keep the clock. Variables: client: chrony, systemd-timesyncd, or auto: the first of them
# that is there; sources: lines `server NAME` and `pool NAME`, or empty: those that the client has stay.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
chrony() { has chronyd || [ -x /usr/sbin/chronyd ]; }
timesyncd() { [ -x /usr/lib/systemd/systemd-timesyncd ] || [ -x /lib/systemd/systemd-timesyncd ]; }

# chrony_conf: the settings that are there with the sources in the place of all others, DHCP's too.
chrony_conf() {
    printf '%s\n' "$sources" | awk '{ print $0 " iburst" }'
    if [ -e "$file" ]; then
        awk '$1 !~ /^(server|pool|peer|sourcedir)$/ { print }' "$file"
    else
        printf 'driftfile /var/lib/chrony/drift\nmakestep 1 3\nrtcsync\n'
    fi
}

configure_chrony() {
    file=/etc/chrony.conf
    if [ -d /etc/chrony ] && [ ! -e "$file" ]; then file=/etc/chrony/chrony.conf; fi
    if [ -z "$sources" ]; then return; fi
    if [ -e "$file" ] && [ ! -e "$file.dist" ]; then
        { cp -p "$file" "$file.capra-new" && mv "$file.capra-new" "$file.dist"; } || fail "$file.dist cannot be written"
    fi
    replace_file "$file" chrony_conf || fail "$file cannot be written"
}

timesyncd_conf() {
    printf '%s\n' "$sources" | awk 'BEGIN { printf "[Time]\nNTP=" } { printf "%s%s", (NR > 1 ? " " : ""), $2 }
        END { print "" }'
}

configure_timesyncd() {
    file=/etc/systemd/timesyncd.conf.d/cloud-init.conf
    if [ -z "$sources" ]; then return; fi
    { mkdir -p "${file%/*}" && replace_file "$file" timesyncd_conf; } || fail "$file cannot be written"
}

# start SERVICE…: the first of them that there is, now and at each boot.
start() {
    for service in "$@"; do
        if has systemctl && [ -d /run/systemd/system ] && systemctl cat "$service.service" >/dev/null 2>&1; then
            { systemctl enable --quiet "$service.service" && systemctl restart "$service.service"; } ||
                fail "$service does not start: see journalctl -u $service"
            return
        fi
        if [ ! -x "/etc/init.d/$service" ]; then continue; fi
        if has rc-update; then
            { rc-update -q add "$service" default && rc-service -q "$service" restart; } || fail "$service does not start"
        else
            if has update-rc.d; then update-rc.d "$service" defaults >/dev/null; elif has chkconfig; then chkconfig "$service" on; fi
            "/etc/init.d/$service" restart >/dev/null || fail "$service does not start"
        fi
        return
    done
    fail "$client is there, but no service of it: reinstall its package"
}

if [ "$client" = auto ]; then
    if chrony; then client=chrony; elif timesyncd; then client=systemd-timesyncd; fi
fi
if [ "$client" = chrony ] && chrony; then
    configure_chrony
    start chrony chronyd
elif [ "$client" = systemd-timesyncd ] && timesyncd; then
    configure_timesyncd
    start systemd-timesyncd
elif [ "$client" = auto ]; then
    fail "ntp needs chrony or systemd-timesyncd, and neither is there: name chrony under packages"
else
    fail "ntp needs $client, which is not there: name it under packages"
fi
