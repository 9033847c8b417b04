# shellcheck shell=sh
# The way to a path, for programs that make or remove something where other users may write. They can put a link in the
# place of anything there, at any moment. So the way is gone step by step: the working directory is the one that was looked
# at, wherever its name leads later, and no operation names more than one component below it. plugins/plugin_utils/places.sh
# does the same for the steps that write files.

# enter_parent PATH: makes the directory of PATH the working one, and those on the way that are not there, with the mode
# 0755. Sets NAME, the last component, HERE, the directory without links, and TRUST (see look_here). A link on the way is
# followed only where nobody but root (or this user) can have put it.
enter_parent() {
    parent_left=${1#/} parent_links=0
    enter_root
    while case $parent_left in */*) true ;; *) false ;; esac; do
        NAME=${parent_left%%/*} parent_left=${parent_left#*/}
        if [ -z "$NAME" ] || [ "$NAME" = . ]; then continue; fi
        if [ -h "./$NAME" ]; then
            follow_link
            parent_left=$LINK_TARGET/$parent_left parent_links=$((parent_links + 1))
            [ "$parent_links" -le 40 ] || fail "$1 leads through too many links"
        else
            if [ ! -e "./$NAME" ]; then (umask 022 && mkdir "./$NAME") || fail "$HERE/$NAME cannot be made"; fi
            enter_directory
        fi
    done
    NAME=$parent_left
}

# enter_root: sets HERE and TRUST.
enter_root() {
    cd -P / || fail "/ cannot be entered"
    HERE=''
    look_here
}

# follow_link: goes to where the target of the link NAME begins. Sets LINK_TARGET, what is left of it.
follow_link() {
    [ "$TRUST" = firm ] || fail "$HERE/$NAME is a link in a directory that others may write to, and is not followed"
    LINK_TARGET=$(readlink "./$NAME") || fail "$HERE/$NAME cannot be read"
    case $LINK_TARGET in
    /*)
        enter_root
        LINK_TARGET=${LINK_TARGET#/}
        ;;
    esac
}

# enter_directory: makes the directory NAME the working one. Sets HERE and TRUST. Where others have put a link in its place
# meanwhile this is somewhere else, which the kernel tells.
enter_directory() {
    if [ "$NAME" = .. ]; then
        [ "$TRUST" != loose ] || fail "$HERE/.. leads out of a directory that others may write to, and is not followed"
        HERE=${HERE%/*}
    else
        HERE=$HERE/$NAME
    fi
    cd -P "./$NAME" 2>/dev/null || fail "$HERE is no directory, or cannot be entered"
    [ "$(pwd -P)" = "${HERE:-/}" ] || fail "$HERE has become another directory just now"
    if [ "$TRUST" != loose ]; then look_here; fi
}

# look_here: sets TRUST for the working directory, above which only root and this user can change names: firm when that
# holds for the names in it as well; sticky when everybody can make names in it, but change only those of their own; else
# loose.
look_here() {
    TRUST=loose
    read -r look_mode look_links look_owner look_rest <<END
$(ls -ldn .)
END
    : "$look_links$look_rest" # only here so that the owner is one word
    [ "$look_owner" = 0 ] || [ "$look_owner" = "$(id -u)" ] || return 0
    case $look_mode in
    ?????w???[tT]* | ????????w[tT]*) TRUST=sticky ;;
    ?????w* | ????????w*) ;;
    *) TRUST=firm ;;
    esac
}

# enter_private: makes a directory in the working one that only this user can use, and goes into it: nobody else can change
# anything there, or move it out of the directory above. What a run that was cut off has left of it goes.
enter_private() {
    rm -rf ./.capra-new
    (umask 077 && mkdir ./.capra-new) || fail "$HERE/.capra-new cannot be made"
    cd -P ./.capra-new || fail "$HERE/.capra-new cannot be entered"
    [ "$(pwd -P)" = "$HERE/.capra-new" ] && [ "$(stat -c %u .)" = "$(id -u)" ] ||
        fail "$HERE/.capra-new has become another directory just now"
    chmod 0700 . || fail "$HERE/.capra-new cannot be protected"
    trap leave_private EXIT
}

# leave_private: goes back, and removes it with all that is in it.
leave_private() {
    trap - EXIT
    cd -P .. && rm -rf ./.capra-new
}

# put_in_place: NAME of the private directory takes the place of what has that name in the directory above, or of nothing;
# then this is in the directory above. A directory there is never gone into, and stays.
put_in_place() {
    # As an item of a directory, NAME is never followed.
    to_disk "./$NAME"
    mv -f "./$NAME" ../ || fail "$HERE/$NAME cannot be put in place"
    leave_private
    to_disk .
}

# remove_name: removes NAME of the working directory, but no directory directly below the root.
remove_name() {
    if [ -z "$HERE" ] && [ -d "./$NAME" ] && [ ! -h "./$NAME" ]; then
        fail "/$NAME is a directory of the system, which is not replaced"
    fi
    rm -rf "./$NAME" || fail "$HERE/$NAME cannot be removed"
}
