#!/bin/sh
# Adds keys to those that let a user in, as cloud-init does: a key that is there gets the new options and comment.
# Variables: user; keys, one a line.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
fail() {
    echo "$1" >&2
    exit 1
}

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

# merged FILE: the file with the keys. A field that begins with AAAA is the key itself.
merged() {
    printf '%s\n' "$keys" | awk '
        function blob(    i) { for (i = 1; i <= NF; i++) if ($i ~ /^AAAA/) return $i; return $0 }
        FNR == NR { key = blob(); if (!(key in line)) order[++count] = key; line[key] = $0; next }
        /^[[:space:]]*#/ || !(blob() in line) { print; next }
        !(blob() in done) { print line[blob()]; done[blob()] = 1 }
        END { for (i = 1; i <= count; i++) if (!(order[i] in done)) print line[order[i]] }' - "$1"
}

home=$(awk -F: -v user="$user" '$1 == user { print $6; exit }' /etc/passwd)
[ -n "$home" ] || home=$(getent passwd "$user" 2>/dev/null | cut -d: -f6)
[ -d "$home" ] || fail "the user $user has no home directory for SSH keys"
owner=$(id -u "$user"):$(id -g "$user")
file=$(keys_file)
directory=${file%/*}
# Below the home they are the user's to make: nothing of root's is written through a link.
for link in "$directory" "$file"; do
    if [ -L "$link" ]; then fail "$link is a symbolic link: put a plain one in its place"; fi
done
if [ ! -d "$directory" ]; then
    case $directory in
    "$home"/*)
        rm -rf "$directory.capra-new"
        mkdir -m 0700 "$directory.capra-new" && chown "$owner" "$directory.capra-new" &&
            mv "$directory.capra-new" "$directory"
        ;;
    *) mkdir -p "$directory" ;;
    esac || fail "$directory cannot be made"
fi
mode=600 old=/dev/null
if [ -e "$file" ]; then mode=$(stat -c %a "$file") old=$file; fi
rm -f "$file.capra-new"
# Made anew, or not at all (noclobber).
{
    (umask 077 && set -C && merged "$old" >"$file.capra-new") && chown -h "$owner" "$file.capra-new" &&
        chmod "$mode" "$file.capra-new" && mv "$file.capra-new" "$file"
} || fail "$file cannot be written"
if command -v restorecon >/dev/null 2>&1; then restorecon -R "$directory"; fi
