#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 1 of 4 of the k0s cleanup: what any phase needs to know of the host: time, commands under a time limit, processes,
# mounts, and which directories may be removed at all. POSIX shell, coreutils or busybox, and umount.
# Results come back in upper-case variables (a command substitution would cost a process each time), and the comment
# above a function names those that it sets, where a caller sets them as well: all variables of a POSIX shell are global,
# and scripts/shell_names.py looks for a function that changes one behind its caller's back.

NEWLINE='
'

say() { printf '%s\n' "$*"; }

# touched: sets CHANGED: this attempt has changed the host. An earlier attempt that was cut off counts too.
touched() {
    if [ "$CHANGED" = no ]; then
        CHANGED=yes
        remember changed yes
    fi
}

# seconds: sets NOW, whole seconds since the kernel started.
seconds() {
    NOW=0
    if [ -r /proc/uptime ]; then read -r NOW REST </proc/uptime; fi
    NOW=${NOW%%.*}
}

has() { command -v "$1" >/dev/null 2>&1; }

systemd_runs() { has systemctl && [ -d /run/systemd/system ]; }

# alive PID: a zombie has gone.
alive() {
    read -r alive_stat 2>/dev/null <"/proc/$1/stat" || return 1
    case ${alive_stat##*) } in Z* | X*) return 1 ;; esac
}

pause() { sleep 0.2 2>/dev/null || sleep 1; }

# limited SECONDS COMMAND…: its output goes to $WORK/output. Status 124 when the time was over. In a session of its own
# where the host has setsid, so that what the command started ends with it. Sets CHILD while it runs.
limited() {
    seconds
    limited_until=$((NOW + $1))
    shift
    if command -v setsid >/dev/null 2>&1; then
        setsid "$@" </dev/null >"$WORK/output" 2>&1 &
        CHILD=$!
        GROUP=-$CHILD
    else
        "$@" </dev/null >"$WORK/output" 2>&1 &
        CHILD=$!
        GROUP=$CHILD
    fi
    while alive "$CHILD"; do
        seconds
        if [ "$NOW" -ge "$limited_until" ]; then
            end_child
            return 124
        fi
        pause
    done
    wait "$CHILD"
    limited_status=$?
    CHILD=
    return "$limited_status"
}

# end_child: ends the command that limited is waiting for, if any, and sets CHILD to none. No `--` stands before the
# group: dash takes it for a process.
end_child() {
    [ -n "${CHILD:-}" ] || return 0
    kill -TERM "$GROUP" 2>/dev/null || kill -TERM "$CHILD" 2>/dev/null
    seconds
    end_until=$((NOW + 5))
    while alive "$CHILD" && [ "$NOW" -lt "$end_until" ]; do
        pause
        seconds
    done
    kill -KILL "$GROUP" 2>/dev/null || kill -KILL "$CHILD" 2>/dev/null
    wait "$CHILD" 2>/dev/null
    CHILD=
}

# last_lines: sets LAST, the end of the last command's output, on one line.
last_lines() {
    LAST=$(tail -n 3 "$WORK/output" 2>/dev/null | tr '\n\r\t' '   ')
    LAST=${LAST% }
    LAST=${LAST:-no output}
}

# program PID: sets EXE (what the process runs), FIRST and SECOND (its first two arguments). Fails when it has gone.
program() {
    EXE=$(readlink "/proc/$1/exe" 2>/dev/null)
    EXE=${EXE% (deleted)}
    FIRST='' SECOND=''
    WORDS=$(tr '\000' '\n' 2>/dev/null <"/proc/$1/cmdline") || return 1
    FIRST=${WORDS%%"$NEWLINE"*}
    WORDS=${WORDS#"$FIRST"}
    WORDS=${WORDS#"$NEWLINE"}
    SECOND=${WORDS%%"$NEWLINE"*}
}

# is_k0s: after program, true for k0s itself, as a program or as a script that a shell runs, for what it unpacks
# into its data directory, and for the supervisor of its service.
is_k0s() {
    for PATH_OF in "$EXE" "$FIRST"; do
        case $PATH_OF in
        '') ;;
        "$BINARY" | k0s | */k0s | "$DATA"/* | "$REAL_DATA"/*) return 0 ;;
        */supervise-daemon | supervise-daemon) case $SECOND in k0scontroller | k0sworker) return 0 ;; esac ;;
        esac
    done
    case ${EXE##*/} in sh | ash | bash | dash | busybox) ;; *) return 1 ;; esac
    case $SECOND in '') return 1 ;; "$BINARY" | */k0s) return 0 ;; esac
    return 1
}

# scan: sets PROCESSES, the ids of k0s's processes without containerd's shims, and SHIMS. Processes of other process
# namespaces are left out: a k0s in a container of this host is not this host's k0s.
scan() {
    PROCESSES='' SHIMS=''
    HERE=$(readlink /proc/self/ns/pid 2>/dev/null)
    # One process for all links, and shell built-ins for the rest: a busy host has thousands of processes.
    LINKS=$(ls -l /proc/[0-9]*/exe 2>/dev/null)
    for STAT in /proc/[0-9]*; do
        PID=${STAT#/proc/}
        case $ANCESTORS in *" $PID "*) continue ;; esac
        # The NUL bytes between arguments fall out; good enough to tell whom to look at closely.
        GLUED=
        { read -r GLUED <"$STAT/cmdline"; } 2>/dev/null
        case $GLUED in
        *k0s* | *"$DATA"* | *"${BINARY:-k0s}"*) ;;
        *)
            case $LINKS in *"/proc/$PID/exe -> "*) ;; *) continue ;; esac
            LINK=${LINKS#*"/proc/$PID/exe -> "}
            LINK=${LINK%%"$NEWLINE"*}
            case $LINK in *k0s* | "$REAL_DATA"/* | "${BINARY:-k0s}"*) ;; *) continue ;; esac
            ;;
        esac
        if ! { program "$PID" && alive "$PID" && is_k0s; }; then continue; fi
        OTHER=$(readlink "/proc/$PID/ns/pid" 2>/dev/null)
        if [ -n "$OTHER" ] && [ "$OTHER" != "$HERE" ]; then continue; fi
        case ${EXE:-$FIRST} in
        */containerd-shim*) SHIMS="$SHIMS $PID" ;;
        *) PROCESSES="$PROCESSES $PID" ;;
        esac
    done
}

