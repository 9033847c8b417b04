#!/bin/sh
# Updates the lists of packages, upgrades the packages, or installs some. Variables: action: update, upgrade or install;
# wanted: lines of a name, and perhaps a version behind a space. A package without a version that is there stays as it is.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
LC_ALL=C DEBIAN_FRONTEND=noninteractive ZYPP_LOCK_TIMEOUT=600
export LC_ALL DEBIAN_FRONTEND ZYPP_LOCK_TIMEOUT

# Debian's lock is waited for, at most so often with so many seconds between.
attempts=120 pause=5

# patiently COMMAND…: one of apt's or dpkg's, when nobody else holds their lock. Its output is that of the step.
patiently() {
    attempt=0
    while :; do
        said=$("$@" 2>&1 </dev/null) && status=0 || status=$?
        case $said in
        *"Could not get lock"* | *"locked by another process"* | *"Unable to lock"* | *"Unable to acquire the dpkg"*) ;;
        *) break ;;
        esac
        attempt=$((attempt + 1))
        if [ "$status" = 0 ] || [ "$attempt" -ge "$attempts" ]; then break; fi
        sleep "$pause"
    done
    printf '%s\n' "$said"
    return "$status"
}

# apt WORD…: what was cut off is ended first. Settings that somebody has changed stay.
apt() {
    patiently dpkg --force-confdef --force-confold --configure -a || return 1
    patiently apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# there NAME: the package is installed.
there() {
    case $manager in
    apt-get) dpkg-query -W -f '${db:Status-Abbrev}' -- "$1" 2>/dev/null | grep -q '^ii' ;;
    apk) apk info -e "$1" >/dev/null 2>&1 ;;
    *) rpm -q --whatprovides -- "$1" >/dev/null 2>&1 ;;
    esac
}

# missing: the arguments for what is not there, one a line.
missing() {
    printf '%s\n' "$wanted" | while read -r name version; do
        if [ -z "$version" ]; then
            there "$name" || printf '%s\n' "$name"
        else
            case $manager in
            apt-get | apk) printf '%s=%s\n' "$name" "$version" ;;
            *) printf '%s-%s\n' "$name" "$version" ;;
            esac
        fi
    done
}

update() {
    case $manager in
    apt-get) apt update ;;
    zypper) zypper --non-interactive refresh ;;
    apk) apk --wait 600 update ;;
    *) "$manager" -y makecache ;;
    esac
}

upgrade() {
    case $manager in
    apt-get) apt dist-upgrade ;;
    zypper) zypper --non-interactive update ;;
    apk) apk --wait 600 upgrade --update-cache --available ;;
    *) "$manager" -y upgrade ;;
    esac
}

install() {
    case $manager in
    apt-get) apt update && apt install -- "$@" ;;
    zypper) zypper --non-interactive install --auto-agree-with-licenses -- "$@" ;;
    apk) apk --wait 600 update && apk --wait 600 add -- "$@" ;;
    *) "$manager" -y install -- "$@" ;;
    esac
}

manager=''
for manager in apt-get dnf yum zypper apk ''; do
    if [ -z "$manager" ] || has "$manager"; then break; fi
done
[ -n "$manager" ] || fail "packages need apt-get, dnf, yum, zypper or apk, and none is there"
if [ -e /run/ostree-booted ] || { has transactional-update && [ ! -w /usr ]; }; then
    fail "packages of this host come with an image and a reboot: put them into the image, and leave them out here"
fi
case $action in
install)
    arguments=$(missing)
    if [ -z "$arguments" ]; then exit 0; fi
    # Names have no spaces and, with -f, no patterns.
    # shellcheck disable=SC2086
    install $arguments </dev/null || fail "$manager cannot install the packages: see its output above"
    ;;
update) update </dev/null || fail "$manager cannot update the lists of packages: see its output above" ;;
*) upgrade </dev/null || fail "$manager cannot upgrade the packages: see its output above" ;;
esac
