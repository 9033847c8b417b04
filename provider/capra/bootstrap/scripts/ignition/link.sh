# shellcheck shell=sh
# shellcheck source=provider/capra/bootstrap/scripts/path.sh
# Makes a link. path.sh stands before it. LINK: its path. TARGET: where it leads. HARD: yes, or empty for a symbolic one.
# OWNER: as chown takes it, or empty. OVERWRITE: yes, or empty: what stands there is removed, unless it is this very link.
: "${LINK?}${TARGET?}${HARD?}${OWNER?}${OVERWRITE?}"

# firm_target: the target of a hard link without links on the way, which others cannot change. In a subshell: it goes there.
firm_target() {
    enter_parent "$TARGET"
    [ -f "./$NAME" ] || fail "$LINK: leads to $TARGET, which is no file"
    [ "$TRUST" = firm ] || fail "$LINK: leads to $TARGET, in a directory that others may write to: make a symbolic link"
    printf '%s\n' "$HERE/$NAME"
}

# is_made: the link stands there, and leads where it is to lead.
is_made() {
    if [ -n "$HARD" ]; then
        [ -e "./$NAME" ] && [ ! -h "./$NAME" ] && [ "$(stat -c %d:%i "./$NAME")" = "$(stat -c %d:%i "$TARGET")" ]
    else
        [ -h "./$NAME" ] && [ "$(readlink "./$NAME")" = "$TARGET" ]
    fi
}

# make_link: in the private directory.
make_link() {
    if [ -n "$HARD" ]; then
        ln "$TARGET" "./$NAME" || fail "$LINK: cannot be made"
        return
    fi
    ln -s -- "$TARGET" "./$NAME" || fail "$LINK: cannot be made"
    if [ -n "$OWNER" ]; then
        chown -h -- "$OWNER" "./$NAME" || fail "$LINK: cannot be given to $OWNER: is there such a user?"
    fi
}

if [ -n "$HARD" ]; then TARGET=$(firm_target) || exit 1; fi
enter_parent "$LINK"
if is_made; then
    if [ -n "$OWNER" ]; then
        chown -h -- "$OWNER" "./$NAME" || fail "$LINK: cannot be given to $OWNER: is there such a user?"
    fi
    exit 0
fi
if [ -e "./$NAME" ] || [ -h "./$NAME" ]; then
    [ -n "$OVERWRITE" ] || fail "$LINK: is there already, and is not this link: remove it, or set overwrite"
    remove_name
fi
enter_private
make_link
put_in_place
