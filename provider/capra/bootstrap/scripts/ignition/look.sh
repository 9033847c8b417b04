# shellcheck shell=sh
# Fails where something stands at the path of a file that is not to be overwritten.
# FILES: a line for each: the algorithm and digest of what it becomes, `- -` for one that is kept, and the path.
: "${FILES?}"

in_the_way() {
    echo "$1 is there already, and $2: remove it, or set overwrite" >&2
    exit 1
}

look_at() {
    if [ ! -e "$3" ] && [ ! -h "$3" ]; then return 0; fi
    if [ -h "$3" ] || [ ! -f "$3" ]; then in_the_way "$3" "is no regular file"; fi
    if [ "$1" = - ]; then return 0; fi
    look_found=$("${1}sum" <"$3") || in_the_way "$3" "cannot be read"
    if [ "${look_found%% *}" != "$2" ]; then in_the_way "$3" "is not what the config makes of it"; fi
}

printf '%s' "$FILES" | {
    while IFS=' ' read -r algorithm digest path; do look_at "$algorithm" "$digest" "$path"; done
}
