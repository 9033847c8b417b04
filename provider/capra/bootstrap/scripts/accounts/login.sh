# shellcheck shell=sh
# What programs for accounts begin with: the account that Capra comes with keeps what Capra comes in with, and becomes root
# with. Otherwise this run would be the last one.

# session_user: the name of the user whose login this is (proc(5), loginuid), or nothing where the kernel does not know.
session_user() {
    session_uid=''
    if [ -r /proc/self/loginuid ]; then read -r session_uid </proc/self/loginuid; fi
    awk -F: -v uid="${session_uid:-none}" '$3 == uid { print $1; exit }' /etc/passwd
}

# is_own_login USER: Capra has logged in as this user, or is this user now.
is_own_login() {
    for own_name in "${SUDO_USER:-}" "${DOAS_USER:-}" "$(session_user)" "$(id -un)"; do
        if [ "$own_name" = "$1" ]; then return 0; fi
    done
    return 1
}

# needs_password USER: Capra has become root with this user's password.
needs_password() {
    if [ "${SUDO_USER:-}" = "$1" ]; then
        ! sudo -n -l -U "$1" 2>/dev/null | grep -q 'NOPASSWD: ALL'
    elif [ "${DOAS_USER:-}" = "$1" ]; then
        ! cat /etc/doas.conf /etc/doas.d/*.conf 2>/dev/null | grep -q '^[[:space:]]*permit.*[[:space:]]nopass'
    else
        return 1
    fi
}
