#!/bin/sh
# What one wants to know of a host before it joins a cluster, as `name value` lines between two markers. Reads only:
# nothing is written on the host, not even a temporary file (so no here-documents, which some shells put into one). POSIX
# shell, coreutils or busybox.
# Most of it is shell built-ins: a process for every fact would take longer than the round trip. plugin_utils/host.sh stands
# before it.

# shellcheck disable=SC2034 # of host.sh
NEWLINE='
'
LIMIT=15 # seconds for one command that may hang: longer than anyone should wait for sudo or a name server

# fact NAME VALUE: one line, without control characters.
fact() {
    case $2 in
    *[[:cntrl:]]*) printf '%s %s\n' "$1" unprintable ;;
    *) printf '%s %s\n' "$1" "$2" ;;
    esac
}

# hundredths: sets NOW, hundredths of a second since the kernel started.
hundredths() {
    NOW=0
    if [ ! -r /proc/uptime ]; then return; fi
    read -r NOW REST </proc/uptime
    REST=${NOW#*.}
    NOW=$((${NOW%%.*} * 100 + 1${REST} - 100))
}

alive() {
    read -r REST 2>/dev/null <"/proc/$1/stat" || return 1
    case ${REST##*) } in Z* | X*) return 1 ;; esac
}

# bounded COMMAND…: its status (124 when it took longer than LIMIT); sets TOOK, milliseconds.
bounded() {
    hundredths
    BEGAN=$NOW
    "$@" </dev/null >/dev/null 2>&1 &
    CHILD=$!
    while alive "$CHILD"; do
        hundredths
        if [ $((NOW - BEGAN)) -ge $((LIMIT * 100)) ]; then
            kill -KILL "$CHILD" 2>/dev/null
            wait "$CHILD" 2>/dev/null
            TOOK=$((LIMIT * 1000))
            return 124
        fi
        sleep 0.02 2>/dev/null || sleep 1
    done
    wait "$CHILD" 2>/dev/null
    STATUS=$?
    hundredths
    TOOK=$(((NOW - BEGAN) * 10))
    return "$STATUS"
}

has() { command -v "$1" >/dev/null 2>&1; }

# first_line FILE: sets LINE.
first_line() {
    LINE=
    if [ -r "$1" ]; then { read -r LINE <"$1"; } 2>/dev/null; fi
    [ -n "$LINE" ]
}

system() {
    for FILE in /etc/os-release /usr/lib/os-release; do
        [ -r "$FILE" ] || continue
        while IFS='=' read -r NAME VALUE || [ -n "$NAME" ]; do
            VALUE=${VALUE#[\"\']}
            VALUE=${VALUE%[\"\']}
            case $NAME in
            ID) fact os.id "$VALUE" ;;
            VERSION_ID) fact os.version "$VALUE" ;;
            VERSION_CODENAME) fact os.codename "$VALUE" ;;
            PRETTY_NAME) fact os.name "$VALUE" ;;
            esac
        done <"$FILE"
        break
    done
    fact system "$(uname -s)"
    KERNEL=$(uname -r)
    fact kernel "$KERNEL"
    fact architecture "$(uname -m)"
    first_line /proc/1/comm
    system_init=${LINE:-unknown}
    if [ -d /run/systemd/system ]; then
        system_init=systemd
    elif [ -d /run/openrc ] || has openrc-run; then
        system_init=openrc
    elif [ "$system_init" = init ] && [ -d /etc/init.d ] && [ -f /etc/inittab ]; then
        system_init=sysvinit
    fi
    fact init "$system_init"
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        fact cgroup v2
        first_line /sys/fs/cgroup/cgroup.controllers
        fact cgroup.controllers "$LINE"
    elif [ -d /sys/fs/cgroup/unified ]; then
        fact cgroup hybrid
    elif [ -d /sys/fs/cgroup/memory ]; then
        fact cgroup v1
    else
        fact cgroup none
    fi
}

# modules: loaded, loadable or unknown (a container does not see its kernel's files).
modules() {
    while read -r REST NAME; do
        case ${NAME:-$REST} in overlay) OVERLAY=loaded ;; esac
    done </proc/filesystems
    for FILE in "/lib/modules/$KERNEL/kernel/fs/overlayfs/overlay.ko"*; do
        if [ -e "$FILE" ]; then OVERLAY=${OVERLAY:-loadable}; fi
    done
    fact module.overlay "${OVERLAY:-unknown}"
    BRIDGE=
    if [ -d /sys/module/br_netfilter ] || [ -d /proc/sys/net/bridge ]; then BRIDGE=loaded; fi
    for FILE in "/lib/modules/$KERNEL/kernel/net/bridge/br_netfilter.ko"*; do
        if [ -e "$FILE" ]; then BRIDGE=${BRIDGE:-loadable}; fi
    done
    fact module.br_netfilter "${BRIDGE:-unknown}"
}

