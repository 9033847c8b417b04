#!/bin/sh
# Sets the locale that logins begin with, and makes it where Debian's locale-gen does. Variables: locale; file, or empty
# for the distribution's.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf

# plain: locales as they can be compared; `locale -a` writes en_US.utf8 for en_US.UTF-8.
plain() { tr '[:upper:]' '[:lower:]' | tr -d '-'; }

# made: the C library knows the locale. Where there is no `locale` (musl) it needs none.
made() { ! has locale || locale -a 2>/dev/null | plain | grep -qxF -- "$(echo "$locale" | plain)"; }

# supported: the line of the locale for /etc/locale.gen.
supported() {
    charset=UTF-8
    case $locale in *.*) charset=${locale#*.} charset=${charset%%@*} ;; esac
    line=$(awk -v name="$locale" -v charset="$charset" '$1 == name || ($1 == name "." charset && $2 == charset) {
        print $1 " " $2; exit }' /usr/share/i18n/SUPPORTED 2>/dev/null)
    echo "${line:-$locale $charset}"
}

# with_wanted: /etc/locale.gen, ended with a newline, and the line.
with_wanted() {
    { [ ! -e /etc/locale.gen ] || awk '{ print }' /etc/locale.gen; } && printf '%s\n' "$wanted"
}

generate() {
    has locale-gen || fail "the locale $locale is not there: install it (Debian: locales; Red Hat: glibc-langpack-…)"
    wanted=$(supported)
    if ! grep -qxF -- "$wanted" /etc/locale.gen 2>/dev/null; then
        replace_file /etc/locale.gen with_wanted || fail "/etc/locale.gen cannot be written"
    fi
    locale-gen --keep-existing >/dev/null 2>&1 || fail "locale-gen cannot make the locale $locale"
    made || fail "locale-gen does not know the locale $locale: see /usr/share/i18n/SUPPORTED"
}

# settled BEFORE: the file with the one line in the place of the others.
settled() {
    if [ -e "$file" ]; then
        awk -v begins="$1LANG=" 'index($0, begins) != 1 { print }' "$file" || return 1
    fi
    printf '%sLANG=%s\n' "$1" "$locale"
}

before=''
if [ -z "$file" ]; then
    file=/etc/locale.conf
    if has dpkg; then file=/etc/default/locale; fi
    if has apk; then file=/etc/profile.d/50-cloud-init-locale.sh; fi
fi
case $file in *.sh) before='export ' ;; esac
made || generate
{ mkdir -p "${file%/*}" && replace_file "$file" settled "$before"; } || fail "$file cannot be written"
