# shellcheck shell=sh
# Fails on a host that systemd does not run.
if [ ! -d /run/systemd/system ] || ! command -v systemctl >/dev/null 2>&1; then
    echo "systemd does not run on this host: systemd.units of an Ignition config need it" >&2
    exit 1
fi