user() {
    fact uid "$(id -u)"
    LOGIN_USER=${SUDO_USER:-${DOAS_USER:-$(id -un)}}
    fact user "$LOGIN_USER"
    if ! has sudo; then fact sudo absent && return; fi
    bounded sudo -n true
    case $? in
    0) fact sudo works ;;
    124) fact sudo hangs ;;
    *) fact sudo refused ;;
    esac
    fact sudo.milliseconds "$TOOK"
}

# in_hosts NAME: true when /etc/hosts knows it.
in_hosts() {
    while read -r hosts_address hosts_names || [ -n "$hosts_address" ]; do
        case " ${hosts_names%%#*} " in
        *[[:space:]]"$1"[[:space:]]*) case $hosts_address in '#'*) ;; *) return 0 ;; esac ;;
        esac
    done </etc/hosts
    return 1
}

# name_before: the host's name when its bootstrap began, which may have changed it. plugin_utils/traces.sh has noted it.
name_before() {
    before=/var/lib/capra/before
    if [ "$(id -u)" != 0 ]; then before=${XDG_STATE_HOME:-${HOME:-/}/.local/state}/capra/before; fi
    if [ ! -r "$before" ]; then return; fi
    while read -r field value; do
        if [ "$field" = hostname ]; then fact hostname.before "$value" && break; fi
    done <"$before"
}

host_name() {
    first_line /proc/sys/kernel/hostname
    NAME=$LINE
    fact hostname "$NAME"
    name_before
    own_address
    fact address "$ADDRESS"
    if has getent; then
        bounded getent hosts "$NAME"
        case $? in 0) name_resolves=yes ;; 124) name_resolves=hangs ;; *) name_resolves=no ;; esac
        fact hostname.milliseconds "$TOOK"
    elif [ -r /etc/hosts ] && in_hosts "$NAME"; then
        name_resolves=yes
    else
        name_resolves=unknown
    fi
    fact hostname.resolves "$name_resolves"
}

# identity: two hosts with the same are clones of one image, and a cluster takes them for one machine.
identity() {
    if first_line /etc/machine-id || first_line /var/lib/dbus/machine-id; then fact machine_id "$LINE"; fi
    if first_line /sys/class/dmi/id/product_uuid; then fact product_uuid "$LINE"; fi
}

