# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the detached half (program.sh): units and init scripts that a bootstrap's files and commands have
# installed are noted, and a cleanup stops, disables, removes and verifies them. POSIX shell and coreutils or busybox,
# and whatever manages the host's services.

HOST_UNITS="/etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system"
PACKAGE_UNITS="/usr/lib/systemd/system /lib/systemd/system"

systemd_runs() {
    command -v systemctl >/dev/null 2>&1 || return 1
    if [ -d /run/systemd/system ]; then return 0; fi
    # Its directory may have gone, and it can be asked no more: it starts services all the same.
    read -r systemd_comm 2>/dev/null </proc/1/comm && [ "$systemd_comm" = systemd ]
}

# list_services: sets SERVICES, one a line: unit files, drop-ins and init scripts. What only leads to a package's is an
# alias, and so is every link among the packages' units.
#
# This is done after each command, and there are hundreds on some hosts: where no name has come or gone since the last
# time, and what was none is none still, the list of that time holds. Sets LISTED too, the names that were looked at, and
# ALIASES and OTHERS, what was found to be none.
list_services() {
    set --
    for list_place in $HOST_UNITS $PACKAGE_UNITS $TRANSIENT_UNITS /etc/init.d; do
        # Where systems are merged this is the other one.
        if [ "$list_place" = /lib/systemd/system ] && [ -h /lib ]; then continue; fi
        set -- "$@" "$list_place"/* "$list_place"/*.d/*.conf
    done
    # Each begins with a slash, and none holds a blank and a slash.
    list_names="$*"
    if [ "$list_names" = "$LISTED" ] && still_none; then return 0; fi
    LISTED=$list_names ALIASES='' OTHERS='' SERVICES=$NEWLINE
    # What is left of the arguments are the links.
    for list_file in "$@"; do
        shift
        case $list_file in *[[:cntrl:]]*) continue ;; esac
        if [ ! -h "$list_file" ]; then
            if [ -f "$list_file" ]; then
                SERVICES="$SERVICES$list_file$NEWLINE"
            else
                OTHERS="$OTHERS$list_file$NEWLINE"
            fi
            continue
        fi
        case $list_file in
        /usr/lib/* | /lib/*) ALIASES="$ALIASES$list_file$NEWLINE$list_file$NEWLINE" ;;
        *) set -- "$@" "$list_file" ;;
        esac
    done
    add_own_links "$@"
}

# The first call looks at everything.
LISTED='' ALIASES='' OTHERS=''

# add_own_links LINK…: a part of list_services. One `ls` tells where all of them lead. Sets SERVICES, ALIASES (two lines
# each: the link, and where it leads) and OTHERS.
add_own_links() {
    if [ $# = 0 ]; then return 0; fi
    links_list=$(QUOTING_STYLE=literal ls -ld -- "$@" 2>/dev/null)
    for links_file in "$@"; do
        links_to=${links_list#*" $links_file -> "}
        links_to=${links_to%%"$NEWLINE"*}
        case $links_list in
        *" $links_file -> /lib/"* | *" $links_file -> /usr/lib/"* | *" $links_file -> ../"* | \
            *" $links_file -> /dev/null"*)
            case $links_to in /*) ;; *) links_to=${links_file%/*}/$links_to ;; esac
            ALIASES="$ALIASES$links_file$NEWLINE$links_to$NEWLINE"
            ;;
        *)
            if [ -f "$links_file" ]; then
                SERVICES="$SERVICES$links_file$NEWLINE"
            else
                OTHERS="$OTHERS$links_file$NEWLINE"
            fi
            ;;
        esac
    done
}

# still_none: true when no name of OTHERS has become a file, and those of ALIASES lead where they led. A shell that cannot
# tell whether two names are the same file says no.
still_none() {
    none_separator=$IFS IFS=$NEWLINE
    set -f
    # shellcheck disable=SC2086 # one a line
    set -- $OTHERS '' $ALIASES
    set +f
    IFS=$none_separator
    while [ -n "$1" ]; do
        if [ -f "$1" ]; then return 1; fi
        shift
    done
    shift
    while [ $# -gt 1 ]; do
        # shellcheck disable=SC3013 # see above
        if [ ! -h "$1" ] || { [ -f "$1" ] && ! [ "$1" -ef "$2" ]; }; then return 1; fi
        shift 2
    done 2>/dev/null
}

# is_packaged FILE: true for a file that a package has installed, init scripts mostly; and for any file where packages
# keep theirs, on a host whose packages cannot be asked.
is_packaged() {
    if owned_by_package "$1"; then return 0; fi
    case $1 in /usr/lib/* | /lib/*) ;; *) return 1 ;; esac
    ! owned_by_package "$(readlink -f /bin/sh)"
}

# owned_by_package FILE: dpkg knows a file by the name that the package gave it: on a merged system that may be the
# other one.
owned_by_package() {
    if command -v dpkg >/dev/null 2>&1; then
        if dpkg -S "$1" || dpkg -S "/usr$1" || dpkg -S "${1#/usr}"; then return 0; fi
    fi
    if command -v rpm >/dev/null 2>&1 && rpm -qf "$1"; then return 0; fi
    if command -v apk >/dev/null 2>&1 && apk info -W "$1"; then return 0; fi
    return 1
} >/dev/null 2>&1

# is_drop_in FILE
is_drop_in() { case $1 in */*.d/*.conf) return 0 ;; *) return 1 ;; esac; }

# is_foreign FILE: true for what has come with a command and is still not the command's: what packages brought, and
# transient units, which others make at any time, that neither the command nor a file of this run names.
is_foreign() {
    if may_be_ones_own "$1"; then
        foreign_name=${1##*/}
        ! is_named "${foreign_name%.*}"
        return
    fi
    case $1 in
    "$TRANSIENT_UNITS"/*) return 0 ;;
    *) is_packaged "$1" ;;
    esac
}

# is_named WORD: true when the command that has been carried out, or a file that this run has made, has the word.
is_named() {
    written_by "$RUN"
    named_files=$CREATED
    for named_file in "$RUN"/*.command; do named_files="$named_files$named_file$NEWLINE"; done
    while read -r named_file; do
        if [ -f "$named_file" ] && has_word "$named_file" "$1"; then return 0; fi
    done <<END
$named_files
END
    return 1
}

# The run whose services watch_services has listed in this program, and the list, an x behind it.
WATCHED='' WATCHED_SERVICES=''

# watch_services [later]: remembers the services that were there before this run's commands. After a command that was cut
# off the old list counts: what has come since is that command's. A cleanup's commands install nothing. With `later` it is
# the caller who brings the list to the disk, before any step is noted. Needs OPEN and CUT of read_journal.
watch_services() {
    if [ -f "$RUN/services.before" ] && [ -n "$OPEN$CUT" ] && ! flag cleans; then
        note_services
        return
    fi
    list_services
    WATCHED=$RUN WATCHED_SERVICES=${SERVICES}x
    if [ -f "$RUN/services.before" ] && [ "$(cat "$RUN/services.before" && echo x)" = "$WATCHED_SERVICES" ]; then
        return 0
    fi
    printf '%s' "$SERVICES" >"$RUN/services.part" || return 1
    if [ "${1:-}" = later ]; then
        mv -f "$RUN/services.part" "$RUN/services.before"
    else
        keep_whole "$RUN/services.part" "$RUN/services.before"
    fi
}

# note_services: records which services have come since watch_services. Sets SERVICES.
note_services() {
    [ -f "$RUN/services.before" ] || return 0
    list_services
    note_known=$WATCHED_SERVICES
    if [ "$WATCHED" != "$RUN" ]; then note_known=$(cat "$RUN/services.before" && echo x); fi
    if [ "$note_known" = "${SERVICES}x" ]; then return 0; fi
    if [ -f "$RUN/services" ]; then note_known="${note_known%x}$NEWLINE$(cat "$RUN/services")$NEWLINE"; fi
    while read -r note_file; do
        case $note_known in *"$NEWLINE$note_file$NEWLINE"* | *"${NEWLINE}service $note_file$NEWLINE"*) continue ;; esac
        if [ -z "$note_file" ] || is_foreign "$note_file"; then continue; fi
        record "$RUN/services" "service $note_file" || return 1
    done <<END
$SERVICES
END
}

# note_left_services: what a command has installed that was cut off in the run before this one is that run's to take back.
# A program looks once, before its own begin is noted: what comes later may be anybody's. Sets NEWEST, RUN_* and what
# read_journal sets; RUN is the same again when it returns.
note_left_services() {
    newest_run || return 0
    read_run "$RUN"
    left_lock=$RUN_LOCK
    if ! read_run "$NEWEST" || [ "$RUN_LOCK" -le "$left_lock" ]; then return 0; fi
    # A cleanup or a look installs nothing: what has come since it was cut off is somebody else's.
    case ,$RUN_FLAGS, in *,cleans,* | *,looks,*) return 0 ;; esac
    read_journal "$NEWEST/journal"
    if [ -z "$OPEN$CUT" ]; then return 0; fi
    left_here=$RUN RUN=$NEWEST
    note_services
    left_status=$? RUN=$left_here
    return "$left_status"
}

# written_by RUN: sets CREATED, the files that a run has made and that were not there before, DIGESTS of them, and
# CREATED_UNITS, those of them that are units or init scripts; one a line. What others have made there, since a write
# failed or never came, is none of them. Sets WRITES, STATE and WAS.
written_by() {
    CREATED=$NEWLINE DIGESTS='' CREATED_UNITS=''
    read_writes "$1"
    while read -r written_what written_key STATE WAS written_path; do
        if [ "$written_what" != created ] || [ "$STATE" = void ]; then continue; fi
        decode "$written_path"
        case $TEXT in *[[:cntrl:]]*) continue ;; esac
        written_now=$(look_created "$1" "$written_key" "$TEXT") || continue
        CREATED="$CREATED$TEXT$NEWLINE"
        DIGESTS="$DIGESTS $WAS $written_now "
        for written_place in $HOST_UNITS $PACKAGE_UNITS /etc/init.d; do
            if [ "${TEXT%/*}" = "$written_place" ]; then CREATED_UNITS="$CREATED_UNITS$TEXT$NEWLINE"; fi
        done
    done <<END
$WRITES
END
}

# look_created RUN KEY PATH: prints the digest of a file that a run has created, where commands may have changed it and
# only root or this user can have; fails when there is one that is not Capra's. In a subshell: it goes elsewhere. Needs
# STATE and WAS.
look_created() {
    PLACE=$3
    walk "$3" stay >/dev/null && [ -z "$MISSING" ] || return 0
    if [ ! -e "./$NAME" ] && [ ! -h "./$NAME" ]; then return 0; fi
    look_whose "$1" "$2" >/dev/null && [ "$OWN" = 1 ] || return 1
    if [ "$TRUST" = firm ] && [ -f "./$NAME" ]; then sha256sum <"./$NAME"; fi
}

# count_lines TEXT: sets LINES_COUNTED, how many of its lines are not empty.
count_lines() {
    count_separator=$IFS IFS=$NEWLINE
    set -f
    # shellcheck disable=SC2086 # one a line
    set -- $1
    set +f
    IFS=$count_separator
    LINES_COUNTED=$#
}

# copies_among FILE…: sets COPIES, those that have the content of one of the CREATED files (DIGESTS), one a line: bootstrap
# data writes a unit beside, and a command installs it.
copies_among() {
    COPIES=$NEWLINE
    if [ -z "$DIGESTS" ]; then return 0; fi
    for copies_file in "$@"; do
        shift
        if [ -s "$copies_file" ]; then set -- "$@" "$copies_file"; fi
    done
    # It has a line for each file that can be read, in their order; names in it are escaped in more than one way.
    copies_lines=$(sha256sum "$@" 2>/dev/null </dev/null)
    count_lines "$copies_lines"
    if [ "$LINES_COUNTED" != $# ]; then
        for copies_file in "$@"; do
            copies_digest=$(sha256sum <"$copies_file") || continue
            case $DIGESTS in *" ${copies_digest%% *} "*) COPIES="$COPIES$copies_file$NEWLINE" ;; esac
        done
        return 0
    fi
    # Most hosts have hundreds of units, none of them a copy, and a shell reads by the byte.
    copies_found=no
    for copies_digest in $DIGESTS; do
        case $copies_lines in *"$copies_digest"*) copies_found=yes ;; esac
    done
    if [ "$copies_found" = no ]; then return 0; fi
    while read -r copies_digest copies_rest; do
        : "$copies_rest" # only here so that the digest is one word
        case $DIGESTS in *" ${copies_digest#\\} "*) COPIES="$COPIES$1$NEWLINE" ;; esac
        shift
    done <<END
$copies_lines
END
}

# naming_among FILE…: sets NAMING, those of SERVICES that hold the path of a CREATED file, one a line: most units of a host start nothing
# of it, and a shell reads by the byte. All where there is no grep, or it fails.
naming_among() {
    NAMING=$NEWLINE
    if [ "$CREATED" = "$NEWLINE" ]; then return 0; fi
    naming_found=$(printf %s "${CREATED#"$NEWLINE"}" | grep -lF -f - -- "$@" 2>/dev/null)
    # 1: none. More: it could not look at all of them.
    if [ "$?" -gt 1 ]; then NAMING=$SERVICES; else NAMING="$NEWLINE$naming_found$NEWLINE"; fi
}

# runs_created FILE: true when a unit or an init script starts one of the CREATED files, which a cleanup removes. What
# it only names among its arguments is no reason.
runs_created() {
    while read -r runs_line || [ -n "$runs_line" ]; do
        case $runs_line in Exec*=* | command=* | cmd=*) runs_line=${runs_line#*=} ;; *) continue ;; esac
        set -f
        for runs_word in $runs_line; do
            runs_word=${runs_word#[\"\']}
            runs_word=${runs_word%[\"\']}
            while :; do case $runs_word in [-@:+!]*) runs_word=${runs_word#?} ;; *) break ;; esac; done
            case ${runs_word##*/} in '' | sh | ash | dash | bash | env) continue ;; esac
            case $CREATED in *"$NEWLINE$runs_word$NEWLINE"*) set +f && return 0 ;; esac
            break
        done
        set +f
    done <"$1"
    return 1
}

