# shellcheck shell=sh
# Masks, unmasks, enables and disables units. UNITS: a line for each: name, mask and enabled, each yes, no or `-`.
: "${UNITS?}"

DIRECTORY=/etc/systemd/system

fail() {
    echo "$1: $2" >&2
    exit 1
}

is_masked() { [ -h "$DIRECTORY/$1" ] && [ "$(readlink -- "$DIRECTORY/$1")" = /dev/null ]; }

# set_mask NAME MASK
set_mask() {
    if [ "$2" = no ] && is_masked "$1"; then
        rm -f -- "$DIRECTORY/$1" || fail "$1" "cannot be unmasked"
    elif [ "$2" = yes ] && ! is_masked "$1"; then
        if systemctl is-active --quiet -- "$1"; then systemctl stop -- "$1" || fail "$1" "cannot be stopped"; fi
        (umask 022 && mkdir -p "$DIRECTORY")
        rm -rf -- "${DIRECTORY:?}/$1" || fail "$1" "cannot be masked"
        ln -s /dev/null "$DIRECTORY/$1" || fail "$1" "cannot be masked"
    fi
}

# set_enabled NAME ENABLED. A unit that is not there is no error to a first boot, and nothing is started: here it is one.
set_enabled() {
    if [ "$2" = yes ]; then
        systemctl enable -- "$1" || fail "$1" "cannot be enabled: is there such a unit, and is it not masked?"
    elif [ "$2" = no ] && [ -n "$(systemctl is-enabled -- "$1" 2>/dev/null)" ]; then
        systemctl disable --now -- "$1" || fail "$1" "cannot be disabled"
    fi
}

printf '%s' "$UNITS" | {
    while IFS=' ' read -r name mask enabled; do set_mask "$name" "$mask"; done
} || exit 1
systemctl daemon-reload || fail "systemd" "does not read its units anew"
printf '%s' "$UNITS" | {
    while IFS=' ' read -r name mask enabled; do
        # One that is masked is not to be enabled.
        if [ "$mask" != yes ]; then set_enabled "$name" "$enabled"; fi
    done
}
