#!/bin/sh
# Puts k0s of the wanted version where it belongs. Variables: binary, the path; version, as `k0s version` prints it, empty
# where k0s has to be there already; url, with {architecture} in it.
# shellcheck disable=SC2154 # set before this text (data.py)
# shellcheck source=provider/capra/clusters/scripts/common.sh
set -uf

wanted() { [ -x "$1" ] && [ "$("$1" version 2>/dev/null)" = "$version" ]; }

# name_architecture: sets ARCHITECTURE, as k0s's releases call it.
name_architecture() {
    case $(uname -m) in
    x86_64 | amd64) ARCHITECTURE=amd64 ;;
    aarch64 | arm64 | armv8*) ARCHITECTURE=arm64 ;;
    arm*) ARCHITECTURE=arm ;;
    riscv64) ARCHITECTURE=riscv64 ;;
    *) fail "there is no release for $(uname -m); put the program at $binary, and set useExistingK0s" ;;
    esac
}

# set_place: sets PLACE, the URL for this host.
set_place() {
    PLACE='' place_rest=$url
    while :; do
        case $place_rest in
        *'{architecture}'*) PLACE=$PLACE${place_rest%%'{architecture}'*}$ARCHITECTURE place_rest=${place_rest#*'{architecture}'} ;;
        *) break ;;
        esac
    done
    PLACE=$PLACE$place_rest
}

# download FILE: from PLACE.
download() {
    if command -v curl >/dev/null 2>&1; then
        curl --fail --silent --show-error --location --retry 3 --output "$1" "$PLACE"
    elif command -v wget >/dev/null 2>&1; then
        wget -q -O "$1" "$PLACE"
    else
        fail "neither curl nor wget is there to download it; install one, or put the program at $binary"
    fi
}

if [ -z "$version" ]; then
    [ -x "$binary" ] || fail "$binary is not there: put the program there, or leave useExistingK0s out"
    exit 0
fi
if wanted "$binary"; then exit 0; fi
name_architecture
set_place
mkdir -p "${binary%/*}" || fail "${binary%/*} cannot be made"
new=$binary.capra-new
download "$new" || fail "it cannot be downloaded from $PLACE"
chmod 0755 "$new" || fail "$new cannot be made a program"
wanted "$new" || {
    found=$("$new" version 2>&1 | head -n 1 | cut -c 1-80)
    rm -f "$new"
    fail "what $PLACE holds is not $version, but says: $found"
}
to_disk "$new"
mv -f "$new" "$binary" || fail "$binary cannot be written"
to_disk "${binary%/*}"
