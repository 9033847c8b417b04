# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# The way to a file, for both halves of the work on a host. Root works in directories of other users, too, who may put
# a link in the place of anything there, at any moment. So the way is gone step by step: the working directory is the one
# that was looked at, wherever its name leads later, and no operation names more than one component below it.

# walk PATH [stay]: goes to the directory of PATH, as far as there is one. Sets HERE (where that is, without links), TRUST
# (see look_here), MISSING (the directories still to be made, each with a slash behind it) and NAME; on the way WAY, what is
# left of the path, and LINKS. A link is followed where only root or this user can have put it, as the last component not
# with `stay`; otherwise it fails and says so.
walk() {
    WAY=$1 LINKS=0 walk_file=0
    if walk_straight "$@"; then return 0; fi
    from_root || return 1
    while :; do
        while [ "${WAY#/}" != "$WAY" ]; do WAY=${WAY#/}; done
        NAME=${WAY%%/*} MISSING=
        if [ "$NAME" != "$WAY" ]; then WAY=${WAY#*/}; else WAY=; fi
        if [ "$NAME" = . ]; then continue; fi
        if [ -z "$WAY" ] && [ "${2:-}" = stay ]; then return 0; fi
        if [ "$NAME" != .. ] && [ -h "./$NAME" ]; then
            if [ -z "$WAY" ]; then walk_file=1; fi
            follow_link || return 1
            continue
        fi
        if [ -z "$WAY" ]; then return 0; fi
        if [ ! -e "./$NAME" ]; then break; fi
        enter || return 1
    done
    if [ "$walk_file" = 1 ]; then say "$1: a link that leads nowhere" && return 1; fi
    WAY=$NAME/$WAY
    while [ "$WAY" != "${WAY#*/}" ]; do
        case ${WAY%%/*} in
        '' | .) ;;
        ..) say "$1: leads through a directory that is not there" && return 1 ;;
        *) MISSING=$MISSING${WAY%%/*}/ ;;
        esac
        WAY=${WAY#*/}
    done
    NAME=$WAY
}

# walk_straight PATH [stay]: the same as walk for most paths, with one look at all directories: only root or this user can
# change a name in any of them, and there is no link. From the root on, each look was at the directory that its name leads
# to, because nobody else could change that. Fails for any other path, and nothing but that counts then. Sets HERE, TRUST,
# MISSING and NAME.
walk_straight() {
    case $1/ in *//* | */./* | */../* | *"$NEWLINE"*) return 1 ;; esac
    straight_stay=${2:-} straight_left=${1#/} HERE='' MISSING=''
    set -- /
    while [ "$straight_left" != "${straight_left#*/}" ]; do
        NAME=${straight_left%%/*}
        if [ -h "$HERE/$NAME" ] || [ ! -e "$HERE/$NAME" ]; then break; fi
        HERE=$HERE/$NAME straight_left=${straight_left#*/}
        set -- "$@" "$HERE"
    done
    NAME=${straight_left##*/}
    if [ "$straight_left" != "$NAME" ]; then MISSING=${straight_left%"$NAME"}; fi
    my_uid
    straight_count=0
    while read -r straight_mode straight_links straight_owner straight_rest; do
        if [ "$straight_owner" != 0 ] && [ "$straight_owner" != "$MY_UID" ]; then return 1; fi
        case $straight_mode in d????[!w]??[!w]*) ;; *) return 1 ;; esac
        straight_count=$((straight_count + 1))
    done <<END
$(ls -ldn "$@" 2>/dev/null)
END
    : "$straight_links$straight_rest" # only here so that the owner is one word
    [ "$straight_count" = $# ] && cd -P "${HERE:-/}" || return 1
    HERE=${HERE:-/} TRUST=firm
    if [ -n "$MISSING" ]; then [ ! -h "./${MISSING%%/*}" ] && [ ! -e "./${MISSING%%/*}" ] || return 1; fi
    [ "$straight_stay" = stay ] || [ -n "$MISSING" ] || [ ! -h "./$NAME" ]
}

# from_root: begins at the root directory; sets HERE and TRUST.
from_root() {
    cd -P / || return 1
    HERE=/ TRUST=firm
    look_here
}

# follow_link: a part of walk: goes on where the link NAME leads; sets WAY and LINKS, HERE and TRUST.
follow_link() {
    LINKS=$((LINKS + 1))
    if [ "$TRUST" != firm ]; then
        say "${HERE%/}/$NAME: a link in a directory that others may write is not followed"
        return 1
    fi
    if [ "$LINKS" -gt 40 ]; then say "${HERE%/}/$NAME: a link that leads nowhere" && return 1; fi
    follow_to=$(readlink "./$NAME" && echo x) || return 1
    follow_to=${follow_to%"$NEWLINE"x}
    if [ "${follow_to#/}" = "$follow_to" ]; then follow_to=$HERE/$follow_to; fi
    WAY=$follow_to${WAY:+/$WAY}
    from_root
}

# enter: makes the directory NAME of the working directory the working one; sets HERE and TRUST. What others have put in
# its place meanwhile is somewhere else, which the kernel tells.
enter() {
    enter_trust=$TRUST
    if ! cd -P "./$NAME" 2>/dev/null; then say "${HERE%/}/$NAME: is no directory, or cannot be entered" && return 1; fi
    if [ "$NAME" = .. ]; then HERE=${HERE%/*}; else HERE=${HERE%/}/$NAME; fi
    HERE=${HERE:-/}
    if [ "$enter_trust" = firm ] && [ "$NAME" != .. ]; then
        look_here
        return
    fi
    stands_at "$HERE" || { say "$HERE: has become another directory just now"; return 1; }
    if [ "$enter_trust" = loose ]; then return 0; fi
    look_here
}

# stands_at PATH: true when the kernel has the working directory at this path.
stands_at() { [ "$(readlink /proc/self/cwd && echo x)" = "$1${NEWLINE}x" ]; }

# look_here: sets TRUST for the working directory, above which only root and this user can change names: firm when that
# holds for the names in it as well; sticky when everybody can make names in it, but change only those of their own; else
# loose.
look_here() {
    TRUST=loose
    my_uid
    # shellcheck disable=SC2046 # mode, links, owner
    set -- $(ls -ldn .)
    if [ "$3" != 0 ] && [ "$3" != "$MY_UID" ]; then return 0; fi
    case $1 in
    ?????w???[tT]* | ????????w[tT]*) TRUST=sticky ;;
    ?????w* | ????????w*) ;;
    *) TRUST=firm ;;
    esac
}

# private_name: sets PRIVATE, a name that nobody can know beforehand.
private_name() {
    if ! read -r PRIVATE 2>/dev/null </proc/sys/kernel/random/uuid || [ -z "$PRIVATE" ]; then
        PRIVATE=$(head -c 16 /dev/urandom | sha256sum)
        PRIVATE=${PRIVATE%% *}
    fi
    PRIVATE=.capra.$PRIVATE
}

# go_private: makes the directory PRIVATE and goes into it. Nobody else can change anything in it, or move it out of the
# working directory: `..` stays where HERE was.
go_private() {
    go_why=$(umask 077 && mkdir "./$PRIVATE" 2>&1) || { cannot_write "$go_why"; return 1; }
    cd -P "./$PRIVATE" || return 1
    if [ "$TRUST" = firm ] || { stands_at "${HERE%/}/$PRIVATE" && own_private; }; then return 0; fi
    say "${HERE%/}/$PRIVATE: has become another directory just now"
    return 1
}

# own_private: true when only this user can do anything in the working directory.
own_private() {
    my_uid
    # shellcheck disable=SC2046 # mode, links, owner
    set -- $(ls -ldn .)
    [ "$3" = "$MY_UID" ] || return 1
    # Where the directory above has a default access list, the umask does not count.
    case $1 in drwx--[-S]---*) ;; *) chmod 0700 . ;; esac
}

# leave_private NAME: removes the private directory with this name, the working one, and is where HERE was.
leave_private() {
    empty_private
    cd -P .. && rmdir "./$1" 2>/dev/null
}

# empty_private: removes all files in the working directory.
empty_private() {
    for empty_file in ./* ./.[!.]* ./..?*; do
        if [ -e "$empty_file" ] || [ -h "$empty_file" ]; then rm -f "$empty_file"; fi
    done
}

# sweep_private PATH: removes what a program that was killed has left of a private directory. In a subshell: it goes
# elsewhere. Its owner may have moved it.
sweep_private() {
    if [ ! -d "$1" ]; then return 0; fi
    (
        walk "$1" stay >/dev/null && [ -z "$MISSING" ] || exit 0
        cd -P "./$NAME" 2>/dev/null && stands_at "${HERE%/}/$NAME" && own_private || exit 0
        leave_private "$NAME"
    )
}

# cannot_write WHY: says that PLACE cannot be written, with the last part of a tool's message.
cannot_write() { say "$PLACE cannot be written: ${1##*: }"; }

# hold: sets SOURCE to the file NAME of the directory above, or to nothing when there is none; called in a private
# directory. Where others may put a link into its place, it is held by a name in here, which they cannot change.
hold() {
    SOURCE=
    if [ "$TRUST" = firm ]; then
        if [ -e "../$NAME" ]; then SOURCE=../$NAME; fi
    else
        hold_as=./held
        if [ "$NAME" = held ]; then hold_as=./held.; fi
        if ln "../$NAME" "$hold_as" 2>/dev/null; then
            SOURCE=$hold_as
        elif [ -e "../$NAME" ] || [ -h "../$NAME" ]; then
            # With -R a pipe is made again, not read.
            cp -P -p -R "../$NAME" "$hold_as" || return 1
            SOURCE=$hold_as
        fi
    fi
    if [ -z "$SOURCE" ]; then return 0; fi
    if [ -h "$SOURCE" ]; then say "$PLACE: a link in a directory that others may write is not followed" && return 1; fi
    if [ -f "$SOURCE" ]; then return 0; fi
    if [ "$TRUST" != firm ] && [ -d "$SOURCE" ]; then rm -rf "$SOURCE"; fi
    say "$PLACE: is not a regular file"
    return 1
}

# mounted: true when something is mounted at PLACE. The kernel escapes such names.
mounted() {
    escape "$PLACE" ''
    while read -r mounted_id mounted_above mounted_device mounted_root mounted_at mounted_rest; do
        if [ "$mounted_at" = "$ESCAPED" ]; then return 0; fi
    done </proc/self/mountinfo
    : "$mounted_id$mounted_above$mounted_device$mounted_root$mounted_rest" # only here so that the place is one word
    return 1
}

# escape TEXT ZERO: sets ESCAPED to one word. With ZERO 0 as in a payload field, which decode reads; with none as in
# /proc/self/mountinfo.
escape() {
    ESCAPED=$1
    replace_in_escaped \\ "\\${2}134"
    replace_in_escaped ' ' "\\${2}040"
    replace_in_escaped "	" "\\${2}011"
    replace_in_escaped "$NEWLINE" "\\${2}012"
    # So that no path looks like half a line.
    if [ -n "$2" ]; then replace_in_escaped '(' "\\${2}050"; fi
}

# replace_in_escaped PART BY: changes each PART in what escape sets, ESCAPED.
replace_in_escaped() {
    replace_left=$ESCAPED ESCAPED=
    while [ "${replace_left#*"$1"}" != "$replace_left" ]; do
        ESCAPED=$ESCAPED${replace_left%%"$1"*}$2
        replace_left=${replace_left#*"$1"}
    done
    ESCAPED=$ESCAPED$replace_left
}
