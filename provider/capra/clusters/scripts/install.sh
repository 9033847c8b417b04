#!/bin/sh
# Installs the service of k0s. Variables: binary; role, controller or worker; link and token, where k0s looks for the join
# token and where that lies, empty for the first controller. Arguments: of `k0s install ROLE`.
# shellcheck disable=SC2154 # set before this text (data.py)
# shellcheck source=provider/capra/clusters/scripts/common.sh
set -uf

# installed: a service of k0s is there, of either role.
installed() {
    for installed_role in controller worker; do
        for installed_file in "/etc/systemd/system/k0s$installed_role.service" "/etc/init.d/k0s$installed_role"; do
            if [ -e "$installed_file" ]; then return 0; fi
        done
    done
    return 1
}

if installed; then
    # Where it was ours, an attempt was cut off, or its flags have been mended: the service may be half there.
    [ -e "$MARK" ] || fail "a service of k0s is installed on this host already; clean the host first"
    "$binary" stop >/dev/null 2>&1
    set -- "$@" --force
fi
{ mkdir -p /etc/k0s && : >"$MARK" && to_disk "$MARK"; } || fail "/etc/k0s cannot be written to"
if [ -n "$link" ]; then
    { rm -f "$link.new" && ln -s "$token" "$link.new" && mv -f "$link.new" "$link"; } || fail "$link cannot be made"
fi
"$binary" install "$role" "$@" || fail "its service cannot be installed"
