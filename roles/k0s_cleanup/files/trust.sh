#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 2 of 11 of the k0s cleanup: whom it believes. Root runs a program, and takes a path from a definition or a
# process, only where nobody but root can have put it there (docs/decisions/0016). Without root, the user's own are as
# good.

# only_roots_group GID: true for a group that has no member but root, such as Debian's `staff` of /usr/local.
only_roots_group() {
    only_group_seen=no
    while IFS=: read -r only_entry_name only_entry_word only_entry_id only_entry_rest || [ -n "$only_entry_name" ]; do
        if [ "$only_entry_id" != "$1" ]; then continue; fi
        only_group_seen=yes
        case $only_entry_rest in '' | root) ;; *) return 1 ;; esac
    done </etc/group
    while IFS=: read -r only_entry_name only_entry_word only_entry_id only_entry_group only_entry_rest ||
        [ -n "$only_entry_name" ]; do
        if [ "$only_entry_group" = "$1" ] && [ "$only_entry_id" != 0 ]; then return 1; fi
    done </etc/passwd
    [ "$only_group_seen" = yes ]
}

# Directories that are known to be safe entries, one a line, while many paths are looked at in one go; else nothing.
SAFE=

# What one process has told of some paths, a line each; else nothing.
LISTED=

# list_entries PATHS: sets LISTED for the paths, a colon between them, and all that stands above them: a process for each
# takes longer than all the rest. Escaped, so that what a link leads to makes no line of its own.
list_entries() {
    list_entries_paths=$NEWLINE/$NEWLINE
    set -f
    IFS=:
    for list_entries_ahead in $1; do
        list_entries_ahead=${list_entries_ahead#/}/ list_entries_behind=''
        while [ -n "$list_entries_ahead" ]; do
            list_entries_behind=$list_entries_behind/${list_entries_ahead%%/*}
            list_entries_ahead=${list_entries_ahead#*/}
            case $list_entries_paths in
            *"$NEWLINE$list_entries_behind$NEWLINE"*) ;;
            *) list_entries_paths=$list_entries_paths$list_entries_behind$NEWLINE ;;
            esac
        done
    done
    IFS=$NEWLINE
    # shellcheck disable=SC2086 # one a line
    LISTED=$NEWLINE$(QUOTING_STYLE=escape ls -ldn -- $list_entries_paths 2>/dev/null)$NEWLINE
    unset IFS
    set +f
}

# entry_line PATH: sets ENTRY_LINE from LISTED, or by a process of its own; fails where there is no such entry.
entry_line() {
    case $LISTED in
    *" $1$NEWLINE"*)
        ENTRY_LINE=${LISTED%%" $1$NEWLINE"*}
        ENTRY_LINE=${ENTRY_LINE##*"$NEWLINE"}
        # The line of a link ends with what it leads to.
        case $ENTRY_LINE in [d-]*) return 0 ;; esac
        ;;
    esac
    ENTRY_LINE=$(ls -ldn -- "$1" 2>/dev/null)
}

# safe_entry PATH: true for what root (or the user that runs this) owns and nobody else may write; sets IS_LINK. A
# sticky directory is none: whoever came first made the name in it. Adds to SAFE.
safe_entry() {
    IS_LINK=no
    case $SAFE in *"$NEWLINE$1$NEWLINE"*) return 0 ;; esac
    entry_line "$1" || return 1
    read -r safe_entry_mode safe_entry_word safe_entry_owner safe_entry_group safe_entry_rest <<EOF_ENTRY
$ENTRY_LINE
EOF_ENTRY
    if [ "$safe_entry_owner" != 0 ] && [ "$safe_entry_owner" != "$ME" ]; then return 1; fi
    case $safe_entry_mode in
    l*) IS_LINK=yes ;;
    ????????w*) return 1 ;;
    ?????w*+) return 1 ;; # an access list may name anybody
    ?????w*) only_roots_group "$safe_entry_group" || return 1 ;;
    esac
    if [ -n "$SAFE" ] && [ "$IS_LINK" = no ]; then SAFE=$SAFE$1$NEWLINE; fi
}

