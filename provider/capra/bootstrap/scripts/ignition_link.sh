# shellcheck shell=sh
# Makes a link. LINK: its path. TARGET: where it leads. HARD: yes, or empty for a symbolic one. OWNER: as chown takes it,
# or empty. OVERWRITE: yes, or empty: what stands there is removed first, unless it is this very link.
: "${LINK?}${TARGET?}${HARD?}${OWNER?}${OVERWRITE?}"

fail() {
    echo "$LINK: $1" >&2
    exit 1
}

# is_made: the link stands there, and leads where it is to lead.
is_made() {
    if [ -n "$HARD" ]; then
        [ -e "$LINK" ] && [ "$(stat -c %d:%i -- "$LINK")" = "$(stat -c %d:%i -- "$TARGET")" ]
    else
        [ -h "$LINK" ] && [ "$(readlink -- "$LINK")" = "$TARGET" ]
    fi
}

if [ -n "$HARD" ] && [ ! -f "$TARGET" ]; then fail "leads to $TARGET, which is no file"; fi
if ! is_made; then
    if [ -e "$LINK" ] || [ -h "$LINK" ]; then
        if [ -z "$OVERWRITE" ]; then fail "is there already, and is not this link: remove it, or set overwrite"; fi
        case ${LINK#/} in
        */*) ;;
        *) if [ -d "$LINK" ] && [ ! -h "$LINK" ]; then fail "is a directory of the system, which is not overwritten"; fi ;;
        esac
        rm -rf -- "$LINK" || fail "what stands there cannot be removed"
    fi
    (umask 022 && mkdir -p -- "${LINK%/*}/") || fail "its directory cannot be made"
    if [ -n "$HARD" ]; then
        ln -- "$TARGET" "$LINK" || fail "cannot be made"
    else
        ln -s -- "$TARGET" "$LINK" || fail "cannot be made"
    fi
fi
if [ -n "$OWNER" ]; then chown -h -- "$OWNER" "$LINK" || fail "cannot be given to $OWNER: is there such a user?"; fi
