# shellcheck shell=sh
# What every program of this folder begins with (host_script.py): errors, tools, and files that are replaced whole.

# fail MESSAGE: it cannot be done.
fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# to_disk FILE: does not return before the disk has it, or all that is written.
to_disk() { sync "$1" 2>/dev/null || sync; }

# replace_file FILE COMMAND…: what the command prints becomes the whole content of the file, or nothing is changed. The file
# keeps its mode and owner; a new one has the mode that the umask leaves. For directories that only root can write to.
replace_file() {
    replace_file=$1 replace_mode=$(printf '%o' $((0666 & ~0$(umask)))) replace_owner=''
    shift
    if [ -f "$replace_file" ]; then
        replace_mode=$(stat -L -c %a "$replace_file") && replace_owner=$(stat -L -c %u:%g "$replace_file") || return 1
    fi
    rm -rf "$replace_file.capra-new"
    if (umask 077 && "$@" >"$replace_file.capra-new") &&
        { [ -z "$replace_owner" ] || chown "$replace_owner" "$replace_file.capra-new"; } &&
        chmod "$replace_mode" "$replace_file.capra-new" && to_disk "$replace_file.capra-new" &&
        mv -f "$replace_file.capra-new" "$replace_file"; then
        to_disk "${replace_file%/*}"
        return
    fi
    rm -f "$replace_file.capra-new"
    return 1
}