# parent PID: sets PARENT.
parent() {
    PARENT=
    read -r parent_stat 2>/dev/null <"/proc/$1/stat" || return 1
    parent_stat=${parent_stat##*) }
    parent_stat=${parent_stat#* }
    PARENT=${parent_stat%% *}
}

# find_ancestors: sets PARENT, and ANCESTORS, this program and those above it, which must never be ended.
find_ancestors() {
    ANCESTORS=" $$ 1 "
    PARENT=$$
    while parent "$PARENT" && [ "${PARENT:-0}" -gt 1 ]; do ANCESTORS="$ANCESTORS$PARENT "; done
}

# family PID…: sets FAMILY, these processes and all below them.
family() {
    FAMILY=" $* "
    GREW=yes
    while [ "$GREW" = yes ]; do
        GREW=no
        for STAT in /proc/[0-9]*; do
            PID=${STAT#/proc/}
            case $FAMILY$ANCESTORS in *" $PID "*) continue ;; esac
            parent "$PID" || continue
            case $FAMILY in *" $PARENT "*) FAMILY="$FAMILY$PID " GREW=yes ;; esac
        done
    done
}

# mounts_below DIRECTORY: sets MOUNTS, one a line, the deepest first; and ITSELF=yes when the directory is one.
mounts_below() {
    MOUNTS='' ITSELF=no
    # The kernel lists a mount after the one it lies in, so the reverse order is the order to unmount in.
    while read -r mounts_rest mounts_point mounts_rest; do
        case $mounts_point in *\\*) mounts_point=$(printf '%b' "$mounts_point") ;; esac
        case $mounts_point in
        "$1") ITSELF=yes ;;
        "$1"/*) MOUNTS="$mounts_point$NEWLINE$MOUNTS" ;;
        esac
    done </proc/self/mounts
}

# unmount_below DIRECTORY: whatever is still in use is detached (lazy).
unmount_below() {
    mounts_below "$1"
    while read -r unmount_point; do
        [ -n "$unmount_point" ] || continue
        touched
        umount "$unmount_point" 2>/dev/null || umount -l "$unmount_point" || say "remove: cannot unmount $unmount_point"
    done <<EOF_MOUNTS
$MOUNTS
EOF_MOUNTS
    mounts_below "$1"
    [ -z "$MOUNTS" ]
}

# is_emptied_mount DIRECTORY: true for an empty file system of the host's own that is mounted there: it stays mounted.
is_emptied_mount() {
    [ -d "$1" ] || return 1
    mounts_below "$1"
    [ "$ITSELF" = yes ] || return 1
    for ENTRY in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        case $ENTRY in */lost+found) continue ;; esac
        if [ -e "$ENTRY" ] || [ -h "$ENTRY" ]; then return 1; fi
    done
}

# exists PATH: also as a link that leads nowhere.
exists() { [ -e "$1" ] || [ -h "$1" ]; }

# remove_tree DIRECTORY: stays on its file system, and does not follow links. A directory that is a mount of the host's own is emptied, not removed.
remove_tree() {
    touched
    if [ -h "$1" ]; then rm -f "$1" && return; fi
    unmount_below "$1" || return 1
    ONE_FILE_SYSTEM=--one-file-system
    rm -rf "$ONE_FILE_SYSTEM" 2>/dev/null || ONE_FILE_SYSTEM=-f
    if [ "$ITSELF" = yes ]; then
        rm -rf "$ONE_FILE_SYSTEM" "${1:?}"/* "${1:?}"/.[!.]* "${1:?}"/..?*
    else
        rm -rf "$ONE_FILE_SYSTEM" "$1"
    fi
}

# may_remove DIRECTORY: false for what no k0s can own: not absolute, odd, a place of the system or one above it.
may_remove() {
    case $1 in
    *"$NEWLINE"* | *[[:cntrl:]]* | *\\* | *\"* | *\'* | *'$'* | *'*'* | *'?'* | *'['*) return 1 ;;
    / | //* | */ | */../* | */.. | */./* | */. | *//*) return 1 ;;
    /proc/* | /sys/* | /dev/* | /boot/* | /bin/* | /sbin/* | /lib/* | /lib64/* | /usr/bin/* | /usr/sbin/* | /etc/*) return 1 ;;
    /home/*/*) ;;
    /home/*) return 1 ;;
    /*) ;;
    *) return 1 ;;
    esac
    for SYSTEM_PLACE in /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp \
        /usr/bin /usr/include /usr/lib /usr/lib64 /usr/libexec /usr/local/bin /usr/local/lib /usr/local/sbin \
        /usr/sbin /usr/share /usr/src /var/backups /var/cache /var/lib/apk /var/lib/capra /var/lib/dpkg \
        /var/lib/rpm /var/lib/systemd /var/local /var/lock /var/log /var/mail /var/opt /var/run /var/spool \
        /var/tmp "${HOME:-/root}" "${CAPRA_RUN_DIR:-/root}"; do
        case $SYSTEM_PLACE/ in "$1"/*) return 1 ;; esac
    done
}
