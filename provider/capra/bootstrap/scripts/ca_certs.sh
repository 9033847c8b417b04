#!/bin/sh
# Has the host trust certificate authorities, and no others with remove_defaults. Variables: certificates, in PEM, one after
# the other; remove_defaults, 1 or empty.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
fail() {
    rm -f /etc/ca-certificates.conf.capra-new
    echo "$1" >&2
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# remove_defaults: Debian's and Alpine's list; `!` takes an entry out.
remove_defaults() {
    if has debconf-set-selections; then
        echo 'ca-certificates ca-certificates/trust_new_crts select no' | debconf-set-selections ||
            fail "debconf does not take that new authorities are not trusted"
    fi
    [ -e /etc/ca-certificates.conf ] || return 0
    {
        awk '/^[^#!]/ { print "!" $0; next } { print }' /etc/ca-certificates.conf >/etc/ca-certificates.conf.capra-new &&
            chmod 0644 /etc/ca-certificates.conf.capra-new &&
            mv /etc/ca-certificates.conf.capra-new /etc/ca-certificates.conf
    } || fail "/etc/ca-certificates.conf cannot be written"
}

# write_certificates: each under cloud-init's name for it.
write_certificates() {
    printf '%s\n' "$certificates" | awk -v begin="$directory/cloud-init-ca-cert-" '
        /^-----BEGIN/ { file = begin (++count) ".crt.capra-new" }
        { print > file }
        /^-----END/ { close(file); print count }' | while read -r number; do
        name=$directory/cloud-init-ca-cert-$number.crt
        { chmod 0644 "$name.capra-new" && mv "$name.capra-new" "$name"; } || exit 1
    done
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
