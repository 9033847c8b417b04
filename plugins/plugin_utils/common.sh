# shellcheck shell=sh
# Functions that both halves of the work on a host share: launch.sh (in the SSH session) and program.sh (detached
# from it). POSIX shell and coreutils or busybox only.
#
# All variables of a POSIX shell are global. So: results come back in upper-case variables (a command substitution would
# cost a process each time), and the comment above a function names those that it sets. A function's working variables
# are in lower case and begin with a word of its name. scripts/shell_names.py looks for a function that changes a
# variable behind its caller's back.

# find_tools: what a login script has made of PATH does not count alone: neither half may fail, or take another user's
# place for its own, because a tool is not found. Sets PATH.
find_tools() {
    case ${PATH:-} in *:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin) return 0 ;; esac
    PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    export PATH
}

# What systemd-run has made, and logins, containers and the system itself, too.
TRANSIENT_UNITS=/run/systemd/transient

# may_be_ones_own FILE: true for a transient unit of a kind that a command may have made for itself.
may_be_ones_own() {
    case $1 in
    "$TRANSIENT_UNITS"/*.service | "$TRANSIENT_UNITS"/*.timer | "$TRANSIENT_UNITS"/*.path | \
        "$TRANSIENT_UNITS"/*.socket | "$TRANSIENT_UNITS"/*.scope)
        return 0
        ;;
    esac
    return 1
}

# has_word FILE WORD: true when the word stands in the first MiB of a file, by itself or as a unit's name without its kind.
has_word() {
    case " $(head -c 1048576 "$1" | tr -d '\0') " in
    *[!A-Za-z0-9:_.@\\-]"$2"[!A-Za-z0-9:_@\\-]*) return 0 ;;
    esac
    return 1
}

MY_UID=

# my_uid: sets MY_UID, or fails when nobody tells.
my_uid() {
    if [ -n "$MY_UID" ]; then return 0; fi
    # The user that the shell acts as: the second.
    while read -r uid_name uid_real MY_UID uid_rest; do
        if [ "$uid_name" = Uid: ]; then break; fi
        MY_UID=
    done 2>/dev/null </proc/self/status
    : "$uid_real$uid_rest" # only here so that the user is one word
    MY_UID=${MY_UID:-$(id -u)}
    case $MY_UID in '' | *[!0-9]*) MY_UID='' && return 1 ;; esac
}

# boot_mark: sets BOOT, which differs after every boot. The start time of process 1 tells boots of a container apart,
# which shares the kernel's boot id.
boot_mark() {
    BOOT=unknown
    if [ -r /proc/sys/kernel/random/boot_id ]; then read -r BOOT </proc/sys/kernel/random/boot_id; fi
    if process_start 1; then BOOT="$BOOT.$START"; fi
}

# uptime_now: sets NOW, seconds and hundredths since the kernel started; no process is needed for it. A host that does
# not tell that gives the time of day.
uptime_now() {
    if [ -r /proc/uptime ]; then read -r NOW </proc/uptime; else NOW=$(date +%s); fi
    NOW=${NOW%% *}
}

# decode TEXT: sets TEXT to what the octal escapes of a payload field stand for, trailing newlines included.
decode() {
    TEXT=$1
    case $1 in *\\*) ;; *) return 0 ;; esac
    TEXT=$(printf '%bx' "$1")
    TEXT=${TEXT%x}
}

# each_step FUNCTION: calls it for each step of STEPS, in their order, until it fails, and with that status then. Sets
# STEP_NUMBER STEP_KIND STEP_FIRST STEP_LENGTH STEP_MODE STEP_OWNER STEP_DIGEST STEP_KEY and STEP_REST, the step's words.
each_step() {
    each_function=$1 each_separator=$IFS IFS=$NEWLINE
    set -f
    # shellcheck disable=SC2086 # one a line: to read them from a file takes longer
    set -- $STEPS
    IFS=$each_separator
    for each_line in "$@"; do
        set -f
        # shellcheck disable=SC2086 # its words
        set -- $each_line
        set +f
        STEP_NUMBER=$2 STEP_KIND=$3 STEP_FIRST=$4 STEP_LENGTH=$5 STEP_MODE=$6 STEP_OWNER=$7 STEP_DIGEST=$8 STEP_KEY=$9
        shift 9
        STEP_REST=$*
        "$each_function" || return
    done
    set +f
}

# The lock of a host is a series of symbolic links lock.1, lock.2, …: only the newest counts, and its target names
# the holder. Making a link is atomic, a dead holder never comes back to life, and nothing is ever taken away from a
# holder, so no two programs can believe that they hold it.

# newest_number BASE: sets LOCK, the number of the newest lock, or 0 for none.
newest_number() {
    LOCK=0
    for number_link in "$1"/lock.*; do
        [ -h "$number_link" ] || continue
        number_link=${number_link##*.}
        if [ "$number_link" -gt "$LOCK" ]; then LOCK=$number_link; fi
    done
}

# newest_lock BASE: sets LOCK, and HOLDER_* from its target.
newest_lock() {
    newest_number "$1"
    HOLDER_PID='' HOLDER_START='' HOLDER_BOOT='' HOLDER_ID=''
    [ "$LOCK" -gt 0 ] || return 0
    newest_link=$(readlink "$1/lock.$LOCK") || return 0
    HOLDER_PID=${newest_link%%:*} newest_link=${newest_link#*:}
    HOLDER_START=${newest_link%%:*} newest_link=${newest_link#*:}
    HOLDER_BOOT=${newest_link%%:*} HOLDER_ID=${newest_link#*:}
}

# holder_alive: true while the program that newest_lock found is running. Needs BOOT.
holder_alive() {
    [ "$HOLDER_BOOT" = "$BOOT" ] && still_there "$HOLDER_PID" "$HOLDER_START"
}

# take_lock ID: makes this shell the holder of the host, or fails when another one is. Sets NEXT, the lock's number. Needs
# BASE and BOOT.
take_lock() {
    process_start "$$" || return 1
    take_mine="$$:$START:$BOOT:$1"
    while :; do
        newest_lock "$BASE"
        if holder_alive; then return 1; fi
        NEXT=$((LOCK + 1))
        if ! ln -s "$take_mine" "$BASE/lock.$NEXT" 2>/dev/null; then
            [ -h "$BASE/lock.$NEXT" ] || return 1
            continue
        fi
        # Others may have taken and left newer ones between the look and the link: then this one is worth nothing.
        newest_number "$BASE"
        if [ "$LOCK" = "$NEXT" ]; then break; fi
        rm -f "$BASE/lock.$NEXT"
    done
    # The lock just before stays, so that whoever is listing the directory now sees at least one.
    for take_old in "$BASE"/lock.*; do
        if [ "${take_old##*.}" -lt $((NEXT - 1)) ]; then rm -f "$take_old"; fi
    done
}

# read_journal FILE: sets ENDED (" 1:KEY:BOOT 2:KEY:BOOT " for the steps that ended well), OPEN (the step that began and
# has no end, or nothing), CUT (one that was cut off, where no program has begun since), CUT_WHY (and why), OPEN_KEY and
# OPEN_BOOT, STEP_PID and STEP_START of the process that carries it out, COMMAND_PID and COMMAND_START of its command,
# REBOOTS (" 1 1 " for a step that a reboot has cut off twice since it last ended), PROVED (the boot in which the sentinel
# file was seen, or nothing) and STALE (it was there before). A line that was cut short is not counted.
read_journal() {
    ENDED=" " OPEN='' CUT='' CUT_WHY='' OPEN_KEY='' OPEN_BOOT='' STEP_PID='' STEP_START='' REBOOTS=" " PROVED=''
    COMMAND_PID='' COMMAND_START='' STALE=''
    [ -f "$1" ] || return 0
    while read -r journal_event journal_number journal_value journal_rest; do
        # Of the end of a step that is half a line, the status is enough.
        if [ "$journal_event" = end ]; then journal_rest=; fi
        if void_line "$journal_number$journal_value$journal_rest"; then continue; fi
        case $journal_event in
        begin) CUT= ;;
        start)
            OPEN=$journal_number OPEN_BOOT=$journal_value STEP_PID='' COMMAND_PID=''
            case $journal_rest in *' '*) OPEN_KEY=${journal_rest##* } ;; *) OPEN_KEY='' ;; esac
            # What has begun again has not ended.
            without_ended "$journal_number"
            ;;
        # All steps are carried out again: what has ended before counts no more.
        anew) ENDED=" " STALE='' ;;
        stale) STALE=1 ;;
        kept) ENDED="$ENDED$journal_number:${journal_rest%% *}:$journal_value " ;;
        process) STEP_PID=$journal_value STEP_START=$journal_rest ;;
        command) COMMAND_PID=$journal_value COMMAND_START=$journal_rest ;;
        end)
            if [ "$journal_value" = 0 ]; then ENDED="$ENDED$journal_number:$OPEN_KEY:$OPEN_BOOT "; fi
            OPEN='' CUT=''
            without_reboots "$journal_number"
            ;;
        cut)
            CUT=${OPEN:-$CUT} CUT_WHY=$journal_value OPEN=
            if [ "$journal_value" = reboot ]; then REBOOTS="$REBOOTS$journal_number "; fi
            ;;
        sentinel) PROVED=$journal_value ;;
        esac
    done <"$1"
}

# without_ended NUMBER: takes the step out of ENDED.
without_ended() {
    case $ENDED in *" $1:"*) ;; *) return 0 ;; esac
    without_head=${ENDED%%" $1:"*}
    without_rest=${ENDED#*" $1:"}
    ENDED="$without_head ${without_rest#* }"
}

# without_reboots NUMBER: takes the step out of REBOOTS.
without_reboots() {
    without_list=$REBOOTS REBOOTS=" "
    for without_one in $without_list; do
        if [ "$without_one" != "$1" ]; then REBOOTS="$REBOOTS$without_one "; fi
    done
}

# step_alive RUN: true while the process of the open step that read_journal found in the run's journal is there. It
# outlives its program when that is killed, and notes the step's end by itself. Its command outlives both when both are.
# Needs BOOT and MY_UID.
step_alive() {
    if [ -n "$OPEN" ] && [ "$OPEN_BOOT" = "$BOOT" ] && still_there "$STEP_PID" "$STEP_START"; then return 0; fi
    find_command "$1"
    [ -n "$COMMAND_LEFT" ]
}

# find_command RUN: sets COMMAND_LEFT, the processes of the command of the step that read_journal found to be open or cut
# off in this boot, each of which carries it out: the one that was noted, whatever it has become since, and this user's
# shells with its private file. What else names that file is no command.
find_command() {
    COMMAND_LEFT=
    if [ -z "$OPEN$CUT" ] || [ "$OPEN_BOOT" != "$BOOT" ]; then return 0; fi
    if still_there "$COMMAND_PID" "$COMMAND_START"; then COMMAND_LEFT=" $COMMAND_PID"; fi
    command_text=$1/${OPEN:-$CUT}.command
    command_files=$(grep -lF -- "$command_text" /proc/[0-9]*/cmdline 2>/dev/null)
    for command_file in $command_files; do
        command_pid=${command_file#/proc/}
        command_pid=${command_pid%/cmdline}
        if [ "$command_pid" = "$COMMAND_PID" ]; then continue; fi
        command_line=$(tr '\000' '\n' 2>/dev/null <"/proc/$command_pid/cmdline") || continue
        case $command_line in
        "/bin/sh$NEWLINE$command_text" | "/bin/sh$NEWLINE$command_text$NEWLINE"*) ;;
        *) continue ;;
        esac
        if is_mine "$command_pid"; then COMMAND_LEFT="$COMMAND_LEFT $command_pid"; fi
    done
}

# is_mine PID: true for a process of this user's that is there, and in no container: one may be a host of its own, with the
# same paths. Sets START. Needs MY_UID.
is_mine() {
    mine_entry=$(ls -ldn "/proc/$1" 2>/dev/null) || return 1
    mine_pid=$1
    # shellcheck disable=SC2086 # mode, links, owner
    set -f && set -- $mine_entry && set +f
    [ "$3" = "$MY_UID" ] && process_start "$mine_pid" &&
        [ "$(readlink "/proc/$mine_pid/ns/pid" 2>/dev/null)" = "$(readlink /proc/self/ns/pid 2>/dev/null)" ]
}
