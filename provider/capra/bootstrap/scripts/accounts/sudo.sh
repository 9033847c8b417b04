#!/bin/sh
# Adds rules to /etc/sudoers.d/90-cloud-init-users, as cloud-init does. Variables: user; block, a comment and the rules;
# asks_password, 1 where a rule has sudo ask for a password.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
file=/etc/sudoers.d/90-cloud-init-users
fail() {
    rm -f "$file.new" /etc/sudoers.new
    echo "$1" >&2
    exit 1
}
newline='
'

# works: the user becomes root without a password.
works() { has sudo && su -s /bin/sh "$user" -c 'sudo -n true' >/dev/null 2>&1 </dev/null; }

# valid FILE: as far as the host can tell; sudo may come with the packages later.
valid() { ! command -v visudo >/dev/null 2>&1 || visudo -c -f "$1" >/dev/null 2>&1; }

# included: sudo reads /etc/sudoers.d. Where there is no sudoers file yet, the package brings one that does.
included() {
    sudoers=/etc/sudoers
    [ -e "$sudoers" ] || sudoers=/usr/etc/sudoers
    [ ! -e "$sudoers" ] || grep -Eq '^[#@]includedir[[:space:]]+/etc/sudoers\.d/?[[:space:]]*$' "$sudoers"
}

include() {
    [ "$sudoers" = /etc/sudoers ] || fail "$sudoers does not read /etc/sudoers.d: add '@includedir /etc/sudoers.d'"
    {
        cp -p "$sudoers" "$sudoers.new" && printf '\n#includedir /etc/sudoers.d\n' >>"$sudoers.new" &&
            valid "$sudoers.new" && to_disk "$sudoers.new" &&
            mv "$sudoers.new" "$sudoers"
    } || fail "$sudoers cannot be made to read /etc/sudoers.d"
}

umask 0227
[ -d /etc/sudoers.d ] || mkdir /etc/sudoers.d || fail "/etc/sudoers.d cannot be made"
chmod 0750 /etc/sudoers.d || fail "/etc/sudoers.d cannot be protected"
old=''
# without_own: the rules of others, and what somebody has added: those that an earlier document gave this user go.
without_own() {
    awk -v user="$user" '
        $0 == "# User rules for " user { own = 1; next }
        own && index($0, user " ") == 1 { next }
        { own = 0; print }' "$file"
}
if [ -e "$file" ]; then old=$(cat "$file") || fail "$file cannot be read"; fi
case $newline$old$newline in
*"$newline$block$newline"*) ;;
*)
    # The last rule that fits counts: one with a password would take from Capra's own user what it works with.
    lose="the user $user has sudo without a password, and would lose it: write NOPASSWD: in every rule, or leave sudo out"
    if [ -n "$asks_password" ] && sudo -l -U "$user" 2>/dev/null | grep -q 'NOPASSWD: ALL'; then fail "$lose"; fi
    before=no
    if works; then before=yes; fi
    if [ -n "$old" ]; then old=$(without_own) || fail "$file cannot be read"; fi
    # sudo passes over names with a dot.
    rm -f "$file.new"
    { [ -z "$old" ] || printf '%s\n\n' "$old"; printf '%s\n' "$block"; } >"$file.new" || fail "$file cannot be written"
    valid "$file.new" || fail "visudo refuses the rules for the user $user: see sudoers(5)"
    to_disk "$file.new"
    rm -f "$file.old"
    if [ -e "$file" ]; then cp -p "$file" "$file.old" || fail "$file cannot be kept"; fi
    mv "$file.new" "$file" || fail "$file cannot be written"
    # Words of a rule do not tell all: what comes of them is tried.
    if [ "$before" = yes ] && ! works; then
        if [ -e "$file.old" ]; then mv "$file.old" "$file"; else rm -f "$file"; fi
        fail "$lose"
    fi
    rm -f "$file.old"
    ;;
esac
chmod 0440 "$file" || fail "$file cannot be protected"
included || include
