# shellcheck shell=sh
# A group: added, changed or removed. GROUP_NAME. GROUP_ID: a number, or empty. SYSTEM, SHOULD_EXIST: yes, or empty.
: "${GROUP_NAME?}${GROUP_ID?}${SYSTEM?}${SHOULD_EXIST?}"

fail() {
    echo "group $GROUP_NAME: $1" >&2
    exit 1
}

# exists: local groups count, whatever else the host asks.
exists() { grep -q "^$(printf '%s' "$GROUP_NAME" | sed 's/[.$]/\\&/g'):" /etc/group; }

if [ -z "$SHOULD_EXIST" ]; then
    if exists; then groupdel "$GROUP_NAME" || fail "cannot be removed"; fi
elif exists; then
    if [ -n "$GROUP_ID" ]; then groupmod --gid "$GROUP_ID" "$GROUP_NAME" || fail "cannot be given the id $GROUP_ID"; fi
else
    command -v groupadd >/dev/null 2>&1 || fail "groupadd is missing: install the package with it (shadow, or passwd)"
    groupadd ${GROUP_ID:+--gid "$GROUP_ID"} ${SYSTEM:+--system} "$GROUP_NAME" || fail "cannot be added"
fi
