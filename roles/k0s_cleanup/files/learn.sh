#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 2 of 4 of the k0s cleanup: what is known of the k0s on this host. It is read off its service, its processes and
# its usual places, and written down before anything is removed, because k0s reset removes what it was read from.

SERVICES="k0scontroller k0sworker"
UNIT_DIRECTORIES="/etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system"
DEFAULT_DATA=/var/lib/k0s

# remember NAME VALUE: for an attempt after one that was cut off. The file is private, as the run's directory is.
remember() {
    if [ -n "${CAPRA_RUN_DIR:-}" ] && [ "$CHECK" = no ]; then
        (umask 077 && printf '%s %s\n' "$1" "$2" >>"$CAPRA_RUN_DIR/k0s_cleanup.facts")
    fi
}

# recall: sets OLD_* and CHANGED, what an attempt that did not end well wrote down: of other runs first, so that this run's own has
# the last word.
recall() {
    OLD_BINARY='' OLD_DATA='' OLD_KUBELET='' OLD_ROLE='' LEFT=no RESET=no
    [ -n "${CAPRA_RUN_DIR:-}" ] || return 0
    for FACTS in "${CAPRA_RUN_DIR%/*}"/*/k0s_cleanup.facts "$CAPRA_RUN_DIR/k0s_cleanup.facts"; do
        [ -f "$FACTS" ] || continue
        while read -r NAME VALUE; do
            case $NAME in
            binary) OLD_BINARY=$VALUE ;;
            data) OLD_DATA=$VALUE ;;
            kubelet) OLD_KUBELET=$VALUE ;;
            role) OLD_ROLE=$VALUE ;;
            left) LEFT=$VALUE ;;
            reset) RESET=$VALUE ;;
            changed) if [ "${FACTS%/*}" = "$CAPRA_RUN_DIR" ]; then CHANGED=yes; fi ;;
            clean) OLD_BINARY='' OLD_DATA='' OLD_KUBELET='' OLD_ROLE='' LEFT=no RESET=no ;;
            esac
        done <"$FACTS"
    done
}

# split TEXT: sets TOKENS, the words of a command line, one a line, without their quotes and escapes.
split() {
    TOKENS='' WORD='' QUOTE='' OPEN=no
    TEXT="$1 "
    while [ -n "$TEXT" ]; do
        REST=${TEXT#?}
        LETTER=${TEXT%"$REST"}
        TEXT=$REST
        case $QUOTE$LETTER in
        \"\" | \'\') QUOTE='' ;;
        \'?*) WORD=$WORD$LETTER ;;
        \\ | \"\\)
            case $TEXT in x20*) LETTER=' ' TEXT=${TEXT#x20} ;; *) LETTER=${TEXT%"${TEXT#?}"} TEXT=${TEXT#?} ;; esac
            WORD=$WORD$LETTER OPEN=yes
            ;;
        \"?*) WORD=$WORD$LETTER ;;
        \" | \') QUOTE=$LETTER OPEN=yes ;;
        ' ' | '	')
            if [ "$OPEN" = yes ]; then TOKENS="$TOKENS$WORD$NEWLINE"; fi
            WORD='' OPEN=no
            ;;
        *) WORD=$WORD$LETTER OPEN=yes ;;
        esac
    done
}

# service_files NAME: sets FILES, the service's definitions under systemd, OpenRC and SysV.
service_files() {
    FILES=
    for service_place in $UNIT_DIRECTORIES; do
        service_place=$service_place/$1.service
        if [ -f "$service_place" ] || [ -h "$service_place" ]; then FILES="$FILES $service_place"; fi
    done
    if [ -f "/etc/init.d/$1" ]; then FILES="$FILES /etc/init.d/$1"; fi
}

# service_command FILE: sets TOKENS, what the service starts: ExecStart (systemd), command and command_args (OpenRC) or
# cmd (SysV). The last two stand in shell strings, so there are two layers of quotes.
service_command() {
    COMMAND=''
    TOKENS=''
    [ -r "$1" ] || return 0
    while read -r LINE; do
        case $LINE in
        ExecStart=*) COMMAND="$COMMAND ${LINE#*=}" ;;
        command=* | command_args=* | cmd=*)
            split "${LINE#*=}"
            COMMAND="$COMMAND $TOKENS"
            ;;
        esac
    done <"$1"
    split "$(printf '%s' "$COMMAND" | tr '\n' ' ')"
}

# read_words SOURCE: keeps what the k0s command line in TOKENS says and nothing better has said before (sets FOUND_BINARY,
# FOUND_DATA and FOUND_KUBELET). Two different data directories are one too many: sets UNCLEAR.
read_words() {
    WORD_BINARY='' WORD_DATA='' WORD_KUBELET='' NEXT=''
    while read -r WORD; do
        case $NEXT$WORD in
        data/*) WORD_DATA=$WORD ;;
        kubelet/*) WORD_KUBELET=$WORD ;;
        --data-dir=*) WORD_DATA=${WORD#*=} ;;
        --kubelet-root-dir=*) WORD_KUBELET=${WORD#*=} ;;
        /*) WORD_BINARY=${WORD_BINARY:-$WORD} ;;
        esac
        case $WORD in --data-dir) NEXT=data ;; --kubelet-root-dir) NEXT=kubelet ;; *) NEXT='' ;; esac
    done <<EOF_WORDS
$TOKENS
EOF_WORDS
    # A k0s that was told nothing has its data in the default place, whatever an earlier one on this host had.
    case $NEWLINE$TOKENS$NEWLINE in
    *"${NEWLINE}controller${NEWLINE}"* | *"${NEWLINE}worker${NEWLINE}"*) WORD_DATA=${WORD_DATA:-$DEFAULT_DATA} ;;
    esac
    if [ -n "$WORD_DATA" ] && [ -n "$FOUND_DATA" ] && [ "$WORD_DATA" != "$FOUND_DATA" ]; then
        UNCLEAR="$1 says --data-dir=$WORD_DATA, and another part of k0s here says $FOUND_DATA"
    fi
    FOUND_DATA=${FOUND_DATA:-$WORD_DATA}
    FOUND_KUBELET=${FOUND_KUBELET:-$WORD_KUBELET}
    if [ -z "$FOUND_BINARY" ] && [ -x "$WORD_BINARY" ]; then FOUND_BINARY=$WORD_BINARY; fi
}

# learn_services: sets INSTALLED, the services that this host has, and FOUND_ROLE.
learn_services() {
    INSTALLED=''
    for SERVICE in $SERVICES; do
        service_files "$SERVICE"
        [ -n "$FILES" ] || continue
        INSTALLED="$INSTALLED $SERVICE"
        FOUND_ROLE=${FOUND_ROLE:-${SERVICE#k0s}}
        for FILE in $FILES; do
            service_command "$FILE"
            read_words "$FILE"
        done
    done
}

# learn_processes: sets RUNNING when a controller or worker runs, and reads its command line; sets FOUND_ROLE and
# FOUND_BINARY.
learn_processes() {
    RUNNING=no
    for PID in $PROCESSES; do
        TOKENS=$(tr '\000' '\n' 2>/dev/null <"/proc/$PID/cmdline") || continue
        case $NEWLINE$TOKENS$NEWLINE in
        *"k0s${NEWLINE}controller${NEWLINE}"* | *"${BINARY}${NEWLINE}controller${NEWLINE}"*) ROLE_HERE=controller ;;
        *"k0s${NEWLINE}worker${NEWLINE}"* | *"${BINARY}${NEWLINE}worker${NEWLINE}"*) ROLE_HERE=worker ;;
        *) continue ;;
        esac
        program "$PID" || continue
        # A supervisor has the command line of k0s in its own, and is not k0s.
        case ${EXE##*/} in supervise-daemon) continue ;; esac
        RUNNING=yes
        FOUND_ROLE=${FOUND_ROLE:-$ROLE_HERE}
        case ${EXE##*/} in
        sh | ash | bash | dash | busybox) TOKENS=${TOKENS#*"$NEWLINE"} ;;
        *) if [ -z "$FOUND_BINARY" ] && [ -x "$EXE" ]; then FOUND_BINARY=$EXE; fi ;;
        esac
        read_words "process $PID"
    done
}

