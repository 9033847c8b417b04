"""The k0s cleanup program, under three shells, in mount and process namespaces of its own over this machine's files.

No systemd runs there: services are SysV scripts. Real hosts with each service manager are in tests/e2e.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.missing import missing

ROOT = Path(__file__).parents[2]
PARTS = ("host", "learn", "phases", "k0s_cleanup")
SHELLS = [
    pytest.param(["dash"], id="dash"),
    pytest.param(["bash", "--posix"], id="bash"),
    pytest.param(["busybox", "sh"], id="busybox"),
]

STAND_IN = r"""#!/bin/sh
# k0s, as far as the cleanup sees it. Its calls go to /run/calls.
DATA=/var/lib/k0s
for ARGUMENT in "$@"; do case $ARGUMENT in --data-dir=*) DATA=${ARGUMENT#*=} ;; esac; done
echo "$*" >>/run/calls
case "$1 ${2:-}" in
controller*|worker*) mkdir -p "$DATA/etcd" /run/k0s; while :; do sleep 0.1; done ;;
"etcd member-list") cat /run/members ;;
"etcd leave") [ ! -e /run/hang ] || sleep 600; [ ! -e /run/leave-fails ] || { echo "no quorum" && exit 1; } ;;
reset*)
    [ ! -e /run/reset-fails ] || { echo "Error: something is wrong" && exit 1; }
    [ ! -e /run/reset-hangs ] || sleep 600
    rm -rf "$DATA" /etc/k0s /run/k0s /etc/init.d/k0scontroller /etc/init.d/k0sworker 2>/dev/null
    exit 0 ;; # like the real one, whatever could not be removed
esac
"""

SERVICE = r"""#!/bin/sh
cmd="@BINARY@ @ROLE@ @ARGUMENTS@"
case $1 in
start) setsid $cmd </dev/null >/dev/null 2>&1 & echo $! >/run/@ROLE@.pid ;;
stop) [ -e /run/stop-does-nothing ] || kill -KILL "-$(cat /run/@ROLE@.pid)" ;;
esac
"""

PREPARE = r"""
set -eu
export SHELL_UNDER_TEST PROGRAM
mount --make-rprivate /
mount -t tmpfs scratch /mnt
for PLACE in etc var/lib usr/local opt srv; do
    mkdir -p "/mnt/$PLACE.upper" "/mnt/$PLACE.work"
    mount -t overlay -o "lowerdir=/$PLACE,upperdir=/mnt/$PLACE.upper,workdir=/mnt/$PLACE.work" overlay "/$PLACE"