# with_services FUNCTION RUN: calls it with the run and a word for each of SERVICES.
with_services() {
    with_separator=$IFS IFS=$NEWLINE
    set -f
    # shellcheck disable=SC2086 # one a line
    set -- "$@" $SERVICES
    set +f
    IFS=$with_separator
    "$@"
}

# find_own RUN FILE…: a part of services_of: records those of the files that are copies, or start a CREATED file.
find_own() {
    own_run=$1
    shift
    if [ $# = 0 ]; then return 0; fi
    copies_among "$@"
    naming_among "$@"
    for own_file in "$@"; do
        case $COPIES in
        *"$NEWLINE$own_file$NEWLINE"*) ;;
        *)
            case $NAMING in *"$NEWLINE$own_file$NEWLINE"*) ;; *) continue ;; esac
            runs_created "$own_file" || continue
            ;;
        esac
        if is_packaged "$own_file"; then continue; fi
        record "$own_run/services.found" "service $own_file" || return 1
    done
}

# services_of RUN WHICH: sets INSTALLED, one a line. WHICH is -: units and init scripts that the run wrote, copies
# of what it wrote, and those that start what it wrote; or all: those that came with its commands, too. What is found
# is recorded first, since the next attempt may no longer find it.
services_of() {
    written_by "$1"
    list_services
    with_services find_own "$1" || return 1
    INSTALLED=$CREATED_UNITS
    for services_list in "$1/services.found" "$1/services"; do
        if [ ! -f "$services_list" ]; then continue; fi
        if [ "$2" != all ] && [ "$services_list" = "$1/services" ]; then continue; fi
        while read -r services_word services_file; do
            if [ "$services_word" != service ] || void_line "$services_file"; then continue; fi
            case $NEWLINE$INSTALLED in
            *"$NEWLINE$services_file$NEWLINE"*) ;;
            *) INSTALLED="$INSTALLED$services_file$NEWLINE" ;;
            esac
        done <"$services_list"
    done
}

