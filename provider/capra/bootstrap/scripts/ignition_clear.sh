# shellcheck shell=sh
# Removes links and directories, but for those directly below the root.
# FILES: a path on each line.
: "${FILES?}"

clear_path() {
    if [ -h "$1" ]; then
        rm -f -- "$1"
    elif [ -d "$1" ]; then
        case ${1#/} in
        */*) rm -rf -- "$1" ;;
        *)
            echo "$1 is a directory of the system: a file cannot be put in its place" >&2
            return 1
            ;;
        esac
    fi
}

printf '%s' "$FILES" | {
    while IFS= read -r path; do clear_path "$path" || exit 1; done
}