# processors: how many the kernel has on line, as far as this process may use them.
processors() {
    if has nproc; then
        fact cpus "$(nproc 2>/dev/null)"
        return
    fi
    first_line /sys/devices/system/cpu/online # such as 0-3,6
    number=0 ranges=$LINE
    while [ -n "$ranges" ]; do
        range=${ranges%%,*}
        case $ranges in *,*) ranges=${ranges#*,} ;; *) ranges= ;; esac
        case $range in '' | *[!0-9-]* | *-*-*) break ;; esac
        number=$((number + ${range#*-} - ${range%-*} + 1))
    done
    fact cpus "$number"
}

# virtualization: what the host runs in, a container before the machine below it; none for a machine of its own.
virtualization() {
    kind=
    if first_line /run/host/container-manager || first_line /run/systemd/container; then
        kind=$LINE
    elif [ -e /.dockerenv ]; then
        kind=docker
    elif [ -e /run/.containerenv ]; then
        kind=podman
    elif [ -d /proc/vz ] && [ ! -d /proc/bc ]; then
        kind=openvz
    elif has systemd-detect-virt; then
        kind=$(systemd-detect-virt 2>/dev/null)
    elif first_line /sys/class/dmi/id/sys_vendor; then
        vendor=$LINE
        first_line /sys/class/dmi/id/product_name
        case $vendor/$LINE in
        QEMU/* | */*KVM*) kind=kvm ;;
        VMware*/*) kind=vmware ;;
        Microsoft*/Virtual*) kind=microsoft ;;
        Xen/*) kind=xen ;;
        innotek*/* | */VirtualBox*) kind=oracle ;;
        "Amazon EC2"/*) kind=amazon ;;
        Google/*) kind=google ;;
        *) kind=none ;;
        esac
    fi
    fact virtualization "${kind:-unknown}"
}

# addresses: those that are valid beyond the host, at most 16.
addresses() {
    valid=
    if has ip; then
        # shellcheck disable=SC2046 # words are what is wanted: number, interface, family, ADDRESS/PREFIX and more
        set -- $(ip -o addr show scope global 2>/dev/null)
        number=0
        while [ $# -gt 1 ] && [ "$number" -lt 16 ]; do
            case $1 in
            inet | inet6)
                case " $valid " in *" ${2%%/*} "*) ;; *) valid="$valid ${2%%/*}" && number=$((number + 1)) ;; esac
                ;;
            esac
            shift
        done
    fi
    valid=${valid# }
    fact addresses "${valid:-$ADDRESS}"
}

# resources: kibibytes.
resources() {
    while read -r NAME VALUE REST; do
        case $NAME in MemTotal:) fact memory "$VALUE" && break ;; esac
    done </proc/meminfo
    LINE=no
    while read -r NAME REST; do
        case $NAME in Filename | '') ;; *) LINE=yes ;; esac
    done </proc/swaps
    fact swap "$LINE"
    for PLACE in / /var /var/lib; do
        # The second line of df -P: file system, blocks, used, available, capacity, where it is mounted.
        LINE=$(df -Pk "$PLACE" 2>/dev/null | tail -n 1)
        # shellcheck disable=SC2086 # one word a column
        set -- $LINE
        [ $# -ge 6 ] || continue
        fact "disk.$PLACE" "$4 $2"
    done
}

# mount_of DIR: sets TYPE and OPTIONS of the file system that it is in; a dash for each where nothing tells.
mount_of() {
    TYPE=- OPTIONS=-
    [ -r /proc/self/mountinfo ] || return 0
    longest=0
    # Numbers of mount, parent and device, root, mount point, options, optional fields, dash, type, source, options.
    while read -r field field field field point value field; do
        case $1/ in "${point%/}/"*) ;; *) continue ;; esac
        # Of several at one place the last one covers the others.
        if [ "${#point}" -lt "$longest" ]; then continue; fi
        longest=${#point}
        field=${field#*- }
        TYPE=${field%% *} OPTIONS=$value,${field##* }
    done </proc/self/mountinfo
}

# free OPTION DIR…: sets FREE, for each directory how much df says is free, a colon, and the whole.
free() {
    FREE=$(df "$@" 2>/dev/null | {
        read -r field
        while read -r field whole field left field; do printf ' %s:%s' "${left:--}" "${whole:--}"; done
    })
}

# places: where a bootstrap writes, as `options type free:KiB free:inodes directory`. A directory that is not there yet
# stands for the one that it would be made in.
places() {
    state=/var/lib/capra
    if [ "$(id -u)" != 0 ]; then state=${XDG_STATE_HOME:-${HOME:-/}/.local/state}; fi
    set --
    for place in /etc /usr/local/bin /tmp /run /var/lib "$state"; do
        while [ -n "$place" ] && [ ! -d "$place" ]; do place=${place%/*}; done
        set -- "$@" "${place:-/}"
    done
    free -Pk "$@"
    blocks=$FREE
    free -Pi "$@"
    inodes=$FREE
    for name in /etc /usr/local/bin /tmp /run /var/lib state; do
        blocks=${blocks# } inodes=${inodes# }
        place "$name" "$1" "${blocks%% *}" "${inodes%% *}"
        blocks=${blocks#"${blocks%% *}"} inodes=${inodes#"${inodes%% *}"}
        shift
    done
}

# place NAME DIR BLOCKS INODES: one of them.
place() {
    where=$2
    if cd -P "$where" 2>/dev/null; then where=$PWD; fi
    mount_of "$where"
    # Root may write everywhere, unless the kernel refuses it.
    refused=
    if [ "$(id -u)" = 0 ] && [ ! -w "$where" ]; then refused=ro,; fi
    fact "place.$1" "$refused$OPTIONS $TYPE ${3:--} ${4:--} $2"
}

# account: until when the user may log in, in days since 1970, from the only file that tells. No password leaves it.
account() {
    if [ ! -r /etc/shadow ]; then fact account unreadable && return; fi
    found=absent
    # The password, its last change, days until another, until one is due, of warning, of grace, the account's end.
    while IFS=: read -r name rest changed rest due rest grace ends rest || [ -n "$name" ]; do
        if [ "$name" = "$LOGIN_USER" ]; then found="${changed:--} ${due:--} ${grace:--} ${ends:--}"; fi
    done </etc/shadow
    fact account "$found"
}

# ports: those that something listens on, as the kernel writes them (hexadecimal).
ports() {
    LISTENING=' '
    LOCAL='' REMOTE=''
    # shellcheck disable=SC2013 # words are what is wanted; reading lines costs a system call for every letter
    for REST in $(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null); do
        # local address, remote address, state; 0A is LISTEN.
        case $REST in
        0A)
            case $REMOTE in
            *:0000) case $LISTENING in *" ${LOCAL##*:} "*) ;; *) LISTENING="$LISTENING${LOCAL##*:} " ;; esac ;;
            esac
            ;;
        esac
        LOCAL=$REMOTE REMOTE=$REST
    done
    fact listening "$LISTENING"
}

security() {
    if first_line /sys/fs/selinux/enforce; then
        case $LINE in 1) fact selinux enforcing ;; *) fact selinux permissive ;; esac
    else
        fact selinux absent
    fi
    first_line /sys/module/apparmor/parameters/enabled
    case $LINE in Y) fact apparmor enabled ;; *) fact apparmor absent ;; esac
    if has curl; then fact download curl; elif has wget; then fact download wget; else fact download none; fi
    # As Ansible looks for it, on RHEL 8 in a place of its own.
    if has python3; then
        fact python "$(command -v python3)"
    elif [ -x /usr/libexec/platform-python ]; then
        fact python /usr/libexec/platform-python
    else
        fact python none
    fi
}

# kubernetes: whatever of it is here already: programs, services, processes, data.
kubernetes() {
    FOUND=
    for NAME in k0s k3s rke2 kubelet kubeadm; do
        PLACE=$(command -v "$NAME")
        for PLACE in "$PLACE" /usr/local/bin/$NAME /usr/bin/$NAME /opt/bin/$NAME /opt/k0s/bin/$NAME; do
            case $PLACE in /*) if [ -x "$PLACE" ]; then FOUND="$FOUND $PLACE" && break; fi ;; esac
        done
    done
    fact here.programs "${FOUND# }"
    FOUND=
    for NAME in k0scontroller k0sworker k3s k3s-agent rke2-server rke2-agent kubelet; do
        for PLACE in /etc/systemd/system/$NAME.service /usr/local/lib/systemd/system/$NAME.service \
            /usr/lib/systemd/system/$NAME.service /lib/systemd/system/$NAME.service /etc/init.d/$NAME; do
            if [ -e "$PLACE" ]; then FOUND="$FOUND $NAME" && break; fi
        done
    done
    fact here.services "${FOUND# }"
    FOUND=
    for FILE in /proc/[0-9]*/comm; do
        first_line "$FILE" || continue
        case $LINE in k0s | k3s | k3s-* | rke2 | kubelet | kube-apiserver | etcd) ;; *) continue ;; esac
        case " $FOUND " in *" $LINE "*) ;; *) FOUND="$FOUND $LINE" ;; esac
    done
    fact here.processes "${FOUND# }"
    FOUND=
    for PLACE in /var/lib/k0s /etc/k0s /var/lib/rancher/k3s /var/lib/rancher/rke2 /etc/kubernetes /var/lib/kubelet; do
        if [ -e "$PLACE" ]; then FOUND="$FOUND $PLACE"; fi
    done
    fact here.data "${FOUND# }"
    FOUND=
    for PLACE in /etc/kubernetes/admin.conf /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf \
        /etc/kubernetes/manifests/kube-apiserver.yaml /var/lib/kubelet/kubeadm-flags.env; do
        if [ -e "$PLACE" ]; then FOUND="$FOUND $PLACE"; fi
    done
    fact here.kubeadm "${FOUND# }"
    authority
}