done
mount -t tmpfs scratch /run
mkdir /run/tmp
export TMPDIR=/run/tmp
echo '{"members":{"a":"https://192.0.2.1:2380","b":"https://192.0.2.2:2380"}}' >/run/members
install_k0s() { # BINARY ROLE ARGUMENTS
    mkdir -p "${1%/*}" /etc/k0s /etc/init.d /etc/rc2.d
    cp "$STAND_IN" "$1" && chmod 0755 "$1"
    sed "s#@BINARY@#$1#; s#@ROLE@#$2#g; s#@ARGUMENTS@#$3#" "$SERVICE" >"/etc/init.d/k0s$2"
    chmod 0755 "/etc/init.d/k0s$2"
    ln -sf "../init.d/k0s$2" "/etc/rc2.d/S20k0s$2"
}
started() { # DATA
    TRIES=0
    until [ -d "$1/etcd" ]; do sleep 0.1; TRIES=$((TRIES + 1)); [ "$TRIES" -lt 100 ]; done
}
cleanup() {
    STATUS=0
    $SHELL_UNDER_TEST "$PROGRAM" --stop-timeout=5 --leave-timeout=2 --reset-timeout=3 "$@" || STATUS=$?
    echo "status: $STATUS"
}
calls() { echo "calls:"; if [ -e /run/calls ]; then cat /run/calls; fi; }
"""


def namespaces() -> list[str]:
    """The command that makes them, or skips the test where this machine does not allow it."""
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        missing("root, whose files a user's own namespace does not let one replace")
    if not shutil.which("unshare"):
        missing("unshare")
    probe = (
        "mount --make-rprivate / && mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w && "
        "mount -t overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w o /etc"
    )
    if subprocess.run([*command, "sh", "-c", probe], capture_output=True, check=False).returncode:
        missing("namespaces and overlay mounts")
    return command


class Sandbox:
    """Runs shell text in fresh namespaces; returns everything that was printed."""

    def __init__(self, directory: Path, shell: list[str]) -> None:
        """directory: for the files that the namespaces read."""
        self.command = namespaces()
        self.environment = dict(os.environ) | {
            "SHELL_UNDER_TEST": " ".join(shell),
            "PROGRAM": str(directory / "program.sh"),
            "STAND_IN": str(directory / "k0s"),
            "SERVICE": str(directory / "service"),
        }
        self.environment.pop("CAPRA_RUN_DIR", None)
        parts = [(ROOT / "roles/k0s_cleanup/files" / f"{part}.sh").read_text() for part in PARTS]
        (directory / "program.sh").write_text("".join(parts))
        (directory / "k0s").write_text(STAND_IN)
        (directory / "service").write_text(SERVICE)

    def run(self, script: str) -> str:
        """The output of the script, which must not hang."""
        done = subprocess.run(
            [*self.command, "sh", "-c", PREPARE + script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(params=SHELLS)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    """One for each shell."""
    if not shutil.which(request.param[0]):
        missing(request.param[0])
    return Sandbox(tmp_path, request.param)


def calls(output: str) -> list[str]:
    """What the stand-in was called with."""
    return output.split("calls:\n", 1)[1].splitlines()


def test_never_bootstrapped(sandbox: Sandbox) -> None:
    output = sandbox.run("cleanup; calls")
    assert "status: 0" in output
    assert "changed: no" in output
    for phase in ("leave", "stop", "reset", "remove"):
        assert f"{phase}: nothing to do" in output
    assert calls(output) == []


def test_controller_in_order(sandbox: Sandbox) -> None:
    output = sandbox.run(
        "install_k0s /usr/local/bin/k0s controller '--enable-worker'; /etc/init.d/k0scontroller start;"
        "started /var/lib/k0s; cleanup; ls /var/lib /etc/rc2.d /usr/local/bin; cleanup; calls"
    )
    assert calls(output) == ["controller --enable-worker", "etcd member-list", "etcd leave", "reset"]
    assert "leave: left etcd" in output
    assert "verify: no service" in output
    assert output.count("status: 0") == 2
    assert output.index("changed: yes") < output.index("changed: no")
    assert "k0s\n" in output  # the binary stays


def test_sole_member_has_nothing_to_leave(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """echo '{"members":{"a":"https://192.0.2.1:2380"}}' >/run/members
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        cleanup --remove-binary; [ ! -e /usr/local/bin/k0s ]; calls"""
    )
    assert calls(output) == ["controller", "etcd member-list", "reset"]
    assert "leave: nothing to do (the only member)" in output
    assert "status: 0" in output


def test_worker_with_directories_and_binary_of_its_own(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """install_k0s /srv/tools/k0s worker '--data-dir /srv/k0s-data --token-file=/etc/k0s/token'
        mkdir -p /srv/k0s-data/kubelet/pods /srv/k0s-data/etcd
        mount -t tmpfs scratch /srv/k0s-data/kubelet/pods
        mount -t tmpfs scratch /srv/k0s-data/kubelet
        mkdir -p '/srv/k0s-data/kubelet/a b'; mount -t tmpfs scratch '/srv/k0s-data/kubelet/a b'
        /etc/init.d/k0sworker start; sleep 0.3; cleanup; ls /srv; calls"""
    )
    assert calls(output)[1:] == ["reset --data-dir=/srv/k0s-data"]
    assert "leave: nothing to do (role: worker)" in output
    assert "status: 0" in output
    assert "k0s-data\n" not in output.split("status: 0")[1].split("calls")[0]


def test_leave_that_hangs_or_fails_does_not_hold_the_host(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """touch /run/hang; install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start
        started /var/lib/k0s; cleanup
        for line in /proc/[0-9]*/cmdline; do
            if [ "$(tr '\\0' ' ' <"$line" 2>/dev/null)" = "sleep 600 " ]; then echo "still asleep"; fi
        done
        rm /run/hang; touch /run/leave-fails
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s; cleanup"""
    )
    assert "leave: warning: k0s etcd leave has not ended within 2 s" in output
    assert "still asleep" not in output  # what the command had started has ended with it
    assert "leave: warning: k0s etcd leave has failed, status 1: no quorum" in output
    assert output.count("status: 0") == 2


def test_failed_reset_fails_and_the_next_attempt_ends_well(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """touch /run/reset-fails; install_k0s /usr/local/bin/k0s worker ''; /etc/init.d/k0sworker start
        started /var/lib/k0s; cleanup; rm /run/reset-fails; cleanup"""
    )
    assert "reset: failed: /usr/local/bin/k0s reset, status 1: Error: something is wrong" in output
    assert output.index("status: 1") < output.index("status: 0")


def test_a_service_that_does_not_stop_is_ended(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """touch /run/stop-does-nothing; install_k0s /usr/local/bin/k0s worker ''; /etc/init.d/k0sworker start
        started /var/lib/k0s; cleanup"""
    )
    assert "stop: stopped k0sworker" in output
    assert "status: 0" in output


def test_killed_in_the_middle_and_run_again(sandbox: Sandbox) -> None:
    """The unit is gone after the first attempt: the second still knows the data directory."""
    output = sandbox.run(
        """mkdir -p /run/capra/run; export CAPRA_RUN_DIR=/run/capra/run
        install_k0s /srv/tools/k0s worker '--data-dir=/srv/data'; /etc/init.d/k0sworker start; started /srv/data
        touch /run/reset-hangs; $SHELL_UNDER_TEST "$PROGRAM" & PROGRAM_ID=$!
        until grep -q reset /run/calls; do sleep 0.1; done
        kill -KILL "$PROGRAM_ID"; rm /run/reset-hangs
        rm /etc/init.d/k0sworker; cleanup; [ ! -e /srv/data ]; calls"""
    )
    assert calls(output)[-1] == "reset --data-dir=/srv/data"
    assert "status: 0" in output


def test_without_a_binary_everything_is_removed_by_hand(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s worker ''; /etc/init.d/k0sworker start; started /var/lib/k0s
        mkdir -p /etc/cni/net.d /var/lib/k0s/bin; touch /etc/cni/net.d/10-kuberouter.conflist /etc/cni/net.d/own.conf
        cp "$(command -v sleep)" /var/lib/k0s/bin/containerd-shim-runc-v2
        setsid /var/lib/k0s/bin/containerd-shim-runc-v2 1000 &
        rm /usr/local/bin/k0s; cleanup; ls /etc/cni/net.d /var/lib; ls -l /proc/[0-9]*/exe 2>/dev/null; calls"""
    )
    assert "reset: there is no k0s binary" in output
    assert "status: 0" in output
    assert "kuberouter" not in output.split("status:")[1]
    assert "own.conf" in output
    assert "containerd-shim" not in output.split("status:")[1]


