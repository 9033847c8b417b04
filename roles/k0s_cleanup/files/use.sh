#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 4 of 11 of the k0s cleanup: which processes use k0s's directories: by executable, arguments, working directory,
# root or open files. It knows k0s only by PLACES and by is_program: another distribution is another list and another
# pattern.

# set_places: sets PLACES, one a line: the directories whose use counts.
set_places() {
    PLACES=
    for set_place in "$REAL_DATA" "$DATA" "$REAL_KUBELET" "$KUBELET" /etc/k0s /run/k0s /usr/libexec/k0s; do
        case $NEWLINE$PLACES in *"$NEWLINE$set_place$NEWLINE"*) ;; *) PLACES="$PLACES$set_place$NEWLINE" ;; esac
    done
}

# in_places PATH: at or below one of them.
in_places() {
    in_places_in_path=${1%" (deleted)"}
    IFS=$NEWLINE
    for in_places_place in $PLACES; do
        case $in_places_in_path in "$in_places_place" | "$in_places_place"/*) unset IFS && return 0 ;; esac
    done
    unset IFS
    return 1
}

in_data() { below "$1" "$DATA" "$REAL_DATA"; }

# names_place WORD: true when an argument is such a path, or holds one: --root=/var/lib/k0s/x, unix:///run/k0s/x, a:b.
names_place() {
    IFS=$NEWLINE
    for names_place in $PLACES; do
        case :$1: in *[:=,]"$names_place"[:/,]* | *[:=,]//"$names_place"[:/,]*) unset IFS && return 0 ;; esac
    done
    unset IFS
    return 1
}

# program PID: sets EXE (what the process runs), FIRST and SECOND (its first two arguments), TOKENS (all, one a line).
# Fails when it has gone.
program() {
    EXE=$(readlink "/proc/$1/exe" 2>/dev/null)
    EXE=${EXE%" (deleted)"}
    FIRST='' SECOND=''
    TOKENS=$(tr '\n\000' ' \n' 2>/dev/null <"/proc/$1/cmdline") || return 1
    FIRST=${TOKENS%%"$NEWLINE"*}
    SECOND=${TOKENS#"$FIRST"}
    SECOND=${SECOND#"$NEWLINE"}
    SECOND=${SECOND%%"$NEWLINE"*}
}

is_shell() { case ${1##*/} in sh | ash | bash | dash | busybox) ;; *) return 1 ;; esac; }

# is_program: after program, true for k0s itself, as a program or as a script that a shell runs, for what it unpacks
# into its data directory, and for the supervisor of its service.
is_program() {
    for is_path_of in "$EXE" "$FIRST"; do
        case $is_path_of in
        '') ;;
        "$BINARY" | k0s | */k0s | "$DATA"/* | "$REAL_DATA"/*) return 0 ;;
        */supervise-daemon | supervise-daemon) case $SECOND in k0scontroller | k0sworker) return 0 ;; esac ;;
        esac
    done
    is_shell "$EXE" || return 1
    case $SECOND in '') return 1 ;; "$BINARY" | */k0s | */k0sleave.sh) return 0 ;; esac
    return 1
}

# has_arguments PID: after program, true when an argument names such a directory, and more than by the way: not in the
# words of whoever cleans this host from this host, and not in those of another service of the host (a monitor that
# leaves these directories out, say).
has_arguments() {
    case $TOKENS in *k0s_cleanup* | *--k0s-data-dir*) return 1 ;; esac
    has_named=no
    while read -r has_word; do
        if names_place "$has_word"; then has_named=yes && break; fi
    done <<EOF_WORDS
$TOKENS
EOF_WORDS
    [ "$has_named" = yes ] && ! in_other_service "$1"
}

