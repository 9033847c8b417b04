#!/bin/sh
# shellcheck disable=SC2034,SC2153 # the parts of one program share their variables
# Part 5 of 11 of the k0s cleanup: what is known of the k0s on this host. It is read off its service, its processes and
# its usual places, and written down before anything is removed, because k0s reset removes what it was read from.

SERVICES="k0scontroller k0sworker"
# Others that come with it: k0smotron's control planes install one that leaves etcd when the host shuts down.
COMPANIONS=k0sleave
UNIT_DIRECTORIES="/etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system"
UNIT_DIRECTORIES="$UNIT_DIRECTORIES /usr/lib/systemd/system /lib/systemd/system"
DEFAULT_DATA=/var/lib/k0s

# remember NAME VALUE [NAME VALUE]…: for an attempt after one that was cut off, or fails. The disk has it before anything is
# done that takes away what it was read from. The file is private, as the run's directory is. The dot says that a line is
# whole: what a full disk or a loss of power has left of one is not believed.
remember() {
    if [ -z "${CAPRA_RUN_DIR:-}" ] || [ "$CHECK" = yes ]; then return 0; fi
    (umask 077 && printf '\n%s %s .\n' "$@" >>"$CAPRA_RUN_DIR/k0s_cleanup.facts") 2>/dev/null || return 1
    to_disk "$CAPRA_RUN_DIR/k0s_cleanup.facts"
}

# forget_facts: sets OLD_BINARY, OLD_DATA, OLD_KUBELET, OLD_ROLE, OLD_DISTRUSTED, OLD_PATH, OLD_RUNS, PROVEN, RESET
# and RECALLED as where nothing was written down.
forget_facts() {
    OLD_BINARY='' OLD_DATA='' OLD_KUBELET='' OLD_ROLE='' OLD_DISTRUSTED='' OLD_PATH='' OLD_RUNS=''
    PROVEN=$NEWLINE RESET=no RECALLED=no
}

