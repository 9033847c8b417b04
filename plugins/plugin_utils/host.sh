# shellcheck shell=sh
# A part of the session's half (launch.sh): what the host says of itself. Reads only.

# connection_of PID: sets CONNECTION, what the environment of a process says of its connection, if that may be read.
connection_of() {
    while read -r STAT; do
        case $STAT in SSH_CONNECTION=*) CONNECTION=${STAT#*=} ;; esac
    done <<END
$(tr '\000' '\n' 2>/dev/null <"/proc/$1/environ")
END
}

# own_address: sets ADDRESS, the address of this host that SSH has reached, or nothing. sudo drops the variable that tells
# it; the nearest process above that still has it counts.
own_address() {
    CONNECTION=${SSH_CONNECTION:-} PARENT=$PPID
    while [ -z "$CONNECTION" ] && [ "$PARENT" -gt 1 ]; do
        connection_of "$PARENT"
        read -r STAT 2>/dev/null <"/proc/$PARENT/stat" || break
        STAT=${STAT##*) }
        STAT=${STAT#* }
        PARENT=${STAT%% *}
    done
    # Client address, client port, server address, server port (ssh(1)).
    read -r STAT STAT ADDRESS REST <<END
$CONNECTION
END
    : "$REST" # only here so that ADDRESS is one word
}

# about: one line `host NAME ADDRESS`, with `-` for a name that cannot stand in a line.
about() {
    NAME=$(uname -n)
    case $NAME in '' | *[!A-Za-z0-9._-]*) NAME=- ;; esac
    own_address
    printf 'host %s %s\n' "$NAME" "$ADDRESS"
}
