#!/bin/sh
# shellcheck disable=SC2034,SC2153,SC2154 # the parts of one program share their variables
# The script of the cleanups of RKE2's and K3s's nodes, behind host.sh, trust.sh and places.sh of the role k0s_cleanup and begin.sh: the
# distribution's own script uninstalls it. The steps behind this one (plugins/plugin_utils/clear.sh) remove what is left. It
# can be killed anywhere and run again. Status: 0 done, 2 wrong arguments.

arguments() {
    DISTRIBUTION='' CHECK=no RESET_TIMEOUT=300 ASKED_BINARY=''
    for arguments_argument in "$@"; do
        arguments_value=${arguments_argument#*=}
        case $arguments_argument in
        --reset-timeout=*[!0-9]*) exit 2 ;;
        --reset-timeout=?*) RESET_TIMEOUT=$arguments_value ;;
        --distribution=rke2 | --distribution=k3s) DISTRIBUTION=$arguments_value ;;
        --check) CHECK=yes ;;
        *) exit 2 ;;
        esac
    done
    [ -n "$DISTRIBUTION" ] || exit 2
}

# uninstall: with each of its scripts that is there: a server's, an agent's. How it ends is a warning at most.
uninstall() {
    uninstall_found=no
    for uninstall_place in /usr/local/bin /usr/bin /opt/rke2/bin /opt/bin; do
        for uninstall_script in "$uninstall_place/$DISTRIBUTION-uninstall.sh" "$uninstall_place/$DISTRIBUTION-agent-uninstall.sh"; do
            [ -f "$uninstall_script" ] || continue
            if ! runnable "$uninstall_script"; then
                warn reset "$uninstall_script is not run: others than root may write it, or a directory above it"
                continue
            fi
            uninstall_found=yes
            if [ "$CHECK" = yes ]; then
                say "reset: would run $uninstall_script"
            elif tool reset "$RESET_TIMEOUT" "$uninstall_script"; then
                say "reset: $uninstall_script"
            fi
        done
    done
    if [ "$uninstall_found" = no ]; then say "reset: no script of $DISTRIBUTION that uninstalls it; removing by hand"; fi
}

main() {
    begin "$@"
    uninstall
    return 0
}

main "$@"