# authority: which cluster's certificate authority is here, as a digest without white space. It is no secret.
authority() {
    for CERTIFICATE in /var/lib/k0s/pki/ca.crt /etc/kubernetes/pki/ca.crt /var/lib/rancher/rke2/server/tls/server-ca.crt \
        /var/lib/rancher/k3s/server/tls/server-ca.crt; do
        [ -r "$CERTIFICATE" ] && [ -f "$CERTIFICATE" ] || continue
        DIGEST=$(head -c 65536 "$CERTIFICATE" | tr -d '[:space:]' | sha256sum 2>/dev/null)
        fact here.authority "${DIGEST%% *}"
        break
    done
}

# claim: which machine uses the host, as it is noted there.
claim() {
    if [ -f /var/lib/capra/claim ] && first_line /var/lib/capra/claim; then fact claim "$LINE"; fi
}

preflight() {
    PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    LC_ALL=C
    export PATH LC_ALL
    # What a login shell has printed may have no newline at its end.
    printf '\ncapra begin\n'
    # At both ends: the difference between the clocks lies between the two, however long the rest takes.
    fact clock.begin "$(date +%s)"
    system
    modules
    user
    host_name
    identity
    processors
    virtualization
    addresses
    resources
    places
    account
    ports
    security
    kubernetes
    claim
    fact clock.end "$(date +%s)"
    echo "capra end"
}
preflight </dev/null
