# shellcheck shell=sh
# Fetches a file and verifies it. FILE: its path. URL. ALGORITHM: sha256 or sha512; DIGEST: of the content as it is in the
# end. GZIPPED: yes, or empty. MODE: octal. OWNER: as chown takes it, or empty. A URL may hold a token: it is told to curl
# and wget through stdin.
: "${FILE?}${URL?}${ALGORITHM?}${DIGEST?}${GZIPPED?}${MODE?}${OWNER?}"

PART="${FILE%/*}/.${FILE##*/}.part"
SECONDS_AT_MOST=900
BLOCKS_AT_MOST=8388608 # of 512 bytes: 4 GiB

fail() {
    rm -f -- "$PART" "$PART.gz"
    echo "$FILE: $1" >&2
    exit 1
}

# fetch TO
fetch() {
    if command -v curl >/dev/null 2>&1; then
        printf 'url = "%s"\n' "$URL" | timeout "$SECONDS_AT_MOST" curl -q --config - --globoff --fail --silent --show-error \
            --location --proto '=http,https' --connect-timeout 10 --retry 5 --output "$1"
    elif wget --help 2>&1 | grep -q -e --input-file; then
        printf '%s\n' "$URL" | timeout "$SECONDS_AT_MOST" wget --no-config --quiet --timeout=10 --tries=5 --input-file=- \
            --output-document="$1"
    else
        fail "cannot be fetched: install curl, or GNU wget"
    fi
}

is_whole() {
    whole_found=$("${ALGORITHM}sum" <"$1") && [ "${whole_found%% *}" = "$DIGEST" ]
}

# permit FILE: gives it owner and mode.
permit() {
    if [ -n "$OWNER" ]; then chown -- "$OWNER" "$1" || fail "cannot be given to $OWNER: is there such a user?"; fi
    chmod -- "$MODE" "$1" || fail "cannot be given the mode $MODE"
}

if [ -d "$FILE" ]; then fail "is a directory"; fi
if [ -f "$FILE" ] && is_whole "$FILE"; then
    permit "$FILE"
else
    (umask 022 && mkdir -p -- "${FILE%/*}/") || fail "its directory cannot be made"
    umask 077
    rm -f -- "$PART" "$PART.gz"
    ulimit -f "$BLOCKS_AT_MOST" 2>/dev/null
    if [ -n "$GZIPPED" ]; then
        fetch "$PART.gz" || fail "could not be fetched"
        gzip -dc <"$PART.gz" >"$PART" || fail "what was fetched is not valid gzip data"
        rm -f -- "$PART.gz"
    else
        fetch "$PART" || fail "could not be fetched"
    fi
    is_whole "$PART" || fail "what was fetched has not the $ALGORITHM digest of the config"
    permit "$PART"
    mv -f -- "$PART" "$FILE" || fail "cannot be put in place"
fi
