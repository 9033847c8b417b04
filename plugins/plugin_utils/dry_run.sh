# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# A part of the session's half (launch.sh): what a dry run says of each step. Reads only.

# check_file KIND ENCODED_PATH DIGEST: what a write would do; changes nothing.
check_file() {
    decode "$2"
    TARGET=$TEXT
    if [ -d "$TARGET" ]; then echo "would $NUMBER directory" && return; fi
    if [ ! -e "$TARGET" ]; then echo "would $NUMBER create" && return; fi
    # Only the content is compared: coreutils' and busybox's stat have no output format in common with all systems.
    if [ "$1" = write ] && [ "$(sha256sum <"$TARGET")" = "$3  -" ]; then
        echo "would $NUMBER same"
    else
        echo "would $NUMBER change"
        if [ "$DIFF" = 1 ]; then TAIL=65536 && part "before $NUMBER" "$TARGET"; fi
    fi
}

# check_script NUMBER FIRST LENGTH ENCODED_ARGUMENTS: lets a script that knows --check say what it would do. FIRST counts
# from the first step line on; BODY begins behind the empty line after the last.
check_script() {
    SCRIPT=$(printf '%s\n' "$BODY" | tail -n "+$(($2 - STEPS - 1))" | head -n "$3" | base64 -d)
    NUMBER=$1 ARGUMENTS=$4
    set --
    for ARGUMENT in $ARGUMENTS; do
        decode "$ARGUMENT"
        set -- "$@" "$TEXT"
    done
    printf 'output %s\n' "$NUMBER"
    (cd / && sh -c "$SCRIPT" check "$@" --check </dev/null 2>&1) | tail -c "$TAIL" | base64
    printf '.\n'
}

# check: says for every step what a run would do now. Reads only.
check() {
    newest_lock "$BASE"
    if holder_alive && [ "$HOLDER_ID" != "$ID" ]; then printf 'busy %s\n' "$HOLDER_ID"; fi
    read_journal "$RUN/journal"
    STEPS=0 SCRIPTS=''
    while read -r WORD NUMBER KIND FIRST LENGTH MODE OWNER DIGEST REST; do
        if [ "$WORD" != step ]; then break; fi
        STEPS=$((STEPS + 1))
        case $ENDED in *" $NUMBER "*) echo "would $NUMBER done" && continue ;; esac
        case $KIND in
        write | append) check_file "$KIND" "$REST" "$DIGEST" ;;
        *) echo "would $NUMBER run" ;;
        esac
        if [ "$MODE" = check ]; then
            SCRIPTS="$SCRIPTS$NUMBER $FIRST $LENGTH $REST
"
        fi
    done
    : "$OWNER" # only a run needs it
    BODY=$(cat)
    while read -r NUMBER FIRST LENGTH REST; do
        if [ -n "$NUMBER" ]; then check_script "$NUMBER" "$FIRST" "$LENGTH" "$REST"; fi
    done <<END
$SCRIPTS
END
}
