#!/bin/sh
# Sets the host's name, now and after a reboot. Variables: hostname; fqdn; prefer, which of them: fqdn, hostname, or auto:
# the fqdn on Red Hat's kind, as cloud-init does.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
if [ "$prefer" = auto ]; then
    prefer=hostname
    if grep -Eq '^ID(_LIKE)?=.*(rhel|fedora|centos)' /etc/os-release 2>/dev/null; then prefer=fqdn; fi
fi
name=$hostname
if [ "$prefer" = fqdn ]; then name=$fqdn; fi
[ "${#name}" -le 64 ] || fail "the host's name may have 64 characters; set prefer_fqdn_over_hostname: false"
if [ "$(cat /etc/hostname 2>/dev/null)" != "$name" ]; then
    replace_file /etc/hostname printf '%s\n' "$name" || fail "/etc/hostname cannot be written"
fi
if [ "$(uname -n)" != "$name" ]; then
    if command -v hostname >/dev/null 2>&1; then hostname "$name"; else echo "$name" >/proc/sys/kernel/hostname; fi ||
        fail "the host's name cannot be set"
fi