# in_other_service PID: true for a process of an installed unit that is not k0s's. Sessions of sshd count as nobody's.
in_other_service() {
    in_unit=
    [ -r "/proc/$1/cgroup" ] || return 1
    while read -r in_word; do
        case $in_word in */system.slice/*.service*) in_unit=${in_word#*/system.slice/} in_unit=${in_unit%%/*} ;; esac
    done 2>/dev/null <"/proc/$1/cgroup"
    case $in_unit in '' | k0s* | ssh* | dropbear*) return 1 ;; esac
    for in_place in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        if [ -f "$in_place/$in_unit" ]; then return 0; fi
    done
    return 1
}

# candidates: sets CANDIDATES, the processes that are worth a close look. A busy host has thousands: two processes are
# started for all links, and shell built-ins do the rest.
candidates() {
    CANDIDATES=' '
    candidates_links=$(ls -ln /proc/[0-9]*/exe /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/fd 2>/dev/null)
    candidates_pid=
    set -f
    IFS=$NEWLINE
    for candidates_line in $candidates_links; do
        case $candidates_line in
        /proc/*/fd:)
            candidates_pid=${candidates_line#/proc/}
            candidates_pid=${candidates_pid%/fd:}
            ;;
        *" -> "*"$DATA"* | *" -> "*"$REAL_DATA"* | *" -> "*"$KUBELET"* | *" -> "*"$REAL_KUBELET"* | *" -> "*k0s*)
            case $candidates_line in
            *" /proc/"*" -> "*) candidates_pid=${candidates_line#*" /proc/"} candidates_pid=${candidates_pid%%/*} ;;
            esac
            case $CANDIDATES in *" $candidates_pid "*) ;; *) CANDIDATES="$CANDIDATES$candidates_pid " ;; esac
            ;;
        esac
    done
    unset IFS
    set +f
    for candidates_stat in /proc/[0-9]*; do
        candidates_pid=${candidates_stat#/proc/}
        # The NUL bytes between arguments fall out; good enough to tell whom to look at closely.
        candidates_glued=
        {
            while IFS= read -r candidates_piece || [ -n "$candidates_piece" ]; do
                candidates_glued=$candidates_glued$candidates_piece
            done <"$candidates_stat/cmdline"
        } 2>/dev/null
        case $candidates_glued in
        *k0s* | *"$DATA"* | *"$REAL_DATA"* | *"$KUBELET"* | *"$REAL_KUBELET"* | *"${BINARY:-k0s}"*)
            case $CANDIDATES in *" $candidates_pid "*) ;; *) CANDIDATES="$CANDIDATES$candidates_pid " ;; esac
            ;;
        esac
    done
}

# holds_place PID: true when its executable, working directory, root or an open file lies in such a directory.
holds_place() {
    holds_links=$(ls -ln "/proc/$1/exe" "/proc/$1/cwd" "/proc/$1/root" "/proc/$1/fd" 2>/dev/null)
    while read -r holds_line; do
        case $holds_line in *" -> "*) ;; *) continue ;; esac
        if in_places "${holds_line#*" -> "}"; then return 0; fi
    done <<EOF_LINKS
$holds_links
EOF_LINKS
    return 1
}

# scan: sets PROCESSES, k0s's own and those whose arguments name its directories, without containerd's shims; SHIMS;
# and USERS, others that have something of these directories open. A host's own: see counts.
scan() {
    PROCESSES='' SHIMS='' USERS=''
    candidates
    for scan_pid in $CANDIDATES; do
        case $ANCESTORS in *" $scan_pid "*) continue ;; esac
        if ! { program "$scan_pid" && counts "$scan_pid" "$EXE"; }; then continue; fi
        if is_program || has_arguments "$scan_pid"; then
            case ${EXE:-$FIRST} in
            */containerd-shim*) SHIMS="$SHIMS $scan_pid" ;;
            *) PROCESSES="$PROCESSES $scan_pid" ;;
            esac
        elif holds_place "$scan_pid"; then
            USERS="$USERS $scan_pid"
        fi
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
    family_grew=yes
    while [ "$family_grew" = yes ]; do
        family_grew=no
        for family_stat in /proc/[0-9]*; do
            family_pid=${family_stat#/proc/}
            case $FAMILY$ANCESTORS in *" $family_pid "*) continue ;; esac
            parent "$family_pid" || continue
            case $FAMILY in *" $PARENT "*) FAMILY="$FAMILY$family_pid " family_grew=yes ;; esac
        done
    done
}

# signal NAME PID…: sets SIGNALED, also for the phases after this one.
signal() {
    if [ "$SIGNALED" = no ]; then
        SIGNALED=yes
        remember signaled yes
    fi
    signal_signal=$1
    shift
    for signal_pid in "$@"; do kill -s "$signal_signal" "$signal_pid" 2>/dev/null; done
}

# all_gone SECONDS: until no process is left that uses these directories.
all_gone() {
    seconds
    all_gone_gone_by=$((NOW + $1))
    while scan && [ -n "$PROCESSES$SHIMS$USERS" ]; do
        seconds
        if [ "$NOW" -ge "$all_gone_gone_by" ]; then return 1; fi
        pause
    done
}

# look_again: true when no process uses these directories, and none is back within two seconds where some had to be ended.
# Whatever starts them again may not have had its turn yet on a busy host. Else PROCESSES, SHIMS and USERS name them.
look_again() {
    scan
    again_looks=2
    while [ "$SIGNALED" = yes ] && [ "$again_looks" -gt 0 ] && [ -z "$PROCESSES$SHIMS$USERS" ]; do
        sleep 1
        scan
        again_looks=$((again_looks - 1))
    done
    [ -z "$PROCESSES$SHIMS$USERS" ]
}

# end_users: asks whatever still uses these directories to end, and ends it. Containers outlive k0s by design, with all
# that runs in them, and a reset that could not reach them leaves them.
end_users() {
    scan
    if [ -z "$PROCESSES$SHIMS$USERS" ]; then return 0; fi
    touched
    # shellcheck disable=SC2086 # one word a process
    family $PROCESSES $SHIMS
    # shellcheck disable=SC2086
    signal TERM $FAMILY $USERS
    if all_gone 5; then return 0; fi
    # shellcheck disable=SC2086
    family $PROCESSES $SHIMS
    # shellcheck disable=SC2086
    signal KILL $FAMILY $USERS
    all_gone 10
}
