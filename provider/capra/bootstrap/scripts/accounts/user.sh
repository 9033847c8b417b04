#!/bin/sh
# shellcheck source=provider/capra/bootstrap/scripts/path.sh
# shellcheck source=provider/capra/bootstrap/scripts/accounts/login.sh
# Makes a user as cloud-init's users_groups does, or as Ignition does. path.sh and login.sh stand before it. One that is
# there is left as it is, but for hashed_passwd and the lock; with `change`, Ignition's way, it gets all that is given.
# Variables: user and the settings of modules/users/settings.py; a switch is 1 or empty, groups have spaces between them.
# lock_passwd: 1, empty to unlock, or keep. change: 1 or empty: then groups may be numbers, and `system` has a home, too.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf

# group_id GROUP: the number of a group with this name or number; fails where there is none.
group_id() {
    awk -F: -v group="$1" '$1 == group || $3 == group { print $3; found = 1; exit } END { exit !found }' /etc/group ||
        getent group "$1" 2>/dev/null | awk -F: '{ print $3 } END { exit !NR }'
}

group_exists() { group_id "$1" >/dev/null; }

# field NUMBER FILE: of the user's line in passwd(5) or shadow(5).
field() { awk -F: -v user="$user" -v number="$1" '$1 == user { print $number; exit }' "$2"; }

# wanted_group NAME: is there, or is made.
wanted_group() {
    if group_exists "$1"; then return; fi
    [ -n "$create_groups" ] || fail "there is no group $1: name it under groups"
    if has groupadd; then groupadd -- "$1"; else addgroup "$1"; fi || fail "the group $1 cannot be made"
}

# own_group: the group that the user begins with where it must be named, since none of its own can be made.
own_group() {
    if [ -n "$primary_group" ]; then
        echo "$primary_group"
    elif [ -z "$no_user_group" ] && group_exists "$user"; then
        echo "$user"
    fi
}

# add_with_useradd: without a home, which is made later, whole.
add_with_useradd() {
    begin=$(own_group)
    set -- -M
    if [ -n "$begin" ]; then set -- "$@" -g "$begin"; elif [ -n "$no_user_group" ]; then set -- "$@" -N; fi
    if [ -n "$uid" ]; then set -- "$@" -u "$uid"; fi
    if [ -n "$gecos" ]; then set -- "$@" -c "$gecos"; fi
    if [ -n "$homedir" ]; then set -- "$@" -d "$homedir"; fi
    if [ -n "$shell" ]; then set -- "$@" -s "$shell"; fi
    if [ -n "$inactive" ]; then set -- "$@" -f "$inactive"; fi
    if [ -n "$expiredate" ]; then set -- "$@" -e "$expiredate"; fi
    if [ -n "$system" ]; then set -- "$@" -r; fi
    if [ -n "$no_log_init" ]; then set -- "$@" -l; fi
    useradd "$@" -- "$user"
}

add_with_busybox() {
    [ -z "$inactive$expiredate" ] || fail "inactive and expiredate need useradd: install the package shadow"
    begin=$(own_group)
    if [ -z "$begin" ] && [ -n "$no_user_group" ]; then begin=users; fi
    set -- -D -H
    if [ -n "$begin" ]; then set -- "$@" -G "$begin"; fi
    if [ -n "$uid" ]; then set -- "$@" -u "$uid"; fi
    if [ -n "$gecos" ]; then set -- "$@" -g "$gecos"; fi
    if [ -n "$homedir" ]; then set -- "$@" -h "$homedir"; fi
    if [ -n "$shell" ]; then set -- "$@" -s "$shell"; fi
    if [ -n "$system" ]; then set -- "$@" -S; fi
    adduser "$@" "$user"
}

# home_mode: of a new home directory (login.defs(5), HOME_MODE and UMASK).
home_mode() {
    settled=$(awk '$1 == "HOME_MODE" { print $2 }' /etc/login.defs 2>/dev/null)
    mask=$(awk '$1 == "UMASK" { print $2 }' /etc/login.defs 2>/dev/null)
    case $settled$mask in *[!0-7]*) settled='' mask='' ;; esac
    echo "${settled:-$(printf '%o' $((0777 & ~0${mask:-022})))}"
}