# recall: sets OLD_BINARY, OLD_DATA, OLD_KUBELET, OLD_ROLE, OLD_DISTRUSTED, OLD_PATH, OLD_RUNS, PROVEN, RESET, CHANGED
# and SIGNALED, what the phases before this one, or an attempt that did not end well, wrote down: of other runs first,
# so that this run's own has the last word, and RECALLED, whether it has one.
recall() {
    forget_facts
    [ -n "${CAPRA_RUN_DIR:-}" ] || return 0
    for recall_facts in "${CAPRA_RUN_DIR%/*}"/*/k0s_cleanup.facts "$CAPRA_RUN_DIR/k0s_cleanup.facts"; do
        [ -f "$recall_facts" ] || continue
        while read -r recall_name recall_value; do
            case $recall_value in *' .') recall_value=${recall_value%' .'} ;; *) continue ;; esac
            case $recall_name in
            binary) OLD_BINARY=$recall_value ;;
            data) OLD_DATA=$recall_value ;;
            kubelet) OLD_KUBELET=$recall_value ;;
            role)
                OLD_ROLE=$recall_value
                if [ "${recall_facts%/*}" = "$CAPRA_RUN_DIR" ]; then RECALLED=yes; fi
                ;;
            distrusted) OLD_DISTRUSTED=$recall_value ;;
            runs) OLD_RUNS=$recall_value ;;
            path) if [ "${recall_facts%/*}" = "$CAPRA_RUN_DIR" ]; then OLD_PATH=$recall_value; fi ;;
            proven) PROVEN=$PROVEN$recall_value$NEWLINE ;;
            reset) RESET=$recall_value ;;
            changed) if [ "${recall_facts%/*}" = "$CAPRA_RUN_DIR" ]; then CHANGED=yes; fi ;;
            signaled) if [ "${recall_facts%/*}" = "$CAPRA_RUN_DIR" ]; then SIGNALED=yes; fi ;;
            clean) forget_facts ;;
            esac
        done <"$recall_facts"
    done
}

# split TEXT: sets TOKENS, the words of a command line, one a line, without their quotes and escapes.
split() {
    TOKENS='' split_word='' split_quote='' split_open=no
    split_text="$1 "
    while [ -n "$split_text" ]; do
        split_rest=${split_text#?}
        split_letter=${split_text%"$split_rest"}
        split_text=$split_rest
        case $split_quote$split_letter in
        \"\" | \'\') split_quote='' ;;
        \'?*) split_word=$split_word$split_letter ;;
        \\ | \"\\)
            case $split_text in
            x20*) split_letter=' ' split_text=${split_text#x20} ;;
            *) split_letter=${split_text%"${split_text#?}"} split_text=${split_text#?} ;;
            esac
            split_word=$split_word$split_letter split_open=yes
            ;;
        \"?*) split_word=$split_word$split_letter ;;
        \" | \') split_quote=$split_letter split_open=yes ;;
        ' ' | '	')
            if [ "$split_open" = yes ]; then TOKENS="$TOKENS$split_word$NEWLINE"; fi
            split_word='' split_open=no
            ;;
        *) split_word=$split_word$split_letter split_open=yes ;;
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

# drop_ins NAME: sets DROP_INS, what changes the service's unit.
drop_ins() {
    DROP_INS=
    for drop_ins_place in $UNIT_DIRECTORIES; do
        for drop_ins_file in "$drop_ins_place/$1.service.d"/*.conf; do
            if [ -f "$drop_ins_file" ]; then DROP_INS="$DROP_INS $drop_ins_file"; fi
        done
    done
}

# service_command FILE…: sets TOKENS, what the service starts: ExecStart (systemd), command and command_args (OpenRC)
# or cmd (SysV), of a definition and what changes it. The last two stand in shell strings, so there are two layers of
# quotes. A file that others may write says nothing.
service_command() {
    service_command=''
    TOKENS=''
    for service_definition in "$@"; do
        if [ ! -r "$service_definition" ] || ! believed "$service_definition"; then continue; fi
        while read -r service_line || [ -n "$service_line" ]; do
            case $service_line in
            ExecStart=) service_command='' ;;
            ExecStart=*) service_command="$service_command ${service_line#*=}" ;;
            command=* | command_args=* | cmd=*)
                split "${service_line#*=}"
                service_command="$service_command $TOKENS"
                ;;
            esac
        done <"$service_definition"
    done
    split "$(printf '%s' "$service_command" | tr '\n' ' ')"
}

# read_words SOURCE: keeps what the k0s command line in TOKENS says and nothing better has said before (sets
# FOUND_BINARY, FOUND_DATA and FOUND_KUBELET; DISTRUSTED is a program that may not be run). Two different data
# directories are one too many: sets UNCLEAR.
read_words() {
    read_word_binary='' read_word_data='' read_word_kubelet='' read_next=''
    while read -r read_word; do
        case $read_next$read_word in
        data/*) read_word_data=$read_word ;;
        kubelet/*) read_word_kubelet=$read_word ;;
        --data-dir=*) read_word_data=${read_word#*=} ;;
        --kubelet-root-dir=*) read_word_kubelet=${read_word#*=} ;;
        /*) read_word_binary=${read_word_binary:-$read_word} ;;
        esac
        case $read_word in
        --data-dir) read_next=data ;;
        --kubelet-root-dir) read_next=kubelet ;;
        *) read_next='' ;;
        esac
    done <<EOF_WORDS
$TOKENS
EOF_WORDS
    # A k0s that was told nothing has its data in the default place, whatever an earlier one on this host had.
    case $NEWLINE$TOKENS$NEWLINE in
    *"${NEWLINE}controller${NEWLINE}"* | *"${NEWLINE}worker${NEWLINE}"*)
        read_word_data=${read_word_data:-$DEFAULT_DATA}
        ;;
    esac
    if [ -n "$read_word_data" ] && [ -n "$FOUND_DATA" ] && [ "$read_word_data" != "$FOUND_DATA" ]; then
        UNCLEAR="$1 says --data-dir=$read_word_data, and another part of k0s here says $FOUND_DATA"
    fi
    FOUND_DATA=${FOUND_DATA:-$read_word_data}
    FOUND_KUBELET=${FOUND_KUBELET:-$read_word_kubelet}
    if [ -z "$FOUND_BINARY" ] && [ -x "$read_word_binary" ]; then
        if runnable "$read_word_binary"; then FOUND_BINARY=$read_word_binary; else DISTRUSTED=$read_word_binary; fi
    fi
}

# learn_services: sets INSTALLED, the services that this host has, and FOUND_ROLE.
learn_services() {
    INSTALLED=''
    for learn_service in $SERVICES; do
        service_files "$learn_service"
        [ -n "$FILES" ] || continue
        INSTALLED="$INSTALLED $learn_service"
        FOUND_ROLE=${FOUND_ROLE:-${learn_service#k0s}}
        learn_words_from=$FILES
        drop_ins "$learn_service"
        for learn_file in $learn_words_from; do
            # shellcheck disable=SC2086 # one word a file
            service_command "$learn_file" $DROP_INS
            read_words "$learn_file"
        done
    done
}

# learn_processes: sets RUNNING when a controller or worker runs, and reads its command line (TOKENS); sets FOUND_ROLE,
# FOUND_BINARY and DISTRUSTED. A program that others may write says nothing, though root has started it.
learn_processes() {
    RUNNING=no
    for learn_pid in $PROCESSES; do
        program "$learn_pid" || continue
        learn_runs=${EXE:-$FIRST}
        # A supervisor has the command line of k0s in its own, and is not k0s.
        if is_shell "$learn_runs"; then learn_runs=$SECOND TOKENS=${TOKENS#*"$NEWLINE"}; fi
        case $learn_runs in "$BINARY" | k0s | */k0s) ;; *) continue ;; esac
        case $NEWLINE$TOKENS$NEWLINE in
        *"${NEWLINE}controller${NEWLINE}"*) learn_role_here=controller ;;
        *"${NEWLINE}worker${NEWLINE}"*) learn_role_here=worker ;;
        *) continue ;;
        esac
        RUNNING=yes
        FOUND_ROLE=${FOUND_ROLE:-$learn_role_here}
        if [ "$learn_runs" != "$ASKED_BINARY" ] && ! believed_program "$learn_runs"; then
            DISTRUSTED=$learn_runs
            continue
        fi
        read_words "process $learn_pid"
        if [ -z "$FOUND_BINARY" ] && runnable "$learn_runs"; then FOUND_BINARY=$learn_runs; fi
    done
}

