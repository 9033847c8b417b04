# shellcheck shell=sh
# shellcheck source=plugins/plugin_utils/common.sh
# Who uses this host: one line in the state directory, `claim 1 UID NAME SINCE`, fields encoded as in a payload, "-" for
# what is not told, seconds since 1970. Both halves read it; it is written and removed under the lock only.

# set_owner UID NAME: sets OWNER_UID and OWNER_NAME, for whom this payload is.
set_owner() { OWNER_UID=${1:--} OWNER_NAME=${2:--}; }

# read_claim: sets CLAIM_UID, CLAIM_NAME and CLAIM_SINCE. Fails when nobody uses the host. A claim that cannot be read is
# somebody's, too. Needs BASE.
read_claim() {
    CLAIM_UID=unknown CLAIM_NAME=- CLAIM_SINCE=0
    if [ ! -e "$BASE/claim" ] && [ ! -h "$BASE/claim" ]; then return 1; fi
    if [ ! -f "$BASE/claim" ] || ! read -r read_claim_word read_claim_version read_claim_rest <"$BASE/claim"; then return 0; fi
    # shellcheck disable=SC2086 # three words
    set -f && set -- $read_claim_rest && set +f
    if [ "$read_claim_word $read_claim_version $#" != "claim 1 3" ]; then return 0; fi
    CLAIM_UID=$1 CLAIM_NAME=$2 CLAIM_SINCE=$3
}

# claim_is_ours: true when whoever sent this payload made the claim. UIDs decide. Where neither side has one, names do,
# and a side that gives none may be the other.
claim_is_ours() {
    if [ "$CLAIM_UID$OWNER_UID" != -- ]; then
        [ "$CLAIM_UID" = "$OWNER_UID" ]
    elif [ "$CLAIM_NAME" != - ] && [ "$OWNER_NAME" != - ]; then
        [ "$CLAIM_NAME" = "$OWNER_NAME" ]
    fi
}

# claim_is_taken_over: true when the payload says, by UID or name, whose claim it takes over: "unknown" where there is
# neither. A name alone is one of the namespace of whoever sent the payload.
claim_is_taken_over() {
    case $SEIZE in
    - | '') return 1 ;;
    "$CLAIM_UID" | "$CLAIM_NAME") return 0 ;;
    "${CLAIM_NAME##*/}") [ "$CLAIM_NAME" = "${OWNER_NAME%%/*}/$SEIZE" ] ;;
    unknown) [ "$CLAIM_UID$CLAIM_NAME" = -- ] ;;
    *) return 1 ;;
    esac
}

# claimed_by_another: true when this payload must not touch the host. Needs BASE.
claimed_by_another() {
    read_claim && ! claim_is_ours && ! claim_is_taken_over
}

# tell_claim: a line of the report, after read_claim.
tell_claim() { printf 'claimed %s %s %s\n' "$CLAIM_UID" "$CLAIM_NAME" "$CLAIM_SINCE"; }

# claim_host: notes for whom the host is used from now on, unless that is noted already, or this run only looks (flag). Fails when another one uses it,
# or there is no room. The claim is on the disk, whole, before anything else happens. A claim without a name gets that of
# the machine that it was found to be, or the next one with a name could be it as well. Under the lock. Needs TIME.
claim_host() {
    claim_since=
    if read_claim; then
        if claim_is_ours; then
            if [ "$CLAIM_NAME" != - ] || [ "$OWNER_NAME" = - ]; then return 0; fi
            claim_since=$CLAIM_SINCE
        elif ! claim_is_taken_over; then
            return 1
        fi
    fi
    if flag looks; then return 0; fi
    printf 'claim 1 %s %s %s\n' "$OWNER_UID" "$OWNER_NAME" "${claim_since:-$TIME}" >"$BASE/claim.part" &&
        keep_whole "$BASE/claim.part" "$BASE/claim" && return 0
    rm -f "$BASE/claim.part"
    return 1
}

# give_up_claim: the host is clean. Under the lock.
give_up_claim() {
    rm -f "$BASE/claim.part" "$BASE/claim" && names_to_disk "$BASE"
}
