#!/bin/sh
# Sets the time zone. Variable: zone, a name below /usr/share/zoneinfo.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
[ -f "/usr/share/zoneinfo/$zone" ] ||
    fail "the time zone $zone is not there: a name below /usr/share/zoneinfo, which the package tzdata brings"
rm -f /etc/localtime.capra-new
{ ln -s "/usr/share/zoneinfo/$zone" /etc/localtime.capra-new && mv -f /etc/localtime.capra-new /etc/localtime; } ||
    fail "/etc/localtime cannot be written"
# Debian's kind and Alpine have the name in a file besides.
if [ -e /etc/timezone ] || command -v dpkg >/dev/null 2>&1 || command -v apk >/dev/null 2>&1; then
    replace_file /etc/timezone printf '%s\n' "$zone" || fail "/etc/timezone cannot be written"
fi
