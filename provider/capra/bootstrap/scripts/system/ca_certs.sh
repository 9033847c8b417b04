#!/bin/sh
# Has the host trust certificate authorities, and no others with remove_defaults. Variables: certificates, in PEM, one after
# the other; remove_defaults, 1 or empty.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf

# switched_off: Debian's and Alpine's list; `!` takes an entry out.
switched_off() { awk '/^[^#!]/ { print "!" $0; next } { print }' /etc/ca-certificates.conf; }

remove_defaults() {
    if has debconf-set-selections; then
        echo 'ca-certificates ca-certificates/trust_new_crts select no' | debconf-set-selections ||
            fail "debconf does not take that new authorities are not trusted"
    fi
    [ -e /etc/ca-certificates.conf ] || return 0
    replace_file /etc/ca-certificates.conf switched_off || fail "/etc/ca-certificates.conf cannot be written"
}

# numbers: 1 to the number of certificates.
numbers() { printf '%s\n' "$certificates" | awk '/^-----BEGIN/ { print ++count }'; }

# read_back: what stands in the new files.
read_back() { for number in $(numbers); do cat "$begin$number.crt.capra-new" || return 1; done; }

# write_certificates: each under cloud-init's name for it. Those of an earlier document that had more are removed.
write_certificates() {
    begin=$directory/cloud-init-ca-cert-
    set +f
    rm -rf "$begin"*.crt.capra-new
    # Not every awk tells that it could not write: the files are compared.
    printf '%s\n' "$certificates" | awk -v begin="$begin" '
        /^-----BEGIN/ { file = begin (++count) ".crt.capra-new" }
        { print > file }
        /^-----END/ { close(file) }' 2>/dev/null && [ "$(read_back)" = "$certificates" ] || {
        rm -f "$begin"*.crt.capra-new
        return 1
    }
    sync
    for number in $(numbers); do
        name=$begin$number.crt
        chmod 0644 "$name.capra-new" && mv -f "$name.capra-new" "$name" || return 1
    done
    for name in "$begin"*.crt; do
        more=${name#"$begin"} more=${more%.crt}
        case $more in '' | *[!0-9]*) continue ;; esac
        if [ "$more" -gt "$number" ]; then rm -f "$name" || return 1; fi
    done
    set -f
}

if has update-ca-trust; then
    directory=/etc/pki/ca-trust/source/anchors
    set -- update-ca-trust
elif has update-ca-certificates && [ -d /etc/pki/trust ]; then
    directory=/etc/pki/trust/anchors
    set -- update-ca-certificates
elif has update-ca-certificates; then
    directory=/usr/local/share/ca-certificates
    set -- update-ca-certificates
else
    fail "ca_certs needs update-ca-certificates or update-ca-trust: install the package ca-certificates"
fi
if [ -n "$remove_defaults" ]; then
    [ "$directory" = /usr/local/share/ca-certificates ] ||
        fail "remove_defaults works with Debian's and Alpine's ca-certificates only: leave it out"
    remove_defaults
fi
if [ -n "$certificates" ]; then
    { mkdir -p "$directory" && write_certificates; } || fail "the certificates cannot be written to $directory"
fi
"$@" >/dev/null 2>&1 || fail "$1 fails: see what it says on the host"