# find_binary: sets BINARY: as told, or as the service or a process says, or on the PATH, or in the usual directories,
# or as an earlier attempt saw it. Empty when there is none that may be run.
find_binary() {
    BINARY=
    for find_place in "$ASKED_BINARY" "$FOUND_BINARY" "$(command -v k0s)" /usr/local/bin/k0s /usr/bin/k0s \
        /usr/local/sbin/k0s /usr/sbin/k0s /opt/bin/k0s /opt/k0s/bin/k0s /opt/k0s/k0s "${HOME:-/root}/bin/k0s" \
        "${HOME:-/root}/.local/bin/k0s" "$OLD_BINARY"; do
        case $find_place in /*) ;; *) continue ;; esac
        if runnable "$find_place"; then
            BINARY=$find_place
            return
        fi
    done
}

# learn_directories: sets DATA, KUBELET and PLACES; REAL_DATA and REAL_KUBELET are without links, as the kernel names
# mounts and programs. OLD_KUBELET does not count beside a data directory that was found. Needs RESOLVED, and sets it.
learn_directories() {
    DATA=${ASKED_DATA:-${FOUND_DATA:-${OLD_DATA:-$DEFAULT_DATA}}}
    DATA=${DATA%/}
    if [ -n "$FOUND_DATA" ]; then OLD_KUBELET=''; fi
    KUBELET=${ASKED_KUBELET:-${FOUND_KUBELET:-${OLD_KUBELET:-$DATA/kubelet}}}
    KUBELET=${KUBELET%/}
    if [ "$RESOLVED" = "$DATA$NEWLINE$KUBELET" ]; then return 0; fi
    RESOLVED=$DATA$NEWLINE$KUBELET
    REAL_DATA=$(readlink -f "$DATA") || REAL_DATA=$DATA
    if [ "${KUBELET%/*}" = "$DATA" ] && [ ! -h "$KUBELET" ]; then
        REAL_KUBELET=$REAL_DATA/${KUBELET##*/}
    else
        REAL_KUBELET=$(readlink -f "$KUBELET") || REAL_KUBELET=$KUBELET
    fi
    set_places
}

