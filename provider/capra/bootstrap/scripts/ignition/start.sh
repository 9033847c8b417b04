# shellcheck shell=sh
# Starts a unit as a first boot would. UNIT: its name. START: yes, or empty: only one that runs is looked at. FILES: what
# has been written for it, a path on each line: a unit that has been active since before that is started anew.
: "${UNIT?}${START?}${FILES?}"

LINES_AT_MOST=10

fail() {
    journalctl --no-pager --quiet --output cat --lines "$LINES_AT_MOST" --unit "$UNIT" 2>/dev/null | cut -c 1-200 >&2
    echo "$UNIT $1; the last lines of its journal are above" >&2
    exit 1
}

# is_older: the unit has become active before the last change of one of its files.
is_older() {
    older_since=$(LC_ALL=C TZ=UTC systemctl show --property ActiveEnterTimestamp -- "$UNIT")
    if [ -z "${older_since#*=}" ]; then return 1; fi
    older_since=$(LC_ALL=C TZ=UTC date -d "${older_since#*=}" +%s) || return 1
    printf '%s' "$FILES" | {
        while IFS= read -r older_file; do
            if [ "$(stat -c %Y -- "$older_file")" -gt "$older_since" ]; then exit 0; fi
        done
        exit 1
    }
}

state=$(systemctl is-active -- "$UNIT")
if [ "$state" = active ]; then
    if is_older; then systemctl restart -- "$UNIT" || fail "cannot be started anew"; fi
    exit 0
fi
if [ -z "$START" ]; then exit 0; fi
case $(systemctl is-enabled -- "$UNIT" 2>/dev/null) in
static | indirect)
    echo "$UNIT has no [Install] section: a boot does not start it by itself"
    exit 0
    ;;
esac
# What has failed before may have used up the starts that systemd allows.
systemctl reset-failed -- "$UNIT" 2>/dev/null
systemctl start -- "$UNIT" || fail "did not start"
