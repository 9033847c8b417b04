# shellcheck shell=sh
# Makes a directory. DIRECTORY: its path. MODE: octal, or empty for 0755 or what it has. OWNER: as chown takes it, or empty.
# OVERWRITE: yes, or empty: what stands there is removed first.
: "${DIRECTORY?}${MODE?}${OWNER?}${OVERWRITE?}"

fail() {
    echo "$DIRECTORY: $1" >&2
    exit 1
}

if [ -n "$OVERWRITE" ] && { [ -e "$DIRECTORY" ] || [ -h "$DIRECTORY" ]; }; then
    case ${DIRECTORY#/} in
    */*) ;;
    *) if [ -d "$DIRECTORY" ]; then fail "is a directory of the system, which is not overwritten"; fi ;;
    esac
    rm -rf -- "$DIRECTORY" || fail "what stands there cannot be removed"
fi
if [ -h "$DIRECTORY" ] || { [ -e "$DIRECTORY" ] && [ ! -d "$DIRECTORY" ]; }; then
    fail "is there already, and is no directory: remove it, or set overwrite"
fi
umask 022
mkdir -p -- "$DIRECTORY" || fail "cannot be made"
if [ -n "$OWNER" ]; then chown -- "$OWNER" "$DIRECTORY" || fail "cannot be given to $OWNER: is there such a user?"; fi
if [ -n "$MODE" ]; then chmod -- "$MODE" "$DIRECTORY" || fail "cannot be given the mode $MODE"; fi
