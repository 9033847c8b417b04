# shellcheck shell=sh
# shellcheck source=provider/capra/bootstrap/scripts/path.sh
# Makes a directory. path.sh stands before it. DIRECTORY: its path. MODE: octal, or empty for 0755 or what it has. OWNER: as
# chown takes it, or empty. OVERWRITE: yes, or empty: what stands there is removed first.
: "${DIRECTORY?}${MODE?}${OWNER?}${OVERWRITE?}"

enter_parent "$DIRECTORY"
if [ -n "$OVERWRITE" ]; then remove_name; fi
if [ -h "./$NAME" ] || { [ -e "./$NAME" ] && [ ! -d "./$NAME" ]; }; then
    fail "$DIRECTORY: is there already, and is no directory: remove it, or set overwrite"
fi
if [ ! -e "./$NAME" ]; then (umask 022 && mkdir "./$NAME") || fail "$DIRECTORY: cannot be made"; fi
enter_directory
if [ -n "$OWNER" ]; then chown -- "$OWNER" . || fail "$DIRECTORY: cannot be given to $OWNER: is there such a user?"; fi
if [ -n "$MODE" ]; then chmod -- "$MODE" . || fail "$DIRECTORY: cannot be given the mode $MODE"; fi
