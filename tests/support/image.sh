#!/bin/sh
# image.sh ROOT WORK NEEDED UID GID COMMAND...: runs a command in an image's root file system as its Pod would: that user, no
# capability, nothing to write to but memory at /run/capra and /dev/shm. Run as root in a mount namespace of its own.
# WORK is an empty directory for mounts; NEEDED is a directory that the command sees at the same place, read-only.
set -eu
root=$1 work=$2 needed=$3 user=$4 group=$5
shift 5
mount --make-rprivate /
# Places to mount on are made in a layer above: the image itself stays as it is.
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
root=$work/root
mkdir -p "$root/run/capra" "$root$needed"
mount --bind "$needed" "$root$needed"
mount -o remount,bind,ro "$root$needed"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=0777 tmpfs "$root/run/capra"
mount -o remount,ro "$root"
cd /
# setpriv is the image's own: only root may change its root directory.
exec chroot "$root" /usr/bin/setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs \
    --inh-caps=-all --bounding-set=-all -- "$@"
