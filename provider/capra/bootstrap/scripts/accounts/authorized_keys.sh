#!/bin/sh
# shellcheck source=provider/capra/bootstrap/scripts/path.sh
# Adds keys to those that let a user in, as cloud-init does: a key that is there gets the new options and comment, all
# others stay. path.sh stands before it. Variables: user; keys, one a line.
# Two variables are programs, for awk and another shell.
# shellcheck disable=SC2016,SC2089,SC2090
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf

# sshd_files: what sshd looks at, in order (sshd_config(5), AuthorizedKeysFile).
sshd_files() {
    "$(command -v sshd || echo /usr/sbin/sshd)" -T 2>/dev/null | awk '$1 == "authorizedkeysfile" { $1 = ""; print }'
}

# keys_file: the first of them that is the user's alone.
keys_file() {
    for pattern in $(sshd_files); do
        case $pattern in
        none) continue ;;
        *%h* | *%u*) ;;
        /*) continue ;;
        *) pattern=$home/$pattern ;;
        esac
        printf '%s\n' "$pattern" | awk -v home="$home" -v user="$user" '{
            gsub(/%h/, home); gsub(/%u/, user); gsub(/%%/, "%"); print }'
        return
    done
    echo "$home/.ssh/authorized_keys"
}

# The program of awk that reads the keys from stdin, and then the file with those that are there. A field that begins with
# AAAA is the key itself.
MERGE_KEYS='
    function blob(    i) { for (i = 1; i <= NF; i++) if ($i ~ /^AAAA/) return $i; return $0 }
    FNR == NR { key = blob(); if (!(key in line)) order[++count] = key; line[key] = $0; next }
    /^[[:space:]]*#/ || !(blob() in line) { print; next }
    !(blob() in done) { print line[blob()]; done[blob()] = 1 }
    END { for (i = 1; i <= count; i++) if (!(order[i] in done)) print line[order[i]] }'

# The part that the user does. The path is the first line of stdin. The shell passes on MERGE_KEYS.
AS_USER='
    umask 077
    IFS= read -r file && mkdir -p "${file%/*}" && cd "${file%/*}" || exit 1
    name=./${file##*/} old=/dev/null
    if [ -e "$name" ] && [ ! -f "$name" ]; then exit 1; fi
    if [ -e "$name" ]; then old=$name; fi
    rm -f "$name.capra-new"
    awk "$MERGE_KEYS" - "$old" >"$name.capra-new" || exit 1
    if [ -f "$name" ]; then chmod "$(stat -L -c %a "$name")" "$name.capra-new" || exit 1; fi
    { sync "$name.capra-new" 2>/dev/null || sync; } && mv -f "$name.capra-new" "$name"'

# write_as_user: whatever links are on the way, nothing is written but what the user may write.
write_as_user() {
    export MERGE_KEYS
    printf '%s\n%s\n' "$file" "$keys" | if [ "$(id -u "$user")" = "$(id -u)" ]; then
        /bin/sh -c "$AS_USER"
    elif has runuser; then
        runuser -u "$user" -- /bin/sh -c "$AS_USER"
    else
        su -s /bin/sh "$user" -c "$AS_USER"
    fi || fail "$file cannot be written as the user $user: it must be this user's, and a regular file below directories of theirs"
}

# write_as_root: where nobody but root can change the way. A file that is there keeps its owner and mode; a new one is the
# user's, as cloud-init makes it.
write_as_root() {
    [ ! -h "./$NAME" ] || fail "$file is a symbolic link: put a plain one in its place"
    [ ! -e "./$NAME" ] || [ -f "./$NAME" ] || fail "$file is no regular file: put a plain one in its place"
    mode=600 owner=$(id -u "$user"):$(id -g "$user") old=/dev/null
    if [ -e "./$NAME" ]; then mode=$(stat -c %a "./$NAME") owner=$(stat -c %u:%g "./$NAME") old=../$NAME; fi
    enter_private
    {
        (umask 077 && printf '%s\n' "$keys" | awk "$MERGE_KEYS" - "$old" >"./$NAME") && chown "$owner" "./$NAME" &&
            chmod "$mode" "./$NAME"
    } || fail "$file cannot be written"
    put_in_place
}

# is_roots: nobody but root can change the directories of the file, as far as they are there. In a subshell: it goes there.
is_roots() {
    way=${file%/*}
    while [ ! -e "$way/." ]; do way=${way%/*}; done
    (enter_parent "$way/." 2>/dev/null && [ "$TRUST" = firm ])
}

home=$(awk -F: -v user="$user" '$1 == user { print $6; exit }' /etc/passwd)
[ -n "$home" ] || home=$(getent passwd "$user" 2>/dev/null | cut -d: -f6)
[ -d "$home" ] || fail "the user $user has no home directory for SSH keys"
file=$(keys_file)
if [ "$(id -u "$user")" != "$(id -u)" ] && is_roots; then
    enter_parent "$file"
    write_as_root
else
    write_as_user
fi
if has restorecon; then restorecon -R "${file%/*}"; fi
