# shellcheck shell=sh
# What every program of this folder begins with (data.py).

# Begins before a service is installed, and ends when k0s has answered: what is there of it then is ours.
# shellcheck disable=SC2034 # used by the others
MARK=/etc/k0s/capra-installing

# fail MESSAGE: it cannot be done.
fail() {
    printf 'k0s: %s\n' "$1" >&2
    exit 1
}

# to_disk FILE: does not return before the disk has it, or all that is written.
to_disk() { sync "$1" 2>/dev/null || sync; }