@pytest.mark.parametrize(
    "directory",
    ["/", "/var", "/var/lib", "/etc/x", "/usr", "relative", "/srv/../etc", "/home/me", "/srv/a b$c", "/var/lib/"],
)
def test_dangerous_directories_are_refused(sandbox: Sandbox, directory: str) -> None:
    output = sandbox.run(f"install_k0s /usr/local/bin/k0s worker ''; cleanup '--data-dir={directory}'; calls")
    assert "refused:" in output
    assert "status: 2" in output
    assert calls(output) == []


def test_check_touches_nothing(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        BEFORE=$(find /etc /var/lib /run -newer /run/members 2>/dev/null | sort)
        cleanup --check
        AFTER=$(find /etc /var/lib /run -newer /run/members 2>/dev/null | sort)
        [ "$BEFORE" = "$AFTER" ]; calls; kill -0 "$(cat /run/controller.pid)" """
    )
    assert "leave: would run /usr/local/bin/k0s etcd leave" in output
    assert "stop: would stop k0scontroller" in output
    assert "reset: would run /usr/local/bin/k0s reset" in output
    assert "remove: would remove /var/lib/k0s" in output
    assert "changed: yes" in output
    assert calls(output) == ["controller"]


def test_a_mounted_data_directory_is_emptied_and_stays_mounted(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """mkdir -p /var/lib/k0s; mount -t tmpfs scratch /var/lib/k0s; mkdir /var/lib/k0s/bin; touch /var/lib/k0s/.x
        cleanup; ls -A /var/lib/k0s; cleanup"""
    )
    assert output.count("status: 0") == 2
    assert output.index("changed: yes") < output.index("changed: no")