# believed PATH: true when PATH, every directory above it and every link on the way are safe entries. Sets LISTED to nothing.
believed() {
    case $1 in *[[:cntrl:]]*) return 1 ;; /*) ;; *) return 1 ;; esac
    list_entries "$1"
    safe_way "$1"
    believed_status=$?
    LISTED=
    return "$believed_status"
}

# safe_way PATH: a part of believed. Uses LISTED.
safe_way() {
    way_ahead=${1#/} way_behind='' way_hops=0
    safe_entry / || return 1
    while [ -n "$way_ahead" ]; do
        way_part=${way_ahead%%/*}
        case $way_ahead in */*) way_ahead=${way_ahead#*/} ;; *) way_ahead= ;; esac
        case $way_part in
        '' | .) continue ;;
        ..) way_behind=${way_behind%/*} && continue ;;
        esac
        safe_entry "$way_behind/$way_part" || return 1
        if [ "$IS_LINK" = no ]; then
            way_behind=$way_behind/$way_part
            continue
        fi
        way_hops=$((way_hops + 1))
        if [ "$way_hops" -gt 40 ]; then return 1; fi
        way_part=$(readlink "$way_behind/$way_part") || return 1
        case $way_part in /*) way_behind='' way_part=${way_part#/} ;; esac
        way_ahead=$way_part/$way_ahead
    done
}

# believed_program PATH: also one that is gone, and whose place only root can fill.
believed_program() {
    if exists "$1"; then believed "$1"; else case $1 in /*/*) believed "${1%/*}" ;; *) return 1 ;; esac; fi
}

# runnable PATH: a program that may be run here. What the caller of the cleanup has named needs no other proof.
runnable() {
    [ -f "$1" ] && [ -x "$1" ] || return 1
    if [ "$1" = "$ASKED_BINARY" ]; then return 0; fi
    believed "$1"
}

# believed_path: sets PATH to those of its directories that are believed. Sets SAFE and LISTED to nothing.
believed_path() {
    believed_old_path=$PATH: believed_new_path='' SAFE=$NEWLINE
    # What looks at them comes from none of them.
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    if ! has ls || ! has readlink; then PATH=${believed_old_path%:}; fi
    list_entries "${believed_old_path%:}"
    while [ -n "$believed_old_path" ]; do
        believed_place=${believed_old_path%%:*}
        believed_old_path=${believed_old_path#*:}
        case ":$believed_new_path:" in *":$believed_place:"*) continue ;; esac
        case $believed_place in *[[:cntrl:]]*) continue ;; /*) ;; *) continue ;; esac
        if ! safe_way "$believed_place"; then continue; fi
        believed_new_path=${believed_new_path:+$believed_new_path:}$believed_place
    done
    PATH=${believed_new_path:-/usr/sbin:/usr/bin:/sbin:/bin}
    SAFE='' LISTED=''
}

# users_of PID: sets REAL and EFFECTIVE, the user ids of a process (`self`: of this one); fails when it has gone.
users_of() {
    REAL='' EFFECTIVE=''
    [ -r "/proc/$1/status" ] || return 1
    while read -r users_of_field REAL EFFECTIVE users_of_entry_rest; do
        if [ "$users_of_field" = Uid: ]; then return 0; fi
    done 2>/dev/null <"/proc/$1/status"
    REAL=
    return 1
}

# is_here PID: a process of this host's own namespaces, not of a container's.
is_here() {
    for is_here_space in pid user; do
        is_here_other=$(readlink "/proc/$1/ns/$is_here_space" 2>/dev/null)
        is_here_own=$(readlink "/proc/self/ns/$is_here_space" 2>/dev/null)
        if [ -n "$is_here_other" ] && [ "$is_here_other" != "$is_here_own" ]; then return 1; fi
    done
}

# is_setuid FILE: such a program (su, sudo, mount) runs as root with the words and the directory of whoever calls it.
is_setuid() {
    is_setuid_entry_line=$(ls -ldn -- "$1" 2>/dev/null) || return 1
    case $is_setuid_entry_line in ???[sS]*) return 0 ;; esac
    return 1
}

# counts PID EXE: true for a process whose use of k0s's directories counts: one of root (or of the user that runs
# this), and a component that k0s runs under a system account of its own (etcd, kube-apiserver) from its data
# directory.
counts() {
    alive "$1" && users_of "$1" && is_here "$1" || return 1
    if [ "$REAL" = "$ME" ] || [ "$REAL" = 0 ]; then
        [ "$EFFECTIVE" = "$REAL" ] && ! is_setuid "$2"
        return
    fi
    [ "$REAL" -lt 1000 ] && in_data "$2"
}