# prove_directories: what a definition or a process says is still no proof that a directory is k0s's. One that is not
# is left alone, and the default goes in its place; one that was asked for is refused (guard; UNPROVEN). A link
# through a directory that others may write is not followed. Sets FOUND_DATA, OLD_DATA, FOUND_KUBELET, OLD_KUBELET,
# REAL_DATA and REAL_KUBELET.
prove_directories() {
    UNPROVEN=''
    # shellcheck disable=SC2086 # one word a mark
    if [ "$DATA" != "$DEFAULT_DATA" ] && may_remove "$DATA" && may_remove "$REAL_DATA" &&
        ! { steady "$DATA" && holds "$DATA" $DATA_MARKS; }; then
        unproven "$DATA" "$ASKED_DATA"
        FOUND_DATA='' OLD_DATA=''
    fi
    # shellcheck disable=SC2086
    if ! below "$KUBELET" "$DATA" && may_remove "$KUBELET" && may_remove "$REAL_KUBELET" &&
        ! { steady "$KUBELET" && holds "$KUBELET" $KUBELET_MARKS; }; then
        unproven "$KUBELET" "$ASKED_KUBELET"
        FOUND_KUBELET='' OLD_KUBELET=''
    fi
    learn_directories
    if ! steady "$DATA"; then REAL_DATA=$DATA; fi
    if ! steady "$KUBELET"; then REAL_KUBELET=$KUBELET; fi
    set_places
}

# unproven DIRECTORY ASKED: sets UNPROVEN, or says that it is left alone.
unproven() {
    if [ -n "$2" ]; then
        UNPROVEN=$1
    else
        warn found "$1 holds nothing of k0s, or leads through a directory that others may write: it is left alone"
    fi
}

# learn: after recall, sets BINARY, DATA, KUBELET, ROLE, INSTALLED, PROCESSES, SHIMS, USERS, RUNNING. An argument takes
# precedence over what is found, that over what was written down, that over the defaults. Sets FOUND_BINARY, FOUND_DATA,
# FOUND_KUBELET, FOUND_ROLE, UNCLEAR, DISTRUSTED and RESOLVED on the way.
learn() {
    FOUND_BINARY='' FOUND_DATA='' FOUND_KUBELET='' FOUND_ROLE='' UNCLEAR='' DISTRUSTED='' RESOLVED=''
    learn_services
    find_binary
    learn_directories
    find_ancestors
    scan
    learn_looked_for=$BINARY$NEWLINE$DATA$NEWLINE$KUBELET$NEWLINE$PLACES
    learn_processes
    find_binary
    if [ -n "$ASKED_DATA" ]; then UNCLEAR=''; fi
    learn_directories
    prove_directories
    # A look at all processes takes longer than all the rest.
    if [ "$learn_looked_for" != "$BINARY$NEWLINE$DATA$NEWLINE$KUBELET$NEWLINE$PLACES" ]; then scan; fi
    ROLE=${FOUND_ROLE:-${OLD_ROLE:-unknown}}
    if [ "$ROLE" = unknown ] && [ -d "$DATA/etcd" ]; then ROLE=controller; fi
    if [ "$ASKED_ROLE" != auto ]; then ROLE=$ASKED_ROLE; fi
}

# learn_again: the same for a phase after the first, which has looked at the processes: a look at all takes longer than all
# the rest. Sets FOUND_BINARY, FOUND_DATA, FOUND_KUBELET, FOUND_ROLE, UNCLEAR, DISTRUSTED and RESOLVED on the way, and RUNNING,
# PROCESSES, SHIMS and USERS to none.
learn_again() {
    FOUND_BINARY='' FOUND_DATA='' FOUND_KUBELET='' FOUND_ROLE='' UNCLEAR='' DISTRUSTED=$OLD_DISTRUSTED RESOLVED=''
    RUNNING=no PROCESSES='' SHIMS='' USERS=''
    learn_services
    BINARY=$OLD_BINARY
    if ! runnable "$BINARY"; then BINARY=''; fi
    learn_directories
    find_ancestors
    prove_directories
    ROLE=$OLD_ROLE
}

# write_down: without a note of it the next attempt would leave behind what this one has not come to.
write_down() {
    write_runs=no
    if [ -n "$PROCESSES" ]; then write_runs=yes; fi
    remember runs "$write_runs" binary "$BINARY" data "$DATA" kubelet "$KUBELET" role "$ROLE" distrusted "$DISTRUSTED" path "$PATH" ||
        fail found "no room to write down what was found; nothing was removed"
}
