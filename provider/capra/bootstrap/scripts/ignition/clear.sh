# shellcheck shell=sh
# shellcheck source=provider/capra/bootstrap/scripts/path.sh
# Removes links and directories. path.sh stands before it. FILES: a path on each line.
: "${FILES?}"

clear_path() {
    if [ ! -h "$1" ] && [ ! -d "$1" ]; then return 0; fi
    enter_parent "$1"
    if [ -h "./$NAME" ] || [ -d "./$NAME" ]; then remove_name; fi
}

printf '%s' "$FILES" | {
    while IFS= read -r path; do clear_path "$path"; done
}