# within SECONDS COMMAND…: its output goes to $RUN/tool.output. Status 124 when the time was over. Sets NAP.
within() {
    uptime_now
    within_until=$((${NOW%%.*} + $1))
    shift
    "$@" </dev/null >"$RUN/tool.output" 2>&1 3<&- 4<&- &
    within_pid=$!
    NAP=02
    while process_start "$within_pid"; do
        uptime_now
        if [ "${NOW%%.*}" -ge "$within_until" ]; then
            end_processes "$within_pid"
            return 124
        fi
        nap
    done
    wait "$within_pid"
}

# tell_status STATUS: sets TOLD, an exit status in words, as results.py has it.
tell_status() {
    TOLD="status $1"
    if [ "$1" -gt 128 ] && [ "$1" -le 192 ]; then TOLD="$TOLD (killed by signal $(($1 - 128)))"; fi
}

# service_tool SECONDS COMMAND…: how it ends is a warning at most: what counts is what is left.
service_tool() {
    within "$@"
    tool_status=$?
    if [ "$tool_status" = 0 ]; then return 0; fi
    shift
    tool_said=$(tail -n 2 "$RUN/tool.output" | tr '\n\r\t' '   ')
    tell_status "$tool_status"
    printf 'services: warning: %.300s\n' "$*, $TOLD: $tool_said"
}

