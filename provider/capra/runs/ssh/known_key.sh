#!/bin/sh
# OpenSSH's KnownHostsCommand for hosts that are pinned by fingerprints: FILE NAME TYPE KEY FINGERPRINT. A key whose
# fingerprint, which OpenSSH has made of it, stands in FILE is a known one; any other is told with its fingerprint. Asked
# only for an order of key types, it knows none.
[ "$4" != NONE ] || exit 0
if grep -qxF -e "$5" "$1"; then
    echo "$2 $3 $4"
else
    echo "capra: the host shows $3 $5" >&2
fi
