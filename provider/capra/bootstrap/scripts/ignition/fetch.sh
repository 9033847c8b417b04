# shellcheck shell=sh
# shellcheck source=provider/capra/bootstrap/scripts/path.sh
# Fetches a file and verifies it. FILE: its path. URL. ALGORITHM: sha256 or sha512; DIGEST: of the content as it is in the
# end. GZIPPED: yes, or empty. MODE: octal. OWNER: as chown takes it, or empty. A URL may hold a token: it is told to curl
# and wget through stdin. path.sh stands before it.
: "${FILE?}${URL?}${ALGORITHM?}${DIGEST?}${GZIPPED?}${MODE?}${OWNER?}"

SECONDS_AT_MOST=900
BLOCKS_AT_MOST=8388608 # of 512 bytes: 4 GiB

# fetch TO
fetch() {
    if command -v curl >/dev/null 2>&1; then
        printf 'url = "%s"\n' "$URL" | timeout "$SECONDS_AT_MOST" curl -q --config - --globoff --fail --silent --show-error \
            --location --proto '=http,https' --connect-timeout 10 --retry 5 --output "$1"
    elif wget --help 2>&1 | grep -q -e --input-file; then
        printf '%s\n' "$URL" | timeout "$SECONDS_AT_MOST" wget --no-config --quiet --timeout=10 --tries=5 --input-file=- \
            --output-document="$1"
    else
        fail "$FILE: cannot be fetched: install curl, or GNU wget"
    fi
}

is_whole() {
    whole_found=$("${ALGORITHM}sum" <"$1") && [ "${whole_found%% *}" = "$DIGEST" ]
}

# permit: gives NAME of the private directory owner and mode.
permit() {
    if [ -n "$OWNER" ]; then
        chown -- "$OWNER" "./$NAME" || fail "$FILE: cannot be given to $OWNER: is there such a user?"
    fi
    chmod -- "$MODE" "./$NAME" || fail "$FILE: cannot be given the mode $MODE"
}

# take_what_is_there: true where the file is there already, and whole: then a copy is in the private directory. The
# file itself may be another one at the next look.
take_what_is_there() {
    if [ -h "../$NAME" ] || [ ! -f "../$NAME" ]; then return 1; fi
    cat <"../$NAME" >"./$NAME" && is_whole "./$NAME"
}

fetch_anew() {
    if [ -z "$GZIPPED" ]; then
        fetch "./$NAME" || fail "$FILE: could not be fetched"
    else
        anew_packed=./packed
        if [ "$NAME" = packed ]; then anew_packed=./packed.gz; fi
        fetch "$anew_packed" || fail "$FILE: could not be fetched"
        gzip -dc <"$anew_packed" >"./$NAME" || fail "$FILE: what was fetched is not valid gzip data"
    fi
    is_whole "./$NAME" || fail "$FILE: what was fetched has not the $ALGORITHM digest of the config"
}

enter_parent "$FILE"
if [ ! -h "./$NAME" ] && [ -d "./$NAME" ]; then fail "$FILE: is a directory"; fi
ulimit -f "$BLOCKS_AT_MOST" 2>/dev/null
enter_private
(umask 077 && { take_what_is_there || fetch_anew; }) || exit 1
permit
put_in_place
