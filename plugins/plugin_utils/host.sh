# shellcheck shell=sh
# A part of the session's half (launch.sh), and of a preflight: what the host says of itself. Reads only.

# connection_of PID: sets CONNECTION, what the environment of a process says of its connection, if that may be read.
# Through a pipe: some shells put a here-document into a file, and there may be secrets in an environment.
connection_of() {
    CONNECTION=$(tr '\000' '\n' 2>/dev/null <"/proc/$1/environ" | {
        while read -r connection_line; do
            case $connection_line in (SSH_CONNECTION=*) printf '%s\n' "${connection_line#*=}" ;; esac
        done
    })
    # Of several the last one counts.
    CONNECTION=${CONNECTION##*"$NEWLINE"}
}

# own_address: sets CONNECTION, and ADDRESS, the address of this host that SSH has reached, or nothing. sudo drops the
# variable that tells it; the nearest process above that still has it counts.
own_address() {
    CONNECTION=${SSH_CONNECTION:-} own_above=$PPID
    while [ -z "$CONNECTION" ] && [ "$own_above" -gt 1 ]; do
        connection_of "$own_above"
        read -r own_stat 2>/dev/null <"/proc/$own_above/stat" || break
        own_stat=${own_stat##*) }
        own_stat=${own_stat#* }
        own_above=${own_stat%% *}
    done
    # Client address, client port, server address, server port (ssh(1)).
    ADDRESS=${CONNECTION#* }
    ADDRESS=${ADDRESS#* }
    ADDRESS=${ADDRESS%% *}
}

# about: one line `host NAME ADDRESS`, with `-` for a name that cannot stand in a line.
about() {
    read -r about_name 2>/dev/null </proc/sys/kernel/hostname || about_name=$(uname -n)
    case $about_name in '' | *[!A-Za-z0-9._-]*) about_name=- ;; esac
    own_address
    printf 'host %s %s\n' "$about_name" "$ADDRESS"
}