# end_unit FILE: stops and disables a unit with its instances, and removes its links.
end_unit() {
    unit_name=${1##*/}
    if systemd_runs && [ -e "$1" ]; then
        case $unit_name in
        *@.*) service_tool 120 systemctl stop "${unit_name%@.*}@*.${unit_name##*.}" ;;
        *) service_tool 120 systemctl stop "$unit_name" ;;
        esac
        service_tool 30 systemctl disable "$unit_name"
    fi
    for unit_place in $HOST_UNITS; do
        for unit_link in "$unit_place"/*.wants/"$unit_name" "$unit_place"/*.requires/"$unit_name" \
            "$unit_place"/*.wants/"${unit_name%@.*}@"*."${unit_name##*.}"; do
            case $unit_link in *.wants/*@*) case $unit_name in *@.*) ;; *) continue ;; esac ;; esac
            if [ -h "$unit_link" ]; then rm -f "$unit_link"; fi
        done
    done
}

# end_script FILE: stops an init script, and removes its links.
end_script() {
    script_name=${1##*/}
    if [ -x "$1" ]; then
        if command -v rc-service >/dev/null 2>&1; then
            service_tool 120 rc-service "$script_name" stop
        elif command -v service >/dev/null 2>&1; then
            service_tool 120 service "$script_name" stop
        else
            service_tool 120 "$1" stop
        fi
    fi
    for script_link in /etc/rc?.d/[SK]??"$script_name" /etc/rc.d/rc?.d/[SK]??"$script_name" \
        /etc/runlevels/*/"$script_name"; do
        if [ -h "$script_link" ]; then rm -f "$script_link"; fi
    done
}

# wrote_units RUN: true when a run wrote anything below the places of units: also what it replaced, and drop-ins.
wrote_units() {
    [ -f "$1/written" ] || return 1
    while read -r wrote_what wrote_number wrote_path; do
        : "$wrote_what $wrote_number"
        decode "$wrote_path"
        for wrote_place in $HOST_UNITS $PACKAGE_UNITS; do
            case $TEXT in "$wrote_place"/*) return 0 ;; esac
        done
    done <"$1/written"
    return 1
}

# reload_units: so that systemd knows of what was removed or put back.
reload_units() { ! systemd_runs || service_tool 30 systemctl daemon-reload; }

# end_service FILE: whatever it is, and the file. Of what was transient nothing is left after a reboot but its name,
# which may be another's by now.
end_service() {
    if is_drop_in "$1"; then
        rm -f "$1"
        rmdir "${1%/*}" 2>/dev/null
        return 0
    fi
    case $1 in
    /etc/init.d/*) end_script "$1" ;;
    "$TRANSIENT_UNITS"/*)
        if [ -e "$1" ]; then
            service_tool 120 systemctl stop "${1##*/}"
            # One that has failed stays loaded, and its file there.
            if [ -e "$1" ]; then within 30 systemctl reset-failed "${1##*/}"; fi
        fi
        return 0
        ;;
    *) end_unit "$1" ;;
    esac
    rm -f "$1"
    case $1 in /etc/init.d/*) ;; *) rm -rf "$1.d" ;; esac
}

# left_of FILE: sets LEFT, what of a service is still there; nothing when it is gone.
left_of() {
    LEFT=
    if is_drop_in "$1" || [ "${1%/*}" = "$TRANSIENT_UNITS" ]; then
        if [ -e "$1" ] || [ -h "$1" ]; then LEFT=" $1"; fi
        return 0
    fi
    left_name=${1##*/}
    for left_path in "$1" /etc/rc?.d/[SK]??"$left_name" /etc/rc.d/rc?.d/[SK]??"$left_name" \
        /etc/runlevels/*/"$left_name" /etc/systemd/system/*.wants/"$left_name"; do
        if [ -e "$left_path" ] || [ -h "$left_path" ]; then LEFT="$LEFT $left_path"; fi
    done
    case $1 in /etc/init.d/*) return 0 ;; esac
    case $left_name in *@.*) return 0 ;; esac
    systemd_runs || return 0
    if within 30 systemctl is-active "$left_name"; then
        # Without its file a unit that has no process stays active.
        service_tool 60 systemctl stop "$left_name"
        if within 30 systemctl is-active "$left_name"; then LEFT="$LEFT active"; fi
    fi
    if within 30 systemctl is-failed "$left_name"; then service_tool 30 systemctl reset-failed "$left_name"; fi
}

# undo_services RUN WHICH: takes away the services of an earlier run (see services_of), before its files go: a unit may
# need them to stop. Fails when one stays.
undo_services() {
    services_of "$1" "$2" || return 1
    if [ -z "$INSTALLED" ]; then return 0; fi
    while read -r undo_service; do
        if [ -z "$undo_service" ]; then continue; fi
        undo_there=no
        if [ -e "$undo_service" ] || [ -h "$undo_service" ]; then undo_there=yes; fi
        end_service "$undo_service" </dev/null && if [ "$undo_there" = yes ]; then say "removed service $undo_service"; fi
    done <<END
$INSTALLED
END
    reload_units
    if systemd_runs && ! within 30 systemctl show --property=Version; then
        say "systemd does not answer: nobody knows whether it starts the services again"
        return 1
    fi
    while read -r undo_service; do
        if [ -z "$undo_service" ]; then continue; fi
        left_of "$undo_service" </dev/null
        if [ -n "$LEFT" ]; then say "service ${undo_service##*/} stays:$LEFT" && return 1; fi
    done <<END
$INSTALLED
END
}
