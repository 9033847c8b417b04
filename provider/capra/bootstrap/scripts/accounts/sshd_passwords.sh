#!/bin/sh
# Sets PasswordAuthentication of sshd where cloud-init does: in sshd_config.d/50-cloud-init.conf, or in sshd_config where
# that reads no such directory. Variable: answer, yes or no.
# shellcheck disable=SC2154 # set before this text (host_script.py)
set -uf
config=/etc/ssh/sshd_config
file=$config
sshd=$(command -v sshd || echo /usr/sbin/sshd)
[ -x "$sshd" ] || fail "ssh_pwauth needs sshd, which this host does not have"

# effective: what sshd makes of all its files; the first one that says it counts.
effective() { "$sshd" -T 2>/dev/null | awk '$1 == "passwordauthentication" { print $2 }'; }

# changed FILE: with the answer in the place of each other one, outside blocks of Match, or before all else.
changed() {
    awk -v answer="$answer" '
        tolower($1) == "match" { within = 1 }
        !within && tolower($1) ~ /^passwordauthentication(=|$)/ {
            if (!done) print "PasswordAuthentication " answer
            done = 1; next }
        { print }
        END { exit !done }' "$1"
}

# with_answer: what the file becomes.
with_answer() {
    old=/dev/null
    if [ -e "$file" ]; then old=$file; fi
    if text=$(changed "$old"); then
        printf '%s\n' "$text"
    else
        echo "PasswordAuthentication $answer" && cat "$old"
    fi
}

# reload: the running sshd reads its files again, and its sessions stay. One that a socket starts reads them each time.
reload() {
    for service in ssh sshd; do
        if command -v systemctl >/dev/null 2>&1 && systemctl is-active --quiet "$service"; then
            systemctl reload "$service"
            return
        fi
    done
    for pid_file in /run/sshd.pid /var/run/sshd.pid; do
        if [ -s "$pid_file" ]; then
            kill -HUP "$(cat "$pid_file")"
            return
        fi
    done
}

if [ "$(effective)" != "$answer" ]; then
    if { [ -e "$config" ] && grep -q "^[[:space:]]*Include[[:space:]]*$config\.d/\*\.conf" "$config"; } ||
        { [ ! -e "$config" ] && [ -d "$config.d" ]; }; then
        mkdir -p "$config.d" && file=$config.d/50-cloud-init.conf
    fi
    (umask 077 && replace_file "$file" with_answer) || fail "$file cannot be written"
    [ "$(effective)" = "$answer" ] ||
        fail "sshd still has another PasswordAuthentication: a file of $config.d that comes before 50-cloud-init.conf sets it"
fi
reload || fail "sshd does not read its configuration again: see its log"
