#!/bin/sh
# Makes a user as cloud-init's users_groups does. One that is there is left as it is, but for hashed_passwd and the lock.
# Variables: user and the settings of modules/users/settings.py; a switch is 1 or empty, groups have spaces between them.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
fail() {
    echo "$1" >&2
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
group_exists() { cut -d: -f1 /etc/group | grep -qxF -- "$1" || getent group "$1" >/dev/null 2>&1; }

# field NUMBER FILE: of the user's line in passwd(5) or shadow(5).
field() { awk -F: -v user="$user" -v number="$1" '$1 == user { print $number; exit }' "$2"; }

# wanted_group NAME: is there, or is made.
wanted_group() {
    if group_exists "$1"; then return; fi
    [ -n "$create_groups" ] || fail "there is no group $1, and create_groups is false"
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

# make_home: under another name first, so that a home that is there is whole.
make_home() {
    home=$(field 6 /etc/passwd)
    case $home in /?*) ;; *) fail "the user $user has no home directory in /etc/passwd" ;; esac
    if [ -e "$home" ]; then return; fi
    rm -rf "$home.capra-new"
    mkdir -p "$home.capra-new" || fail "the home directory $home cannot be made"
    {
        { [ ! -d /etc/skel ] || cp -R -P /etc/skel/. "$home.capra-new"; } &&
            chown -R "$(id -u "$user"):$(id -g "$user")" "$home.capra-new" &&
            chmod "$(home_mode)" "$home.capra-new" && mv "$home.capra-new" "$home"
    } || fail "the home directory $home cannot be made"
    if has restorecon; then restorecon -R "$home"; fi
}

make_user() {
    for group in $primary_group $groups; do wanted_group "$group"; done
    if has useradd; then add_with_useradd; else add_with_busybox; fi || fail "the user $user cannot be made"
    for group in $groups; do
        if has usermod; then usermod -a -G "$group" -- "$user"; else addgroup "$user" "$group"; fi ||
            fail "the user $user cannot be added to the group $group"
    done
    if [ -z "$no_create_home$system" ]; then make_home; fi
}

# set_hash HASH: on the standard input of chpasswd, since arguments are seen by everybody.
set_hash() { printf '%s:%s\n' "$user" "$1" | chpasswd -e || fail "the password of the user $user cannot be set"; }

# without_pam: an sshd that asks no PAM lets nobody in whose password begins with `!`, not even with a key.
without_pam() { ! "$(command -v sshd || echo /usr/sbin/sshd)" -T 2>/dev/null | grep -qi '^usepam yes'; }

lock() {
    # Who comes from a directory service has no password here.
    [ -n "$(field 1 /etc/shadow)" ] || return 0
    password=$(field 2 /etc/shadow)
    case $password in '!'* | '*'*) return ;; esac
    if without_pam; then
        set_hash "*$password"
    elif has usermod; then
        usermod -L -- "$user" || fail "the password of the user $user cannot be locked"
    else
        passwd -l "$user" >/dev/null 2>&1 || fail "the password of the user $user cannot be locked"
    fi
}

# unlock: where there is a password behind the lock; without one anybody could log in.
unlock() {
    password=$(field 2 /etc/shadow)
    for _ in 1 2; do
        case $password in '!'*'$'*) ;; *) return ;; esac
        if has usermod; then usermod -U -- "$user"; else passwd -u "$user" >/dev/null 2>&1; fi ||
            fail "the password of the user $user cannot be unlocked"
        password=$(field 2 /etc/shadow)
    done
}

# Says that the user is being made: what was cut off is taken away, and begun again.
marker=/etc/.capra-new-user.$user
new=''
if ! id -u "$user" >/dev/null 2>&1; then
    new=1
elif [ -e "$marker" ]; then
    if has userdel; then userdel -- "$user"; else deluser "$user"; fi >/dev/null 2>&1
    if id -u "$user" >/dev/null 2>&1; then fail "the user $user, half made, cannot be removed: remove it with userdel"; fi
    new=1
fi
if [ -n "$new" ]; then
    { : >"$marker" && sync; } || fail "$marker cannot be written"
    make_user
    if [ -n "$passwd" ]; then set_hash "$passwd"; fi
    if [ "$(field 2 /etc/shadow)" = '!' ] && without_pam; then set_hash '*'; fi
fi
if [ -n "$hashed_passwd" ]; then set_hash "$hashed_passwd"; fi
if [ -n "$lock_passwd" ]; then lock; else unlock; fi
rm -f "$marker"
