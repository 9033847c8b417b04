#!/bin/sh
# Has the host resolve its own name. Variables: hostname and fqdn, or empty for the name that it has; manner: template
# writes /etc/hosts anew, localhost adds a line unless it is there. The lines are those of cloud-init's templates.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
file=/etc/hosts
if [ -z "$fqdn" ]; then fqdn=$(uname -n); fi
if [ -z "$hostname" ]; then hostname=${fqdn%%.*}; fi
names=$fqdn
if [ "$fqdn" != "$hostname" ]; then names="$fqdn $hostname"; fi
# like KIND…: whether the distribution is of one of these kinds.
like() {
    for word in "$@"; do
        if grep -Eq "^ID(_LIKE)?=(.*[\" ])?$word([\" ].*)?\$" /etc/os-release 2>/dev/null; then return; fi
    done
    return 1
}
kind=debian address=127.0.1.1
if like rhel fedora centos; then
    kind=redhat address=127.0.0.1
elif like suse opensuse sles; then
    kind=suse
elif like alpine; then
    kind=alpine
fi

# written: what cloud-init's templates of these names have, without their comments.
written() {
    case $kind in
    debian)
        printf '%s\n' "$address $names" '127.0.0.1 localhost' '' '::1 localhost ip6-localhost ip6-loopback' \
            'ff02::1 ip6-allnodes' 'ff02::2 ip6-allrouters'
        ;;
    redhat | suse)
        printf '%s\n' "$address $names" '127.0.0.1 localhost.localdomain localhost' \
            '127.0.0.1 localhost4.localdomain4 localhost4' '' "::1 $names" '::1 localhost.localdomain localhost' \
            '::1 localhost6.localdomain6 localhost6'
        ;;
    alpine)
        printf '%s\n' '127.0.0.1 localhost.localdomain localhost' '127.0.0.1 localhost4.localdomain4 localhost4' \
            "$address $names" '' '::1 localhost6.localdomain6 localhost6' '' 'ff02::1 ip6-allnodes' 'ff02::2 ip6-allrouters'
        ;;
    esac
    if [ "$kind" = suse ]; then
        printf '%s\n' '::1 localhost ipv6-localhost ipv6-loopback' '' 'fe00::0 ipv6-localnet' 'ff00::0 ipv6-mcastprefix' \
            'ff02::1 ipv6-allnodes' 'ff02::2 ipv6-allrouters' 'ff02::3 ipv6-allhosts'
    fi
}

# resolves: a line of the address has the fqdn as the name, and the hostname beside it.
resolves() {
    [ -e "$file" ] && awk -v address="$address" -v fqdn="$fqdn" -v hostname="$hostname" '
        { sub(/#.*/, "") }
        $1 == address && $2 == fqdn { for (i = 2; i <= NF; i++) if ($i == hostname) found = 1 }
        END { exit !found }' "$file"
}

# added: the file, ended with a newline, and the line.
added() {
    if [ -e "$file" ]; then awk '{ print }' "$file"; fi
    printf '%s\t%s\n' "$address" "$names"
}

if [ "$manner" = localhost ] && resolves; then exit 0; fi
lines=written
if [ "$manner" = localhost ]; then lines=added; fi
replace_file "$file" "$lines" || fail "$file cannot be written"
