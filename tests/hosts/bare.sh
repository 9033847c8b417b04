#!/bin/sh
# bare.sh NAMESPACE ROOT NAME CGROUP...: becomes a host without an init, in the cgroups and in namespaces of its own; its
# process 1 is sshd. Everything that it mounts goes with it.
set -eu
if [ "$1" != inside ]; then
    namespace=$1 root=$2 name=$3
    shift 3
    for group in "$@"; do echo "$$" >"$group/cgroup.procs"; done
    exec nsenter "--net=/run/netns/$namespace" -- \
        unshare --mount --pid --uts --ipc --fork --kill-child -- sh "$0" inside "$root" "$name"
fi
hostname "$3"
cd "$2"
mount -t proc -o nosuid,noexec,nodev proc proc
mount -t sysfs -o ro,nosuid,noexec,nodev sysfs sys
mount -t tmpfs -o mode=0755,nosuid,strictatime tmpfs dev
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mkdir dev/pts dev/shm run/lock run/sshd run/old
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 0666 "dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 0666 dev/tty c 5 0
ln -s pts/ptmx dev/ptmx
for link in fd: stdin:/0 stdout:/1 stderr:/2; do ln -s "/proc/self/fd${link#*:}" "dev/${link%%:*}"; done
pivot_root . run/old
umount -l /run/old
rmdir /run/old
exec /usr/sbin/sshd -D -E /var/log/sshd.log </dev/null