# find_binary: sets BINARY: as told, or as the service or a process says, or on the PATH, or in the usual directories,
# or as an earlier attempt saw it. Empty when there is none.
find_binary() {
    BINARY=
    for PLACE in "$ASKED_BINARY" "$FOUND_BINARY" "$(command -v k0s)" /usr/local/bin/k0s /usr/bin/k0s \
        /usr/local/sbin/k0s /usr/sbin/k0s /opt/bin/k0s /opt/k0s/bin/k0s /opt/k0s/k0s "${HOME:-/root}/bin/k0s" \
        "${HOME:-/root}/.local/bin/k0s" "$OLD_BINARY"; do
        case $PLACE in /*) ;; *) continue ;; esac
        if [ -f "$PLACE" ] && [ -x "$PLACE" ]; then
            BINARY=$PLACE
            return
        fi
    done
}

# learn_directories: REAL_* are without links, as the kernel names mounts and programs.
learn_directories() {
    DATA=${ASKED_DATA:-${FOUND_DATA:-${OLD_DATA:-$DEFAULT_DATA}}}
    DATA=${DATA%/}
    if [ -n "$FOUND_DATA" ]; then OLD_KUBELET=''; fi
    KUBELET=${ASKED_KUBELET:-${FOUND_KUBELET:-${OLD_KUBELET:-$DATA/kubelet}}}
    KUBELET=${KUBELET%/}
    REAL_DATA=$(readlink -f "$DATA") || REAL_DATA=$DATA
    REAL_KUBELET=$(readlink -f "$KUBELET") || REAL_KUBELET=$KUBELET
}

# learn: sets BINARY, DATA, KUBELET, ROLE, INSTALLED, PROCESSES, SHIMS, RUNNING. An argument goes before what is found,
# that before what an earlier attempt wrote down, that before the defaults. Sets FOUND_BINARY, FOUND_DATA, FOUND_KUBELET,
# FOUND_ROLE and UNCLEAR on the way.
learn() {
    FOUND_BINARY='' FOUND_DATA='' FOUND_KUBELET='' FOUND_ROLE='' UNCLEAR=''
    recall
    learn_services
    find_binary
    learn_directories
    find_ancestors
    scan
    learn_processes
    find_binary
    if [ -n "$ASKED_DATA" ]; then UNCLEAR=''; fi
    learn_directories
    ROLE=${FOUND_ROLE:-${OLD_ROLE:-unknown}}
    if [ "$ASKED_ROLE" != auto ]; then ROLE=$ASKED_ROLE; fi
}

write_down() {
    remember binary "$BINARY"
    remember data "$DATA"
    remember kubelet "$KUBELET"
    remember role "$ROLE"
}
