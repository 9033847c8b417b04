#!/bin/sh
# Has the host resolve its own name. Variables: hostname and fqdn, or empty for the name that it has; manner: template
# writes /etc/hosts anew, localhost adds a line unless it is there. The lines are those of cloud-init's templates.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
file=/etc/hosts
if [ -z "$fqdn" ]; then fqdn=$(uname -n); fi
if [ -z "$hostname" ]; then hostname=${fqdn%%.*}; fi
names=$fqdn
if [ "$fqdn" != "$hostname" ]; then names="$fqdn $hostname"; fi
address=127.0.1.1
if grep -Eq '^ID(_LIKE)?=.*(rhel|fedora|centos)' /etc/os-release 2>/dev/null; then address=127.0.0.1; fi

written() {
    printf '%s %s\n127.0.0.1 localhost localhost.localdomain\n\n' "$address" "$names"
    if [ "$address" = 127.0.0.1 ]; then printf '::1 %s\n' "$names"; fi
    printf '::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n'
}

# resolves: a line of the address has the fqdn as the name, and the hostname beside it.
resolves() {
    [ -e "$file" ] && awk -v address="$address" -v fqdn="$fqdn" -v hostname="$hostname" '
        { sub(/#.*/, "") }
        $1 == address && $2 == fqdn { for (i = 2; i <= NF; i++) if ($i == hostname) found = 1 }
        END { exit !found }' "$file"
}

# added: the file, ended with a newline, and the line.
added() {
    if [ -e "$file" ]; then awk '{ print }' "$file"; fi
    printf '%s\t%s\n' "$address" "$names"
}

if [ "$manner" = localhost ] && resolves; then exit 0; fi
lines=written
if [ "$manner" = localhost ]; then lines=added; fi
replace_file "$file" "$lines" || fail "$file cannot be written"