# make_home: where there is none; under another name first, so that a home that is there is whole.
make_home() {
    home=$(field 6 /etc/passwd)
    case $home in
    / | /nonexistent* | /dev/* | /proc/*) return ;;
    /?*) ;;
    *) fail "the user $user has no home directory in /etc/passwd" ;;
    esac
    if [ -e "$home" ]; then return; fi
    # In a subshell: it goes there.
    (
        enter_parent "$home"
        enter_private
        mkdir -m 0700 "./$NAME" || fail "the home directory $home cannot be made"
        {
            { [ ! -d /etc/skel ] || cp -R -P /etc/skel/. "./$NAME"; } &&
                chown -R "$(id -u "$user"):$(id -g "$user")" "./$NAME" && chmod "$(home_mode)" "./$NAME"
        } || fail "the home directory $home cannot be made"
        put_in_place
    ) || exit 1
    if has restorecon; then restorecon -R "$home"; fi
}

make_user() {
    if has useradd; then add_with_useradd; else add_with_busybox; fi || fail "the user $user cannot be made"
    for group in $groups; do
        if has usermod; then usermod -a -G "$group" -- "$user"; else addgroup "$user" "$group"; fi ||
            fail "the user $user cannot be added to the group $group"
    done
}

# keep_own SETTING: refuses what would change under Capra's own session, and what it needs for the next one.
keep_own() {
    if is_own_login "$user"; then
        fail "the user $user is the one that Capra logs in with, and its $1 would change: leave $1 out, or write what it has"
    fi
}

# lost_groups: those that the user is a member of, and that are not asked for.
lost_groups() {
    wanted_ids=' '
    for group in $groups; do wanted_ids="$wanted_ids$(group_id "$group") "; done
    awk -F: -v user="$user" -v wanted="$wanted_ids" '
        index("," $4 ",", "," user ",") && !index(wanted, " " $3 " ") { printf "%s ", $1 }' /etc/group
}

# change_user: what differs.
change_user() {
    has usermod || fail "the user $user is there, and usermod is missing: install the package shadow or passwd"
    set --
    if [ -n "$uid" ] && [ "$(field 3 /etc/passwd)" != "$uid" ]; then keep_own uid && set -- "$@" -u "$uid"; fi
    if [ -n "$gecos" ]; then set -- "$@" -c "$gecos"; fi
    if [ -n "$homedir" ] && [ "$(field 6 /etc/passwd)" != "$homedir" ]; then
        keep_own homeDir
        set -- "$@" -d "$homedir" -m
    fi
    if [ -n "$shell" ] && [ "$(field 7 /etc/passwd)" != "$shell" ]; then keep_own shell && set -- "$@" -s "$shell"; fi
    if [ -n "$primary_group" ] && [ "$(field 4 /etc/passwd)" != "$(group_id "$primary_group")" ]; then
        keep_own primaryGroup
        set -- "$@" -g "$primary_group"
    fi
    if [ -n "$groups" ]; then
        lost=$(lost_groups)
        if [ -n "$lost" ] && is_own_login "$user"; then
            fail "the user $user is the one that Capra logs in with, and would lose the groups ${lost% }: name them, too"
        fi
        set -- "$@" -G "$(printf '%s' "$groups" | tr ' ' ',')"
    fi
    [ "$#" = 0 ] || usermod "$@" -- "$user" || fail "the user $user cannot be changed"
}

# set_hash HASH: on the standard input of chpasswd, since arguments are seen by everybody.
set_hash() { printf '%s:%s\n' "$user" "$1" | chpasswd -e || fail "the password of the user $user cannot be set"; }

# keep_own_password WHAT: refuses to take from Capra the password that it becomes root with.
keep_own_password() {
    if is_own_login "$user" && needs_password "$user"; then
        fail "the user $user is the one that Capra logs in with, and sudo asks for its password: $1, or write NOPASSWD: in its rules before"
    fi
}

# without_pam: an sshd that asks no PAM lets nobody in whose password begins with `!`, not even with a key.
without_pam() { ! "$(command -v sshd || echo /usr/sbin/sshd)" -T 2>/dev/null | grep -qi '^usepam yes'; }

lock() {
    # Who comes from a directory service has no password here.
    [ -n "$(field 1 /etc/shadow)" ] || return 0
    password=$(field 2 /etc/shadow)
    case $password in '!'* | '*'*) return ;; esac
    keep_own_password "write lock_passwd: false"
    if without_pam; then
        set_hash "*$password"
    elif has usermod; then
        usermod -L -- "$user" || fail "the password of the user $user cannot be locked"
    else
        passwd -l "$user" >/dev/null 2>&1 || fail "the password of the user $user cannot be locked"
    fi
}

# unlock: where there is a password behind the lock; without one anybody could log in. The lock is of any kind, also that of
# a time when sshd used PAM, or did not.
unlock() {
    password=$(field 2 /etc/shadow)
    case $password in
    '*$'*)
        set_hash "${password#\*}"
        return
        ;;
    esac
    for _ in 1 2; do
        case $password in '!'*'$'*) ;; *) return ;; esac
        if has usermod; then usermod -U -- "$user"; else passwd -u "$user" >/dev/null 2>&1; fi ||
            fail "the password of the user $user cannot be unlocked"
        password=$(field 2 /etc/shadow)
    done
}

# Says that the user is being made: what was cut off is taken away, and begun again.
marker=/etc/.capra-new-user.$user
# Who makes a user of this name later is not undone.
trap 'id -u "$user" >/dev/null 2>&1 || rm -f "$marker"' EXIT
new=''
if ! id -u "$user" >/dev/null 2>&1; then
    new=1
elif [ -e "$marker" ]; then
    if has userdel; then userdel -- "$user"; else deluser "$user"; fi >/dev/null 2>&1
    if id -u "$user" >/dev/null 2>&1; then fail "the user $user, half made, cannot be removed: remove it with userdel"; fi
    new=1
fi
for group in $primary_group $groups; do
    if [ -n "$new${change:-}" ]; then wanted_group "$group"; fi
done
if [ -n "$new" ]; then
    { : >"$marker" && sync; } || fail "$marker cannot be written"
    make_user
    if [ -n "$passwd" ]; then set_hash "$passwd"; fi
    if [ "$(field 2 /etc/shadow)" = '!' ] && without_pam; then set_hash '*'; fi
elif [ -n "${change:-}" ]; then
    change_user
fi
if [ -n "$new${change:-}" ] && [ -z "$no_create_home" ] && { [ -z "$system" ] || [ -n "${change:-}" ]; }; then make_home; fi
if [ -n "$hashed_passwd" ] && [ "$(field 2 /etc/shadow)" != "$hashed_passwd" ]; then
    keep_own_password "leave the hash out"
    set_hash "$hashed_passwd"
fi
case $lock_passwd in
keep) ;;
'') unlock ;;
*) lock ;;
esac
rm -f "$marker"
