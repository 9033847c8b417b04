#!/bin/sh
# contained.sh PREFIXES SCRATCH UID COMMAND...: runs a command as the Deployment runs the controller, as root only:
# nothing can be written but below SCRATCH and /dev/shm (both new and in memory), the uid has an entry in /etc/passwd,
# and there are no capabilities. PREFIXES: directories, separated by colons, that the command needs although directories
# above them may be closed to others.
set -eu
if [ "${CONTAINED:-}" != inside ]; then CONTAINED=inside exec unshare --mount -- "$0" "$@"; fi
unset CONTAINED
prefixes=$1 scratch=$2 user=$3
shift 3

mount --make-rprivate /
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir /dev/shm/passwd /dev/shm/open

show() { # show PREFIX: opens the way to it by hiding everything else in the first directory that is closed
    way=
    for name in $(echo "$1" | tr / ' '); do
        way=$way/$name
        [ "$(($(stat -c %a "$way") % 10 & 1))" = 0 ] || continue
        mount --bind "$1" /dev/shm/open
        mount -t tmpfs -o mode=755 tmpfs "$way"
        mkdir -p "$1"
        mount --move /dev/shm/open "$1"
    done
}
old=$IFS IFS=:
for prefix in $prefixes; do IFS=$old; show "$prefix"; done
IFS=$old

{ cat /etc/passwd; echo "contained:x:$user:$user::$scratch:/usr/sbin/nologin"; } >/dev/shm/passwd/passwd
mount --bind /dev/shm/passwd/passwd /etc/passwd
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=777,size=1g tmpfs "$scratch"

cut -d ' ' -f 5 /proc/self/mountinfo | while read -r place; do
    case $place in
    "$scratch" | /dev | /dev/* | /proc | /proc/* | /sys | /sys/*) ;;
    *) mount -o remount,bind,ro "$place" ;;
    esac
done
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
