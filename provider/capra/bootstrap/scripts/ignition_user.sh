# shellcheck shell=sh
# A user: added, changed or removed. Texts, or empty: USER_NAME, PASSWORD_HASH (`*`: no password fits), AUTHORIZED_KEYS
# (lines), USER_ID, GECOS, HOME_DIRECTORY, PRIMARY_GROUP, GROUPS_OF_USER (with commas), LOGIN_SHELL. yes, or empty:
# CREATE_HOME, USER_GROUP, LOG_INIT, SYSTEM (which count only where the user is added), SHOULD_EXIST.
: "${USER_NAME?}${PASSWORD_HASH?}${AUTHORIZED_KEYS?}${USER_ID?}${GECOS?}${HOME_DIRECTORY?}${CREATE_HOME?}"
: "${PRIMARY_GROUP?}${GROUPS_OF_USER?}${USER_GROUP?}${LOG_INIT?}${LOGIN_SHELL?}${SYSTEM?}${SHOULD_EXIST?}"

fail() {
    echo "user $USER_NAME: $1" >&2
    exit 1
}

# entry: the user's line of /etc/passwd. Local users count, whatever else the host asks.
entry() { grep "^$(printf '%s' "$USER_NAME" | sed 's/[.$]/\\&/g'):" /etc/passwd; }

# field NUMBER: of the user's line.
field() { entry | cut -d : -f "$1"; }

add() {
    command -v useradd >/dev/null 2>&1 || fail "useradd is missing: install the package with it (shadow, or passwd)"
    set -- ${USER_ID:+--uid "$USER_ID"} ${GECOS:+--comment "$GECOS"} ${HOME_DIRECTORY:+--home-dir "$HOME_DIRECTORY"} \
        ${PRIMARY_GROUP:+--gid "$PRIMARY_GROUP"} ${GROUPS_OF_USER:+--groups "$GROUPS_OF_USER"} \
        ${LOGIN_SHELL:+--shell "$LOGIN_SHELL"} ${SYSTEM:+--system}
    if [ -n "$CREATE_HOME" ]; then set -- "$@" --create-home; else set -- "$@" --no-create-home; fi
    # A primary group of its own is given with --gid where there is one.
    if [ -z "$USER_GROUP" ]; then set -- "$@" --no-user-group; fi
    if [ -z "$LOG_INIT" ]; then set -- "$@" --no-log-init; fi
    # `*` is no secret: no password fits.
    useradd --password '*' "$@" "$USER_NAME" || fail "cannot be added"
}

change() {
    set -- ${USER_ID:+--uid "$USER_ID"} ${GECOS:+--comment "$GECOS"} ${PRIMARY_GROUP:+--gid "$PRIMARY_GROUP"} \
        ${GROUPS_OF_USER:+--groups "$GROUPS_OF_USER"} ${LOGIN_SHELL:+--shell "$LOGIN_SHELL"}
    if [ -n "$HOME_DIRECTORY" ] && [ "$(field 6)" != "$HOME_DIRECTORY" ]; then
        set -- "$@" --home "$HOME_DIRECTORY" --move-home
    fi
    if [ $# -gt 0 ]; then usermod "$@" "$USER_NAME" || fail "cannot be changed"; fi
}

# setting NAME: of /etc/login.defs.
setting() { sed -n "s/^$1[[:blank:]]*\([0-7]*\).*/\1/p" /etc/login.defs 2>/dev/null; }

# make_home: where useradd was cut off before it did; with the same mode.
make_home() {
    home=$(field 6)
    case $home in / | '' | /nonexistent* | /dev/* | /proc/*) return 0 ;; esac
    if [ -e "$home" ]; then return 0; fi
    (umask 022 && mkdir -p -- "${home%/*}/") && rm -rf -- "$home.new" || return 1
    mask=$(setting UMASK) mode=$(setting HOME_MODE)
    (umask "${mask:-022}" && mkdir -- "$home.new") || return 1
    if [ -n "$mode" ]; then chmod "$mode" "$home.new" || return 1; fi
    if [ -d /etc/skel ]; then cp -R /etc/skel/. "$home.new/" || return 1; fi
    chown -R -- "$(field 3):$(field 4)" "$home.new" && mv -- "$home.new" "$home"
}

# set_password: through stdin, so that nobody sees it in the list of processes.
set_password() {
    if [ -z "$PASSWORD_HASH" ]; then return 0; fi
    printf '%s:%s\n' "$USER_NAME" "$PASSWORD_HASH" | chpasswd -e || fail "the password cannot be set"
}

# add_keys: as the user, who may have made links of these names. It reads the keys from stdin, and adds those that miss.
add_keys() {
    if [ -z "$AUTHORIZED_KEYS" ]; then return 0; fi
    home=$(field 6)
    if [ ! -d "$home" ]; then fail "has no home directory for the keys"; fi
    # shellcheck disable=SC2016 # for the user's shell
    printf '%s' "$AUTHORIZED_KEYS" | HOME=$home su -s /bin/sh "$USER_NAME" -c '
        umask 077
        cd && mkdir -p .ssh && cd .ssh || exit 1
        : >authorized_keys.new || exit 1
        if [ -f authorized_keys ]; then
            cat authorized_keys >>authorized_keys.new || exit 1
            if [ -n "$(tail -c 1 authorized_keys)" ]; then echo >>authorized_keys.new; fi
        fi
        while IFS= read -r key; do
            if ! grep -qxF -e "$key" authorized_keys.new; then printf "%s\n" "$key" >>authorized_keys.new || exit 1; fi
        done
        mv -f authorized_keys.new authorized_keys' || fail "the SSH keys cannot be written to $home/.ssh/authorized_keys"
    if command -v restorecon >/dev/null 2>&1; then restorecon -R "$home/.ssh"; fi
}

if [ -z "$SHOULD_EXIST" ]; then
    if entry >/dev/null && ! userdel --remove "$USER_NAME"; then
        # userdel fails, too, where it leaves a home directory that is another's.
        if entry >/dev/null; then fail "cannot be removed: does it run something?"; fi
    fi
    exit 0
fi
if entry >/dev/null; then change; else add; fi
if [ -n "$CREATE_HOME" ]; then make_home || fail "the home directory cannot be made"; fi
set_password
add_keys
