"""The k0s cleanup program, under three shells, in mount and process namespaces of its own over this machine's files.

No systemd runs there: services are SysV scripts. Real hosts with each service manager are in tests/e2e.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.missing import missing

ROOT = Path(__file__).parents[2]
PARTS = ("host", "trust", "places", "use", "learn", "leave", "stop", "reset", "remove", "verify", "k0s_cleanup")
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
"etcd leave")
    [ ! -e /run/hang ] || sleep 600
    [ ! -e /run/leave-fails ] || { cat /run/leave-fails && exit 1; }
    [ ! -s /run/refusals ] || { sed -i 1d /run/refusals && echo "etcdserver: unhealthy cluster" && exit 1; } ;;
reset*)
    [ ! -e /run/reset-fails ] || { echo "Error: something is wrong" && exit 1; }
    [ ! -e /run/reset-hangs ] || sleep 600
    [ ! -e /run/reset-killed ] || { echo "reset has begun" && kill -9 $$; }
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
whole() {
    STATUS=0
    $SHELL_UNDER_TEST "$PROGRAM" --stop-timeout=5 --leave-timeout=2 --reset-timeout=3 "$@" || STATUS=$?
    echo "status: $STATUS"
}
cleanup() ( # as the role does: a phase after the other
    case " $* " in
    *" --check "*) ;; # a dry run has none
    *)
        export CAPRA_RUN_DIR="${CAPRA_RUN_DIR:-$(mktemp -d)/run}"
        mkdir -p "$CAPRA_RUN_DIR"
        ;;
    esac
    set -- --stop-timeout=5 --leave-timeout=2 --reset-timeout=3 "$@"
    for PHASE in leave stop reset remove verify; do
        STATUS=0
        $SHELL_UNDER_TEST "$PROGRAM" --phase=$PHASE "$@" || STATUS=$?
        [ "$STATUS" = 0 ] || break
    done
    echo "status: $STATUS"
)
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


def test_leave_that_hangs_ends_in_its_time_and_holds_the_cleanup(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """touch /run/hang; install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start
        started /var/lib/k0s; cleanup
        for line in /proc/[0-9]*/cmdline; do
            if [ "$(tr '\\0' ' ' <"$line" 2>/dev/null)" = "sleep 600 " ]; then echo "still asleep"; fi
        done; calls; kill -0 "$(cat /run/controller.pid)" """
    )
    assert "leave: failed: k0s etcd leave has not ended within 2 s" in output
    assert "still asleep" not in output  # what the command had started has ended with it
    assert "status: 1" in output
    assert "reset" not in calls(output)


def test_without_a_majority_there_is_nobody_to_leave(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """echo 'no quorum' >/run/leave-fails
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s; cleanup"""
    )
    assert "leave: warning: k0s etcd leave has failed, status 1: no quorum" in output
    assert "status: 0" in output


def test_leave_that_is_refused_at_first_is_tried_again(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """echo once >/run/refusals
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        cleanup --leave-timeout=20; calls"""
    )
    assert calls(output)[1:] == ["etcd member-list", "etcd leave"] * 2 + ["reset"]
    assert "leave: left etcd" in output
    assert "warning" not in output
    assert "status: 0" in output


@pytest.mark.parametrize("words", ["not enough started members", "permission denied"])
def test_leave_that_is_refused_for_good_fails_before_anything_is_stopped(sandbox: Sandbox, words: str) -> None:
    output = sandbox.run(
        f"""echo 'Error: {words}' >/run/leave-fails
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        cleanup; calls; kill -0 "$(cat /run/controller.pid)"; ls /etc/rc2.d/S20k0scontroller """
    )
    assert f"leave: failed: k0s etcd leave has failed, status 1: Error: {words}" in output
    assert "status: 1" in output
    assert "reset" not in output.split("calls:")[1]


@pytest.mark.parametrize(
    "words", ["wrong storage type: kine", "command 'k0s etcd' does not support external etcd cluster"]
)
def test_a_controller_without_an_etcd_of_its_own(sandbox: Sandbox, words: str) -> None:
    output = sandbox.run(
        f"""echo "Error: {words}" >/run/leave-fails
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s; cleanup
        install_k0s /usr/local/bin/k0s controller ''; mkdir -p /var/lib/k0s/db; rm /run/calls; cleanup; calls"""
    )
    assert "leave: nothing to do (no etcd of its own)" in output
    assert output.count("status: 0") == 2
    assert calls(output) == ["reset"]


def test_leave_whose_answer_was_lost(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """echo 'Error: peer not found: https://192.0.2.1:2380' >/run/leave-fails
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s; cleanup"""
    )
    assert "leave: left etcd" in output
    assert "status: 0" in output


def test_who_has_left_is_not_asked_again_until_it_joins_again(sandbox: Sandbox) -> None:
    """The first attempt dies after it has left. The mark of it goes with the data directory."""
    output = sandbox.run(
        """mkdir -p /run/capra/run; export CAPRA_RUN_DIR=/run/capra/run
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        touch /run/reset-hangs; $SHELL_UNDER_TEST "$PROGRAM" --stop-timeout=5 & PROGRAM_ID=$!
        until grep -q reset /run/calls; do sleep 0.1; done
        kill -KILL "$PROGRAM_ID"; rm /run/reset-hangs; rm /run/calls; cleanup; calls; echo joined again
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        rm /run/calls; cleanup; calls"""
    )
    first, second = output.split("joined again\n")
    assert calls(first) == ["reset"]
    assert calls(second)[-3:] == ["etcd member-list", "etcd leave", "reset"]
    assert output.count("status: 0") == 2


CUT_OFF = """
install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
cut_off() { # the power goes while it resets, and comes back
    touch /run/reset-hangs
    $SHELL_UNDER_TEST "$PROGRAM" --stop-timeout=5 --leave-timeout=1 & PROGRAM_ID=$!
    until grep -q reset /run/calls; do sleep 0.1; done
    kill -KILL "$PROGRAM_ID"; rm /run/reset-hangs /run/calls
}
two_members() { echo '{"members":{"a":"https://192.0.2.1:2380","b":"https://192.0.2.2:2380"}}' >/run/members; }
"""


@pytest.mark.parametrize(
    "first",
    [
        pytest.param("echo 'context deadline exceeded' | tee /run/leave-fails >/run/members", id="silent"),
        pytest.param("/etc/init.d/k0scontroller stop; mv /etc/init.d/k0scontroller /run/script", id="stopped"),
        pytest.param("""echo '{"members":{"a":"https://192.0.2.1:2380"}}' >/run/members""", id="sole"),
        pytest.param("echo 'Error: wrong storage type: kine' >/run/leave-fails", id="kine"),
    ],
)
def test_why_an_attempt_went_on_without_leaving_does_not_speak_for_the_next(sandbox: Sandbox, first: str) -> None:
    """By then the controller runs again, and is one of two."""
    output = sandbox.run(
        f"""{CUT_OFF} {first}; cut_off; two_members; rm -f /run/leave-fails; echo cut off
        if [ -e /run/script ]; then mv /run/script /etc/init.d/k0scontroller; fi
        /etc/init.d/k0scontroller start; sleep 0.5;
        cleanup; calls"""
    )
    assert calls(output) == ["controller", "etcd member-list", "etcd leave", "reset"]
    assert "leave: left etcd" in output.split("cut off\n")[1]
    assert "status: 0" in output


def test_the_only_member_that_has_stopped_is_not_started_to_say_so_again(sandbox: Sandbox) -> None:
    output = sandbox.run(
        f"""{CUT_OFF} echo '{{"members":{{"a":"https://192.0.2.1:2380"}}}}' >/run/members
        cut_off; cleanup; calls"""
    )
    assert calls(output) == ["reset"]
    assert "status: 0" in output


def test_a_stopped_controller_is_started_to_leave(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        /etc/init.d/k0scontroller stop; rm /run/calls; cleanup; calls"""
    )
    assert "leave: warning: k0s does not run here: starting it" in output
    assert calls(output) == ["controller", "etcd member-list", "etcd leave", "reset"]
    assert "status: 0" in output


@pytest.mark.parametrize("knob", ["reset-fails", "reset-hangs", "reset-killed"])
def test_reset_that_never_ends_well_is_a_warning(sandbox: Sandbox, knob: str) -> None:
    output = sandbox.run(
        f"""touch /run/{knob}; install_k0s /usr/local/bin/k0s worker ''; /etc/init.d/k0sworker start
        started /var/lib/k0s; mkdir -p /var/lib/k0s/a/b; mount -t tmpfs scratch /var/lib/k0s/a/b
        (cd /var/lib/k0s/a/b && exec sleep 1000) & cleanup; grep k0s /proc/mounts || ls /var/lib"""
    )
    said = {
        "reset-fails": "reset: warning: /usr/local/bin/k0s reset, status 1: Error: something is wrong",
        "reset-hangs": "reset: warning: /usr/local/bin/k0s reset has not ended within 3 s",
        "reset-killed": "k0s reset, status 137 (killed by signal 9): reset has begun",
    }
    assert said[knob] in output
    assert "status: 0" in output
    assert "k0s" not in output.split("status: 0")[1]


BROKEN = """
broken() { # NAME…: these tools fail, though systemd answers where it is asked for that
    mkdir -p /opt/broken
    for NAME in "$@"; do
        printf '#!/bin/sh\\n[ "$1" = show ] && exit %s\\necho %s is out of order; exit 7\\n' "${SHOW:-0}" "$NAME" \
            >"/opt/broken/$NAME"
        chmod 0755 "/opt/broken/$NAME"
    done
    export PATH="/opt/broken:$PATH"
}
"""


def test_a_host_whose_systemd_does_not_answer_is_not_clean(sandbox: Sandbox) -> None:
    """It may start again what has been stopped, since it has not heard that the unit is gone."""
    output = sandbox.run(
        f"""{BROKEN}mkdir -p /run/systemd/system; SHOW=1; install_k0s /usr/local/bin/k0s worker ''
        broken systemctl; cleanup; SHOW=0; broken systemctl; cleanup; ls /var/lib"""
    )
    first, second, after = output.split("status: ")
    assert "verify: failed: systemd does not answer" in first
    assert (second[0], after[0]) == ("1", "0")


@pytest.mark.parametrize(
    ("tools", "before", "warnings"),
    [
        (["service"], "", ["stop: warning: service k0sworker stop"]),
        (["rc-service", "rc-update"], "", ["stop: warning: rc-service k0sworker stop"]),
        (
            ["systemctl"],
            "mkdir -p /run/systemd/system",
            ["stop: warning: systemctl stop k0sworker.service", "remove: warning: systemctl daemon-reload"],
        ),
    ],
    ids=["service", "OpenRC", "systemd"],
)
def test_a_tool_that_fails_is_a_warning(sandbox: Sandbox, tools: list[str], before: str, warnings: list[str]) -> None:
    """What counts is what is left in the end."""
    output = sandbox.run(
        f"""{BROKEN}{before}
        install_k0s /usr/local/bin/k0s worker ''; /etc/init.d/k0sworker start; started /var/lib/k0s
        broken {" ".join(tools)}; cleanup; ls /var/lib /etc/init.d"""
    )
    for warning in warnings:
        assert f"{warning}, status 7: {tools[0]} is out of order" in output
    assert "status: 0" in output
    assert "k0s" not in output.split("status: 0")[1]


def test_what_could_not_be_unmounted_is_not_clean_until_it_is(sandbox: Sandbox) -> None:
    output = sandbox.run(
        f"""{BROKEN}install_k0s /usr/local/bin/k0s worker ''; touch /run/reset-fails
        mkdir -p /var/lib/k0s/a; mount -t tmpfs scratch /var/lib/k0s/a
        BEFORE=$PATH; broken umount; cleanup; PATH=$BEFORE; cleanup; grep k0s /proc/mounts || ls /var/lib"""
    )
    first, second, after = output.split("status: ")
    assert "verify: failed: mount /var/lib/k0s/a" in first
    assert second.startswith("1")
    assert after.startswith("0")
    assert "k0s" not in after


def test_what_uses_its_directories_again_and_again_is_not_clean(sandbox: Sandbox) -> None:
    """Told by what it uses, not by its name: none of k0s is left but an argument."""
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s worker ''; mkdir -p /var/lib/k0s/containerd
        printf '#!/bin/sh\nwhile :; do sleep 0.1; done\n' >/opt/daemon
        printf '#!/bin/sh\nwhile :; do /opt/daemon --root=/var/lib/k0s/containerd; done\n' >/opt/supervisor
        chmod 0755 /opt/daemon /opt/supervisor; /opt/supervisor & sleep 0.3
        cleanup; kill -KILL $!; cleanup; ls /var/lib"""
    )
    first, second, after = output.split("status: ")
    assert re.search(r"verify: failed: process [0-9]+ \(/bin/sh", first)
    assert "mount" not in first
    assert second.startswith("1")
    assert after.startswith("0")
    assert "k0s" not in after


def test_what_comes_back_after_a_moment_is_not_clean(sandbox: Sandbox) -> None:
    """What starts it anew may not have had its turn yet when the cleanup looks: a busy host."""
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s worker ''; mkdir -p /var/lib/k0s/containerd
        printf '#!/bin/sh\nwhile :; do sleep 0.1; done\n' >/opt/daemon
        printf '#!/bin/sh\nwhile /opt/daemon --root=/var/lib/k0s/containerd || :; do sleep 1; done\n' >/opt/supervisor
        chmod 0755 /opt/daemon /opt/supervisor; /opt/supervisor & sleep 0.3
        cleanup; kill -KILL $!"""
    )
    assert re.search(r"verify: failed: process [0-9]+ \(/bin/sh", output)
    assert "status: 1" in output


@pytest.mark.parametrize("binary", [True, False], ids=["reset", "by-hand"])
def test_what_cannot_be_removed_is_not_clean(sandbox: Sandbox, binary: bool) -> None:
    """Though it is no directory of k0s's own."""
    place = "/etc/cni/net.d/10-kuberouter.conflist"
    output = sandbox.run(
        f"""mkdir -p /run/capra/run /var/lib/k0s {place.rpartition("/")[0]}; export CAPRA_RUN_DIR=/run/capra/run
        install_k0s /usr/local/bin/k0s worker ''; touch {place}; mount --bind /dev/null {place}
        {":" if binary else "rm /usr/local/bin/k0s"}
        cleanup; cleanup; umount {place}; cleanup; if [ -e {place} ]; then echo left; fi"""
    )
    *attempts, after = output.split("status: ")
    told = f"verify: failed: {place}$"
    assert [bool(re.search(told, attempt, re.MULTILINE)) for attempt in attempts] == [True, True, False]
    assert after.startswith("0")
    assert "left" not in after


@pytest.mark.parametrize("place", ["/var/lib/kubelet/device-plugins/x", "/etc/systemd/system/k0sworker.service.d/x"])
def test_nothing_is_removed_through_a_mount(sandbox: Sandbox, place: str) -> None:
    """The directories around k0s's own may have others' file systems in them, too."""
    output = sandbox.run(
        f"""mkdir -p /srv/others/sub /var/lib/k0s/pki {place}; echo gold >/srv/others/sub/file
        mount --bind /srv/others {place}
        cleanup; cat /srv/others/sub/file; if [ -e {place} ]; then echo left; fi"""
    )
    assert "status: 0" in output
    assert "gold" in output
    assert "left" not in output


def test_a_controller_that_is_down_and_cannot_be_started_may_remain_a_member(sandbox: Sandbox) -> None:
    """The others count it as down already: to wipe it takes no majority from them."""
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        /etc/init.d/k0scontroller stop; printf '#!/bin/sh\nexit 7\n' >/etc/init.d/k0scontroller
        rm /run/calls; cleanup; calls"""
    )
    assert "leave: warning: k0s does not run here, so this host may remain a member of etcd" in output
    assert calls(output) == ["reset"]
    assert "status: 0" in output


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
    """Of what this sandbox sees alone: below its directories are those of the machine, where others are at work."""
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        seen() { find /mnt/*.upper /mnt/*/*.upper /run -exec stat -c '%n %s %y %i' {} + | sort; }
        BEFORE=$(seen); cleanup --check; AFTER=$(seen)
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


USERS_OWN = r"""
mkdir -p /srv/ops /srv/precious; echo keep >/srv/precious/file
cat >/srv/ops/k0s <<'END'
#!/bin/sh
if [ "$(id -u)" = 0 ]; then touch /run/run-by-root; fi
while :; do sleep 0.1; done
END
chmod 0755 /srv/ops/k0s; chown -R 12345 /srv/ops /srv/precious
as_user() { exec setsid chroot --userspec=12345:12345 / "$@" </dev/null >/dev/null 2>&1; }
untouched() { [ ! -e /run/run-by-root ]; [ "$(cat /srv/precious/file)" = keep ]; }
"""


def test_a_link_of_a_users_makes_no_directory_roots(sandbox: Sandbox) -> None:
    """What a link leads to may hold lines like those that `ls` writes of others."""
    output = sandbox.run(
        """mkdir -p /srv/t/z/bin
        printf '#!/bin/sh\necho fooled >>/run/fooled\nexec /usr/bin/readlink "$@"\n' >/srv/t/z/bin/readlink
        chmod 0755 /srv/t/z/bin/readlink
        LIKE='drwxr-xr-x 2 0 0 40 Nov 27 11:00'
        ln -s "$(printf 'x\n%s /srv/t/z\n%s /srv/t/z/bin' "$LIKE" "$LIKE")" /srv/t/l
        chown -R -h 65534 /srv/t/z /srv/t/l
        PATH=/srv/t/l:/srv/t/z/bin:$PATH cleanup; ls /run/fooled 2>&1 || true"""
    )
    assert "status: 0" in output
    assert "No such file" in output.split("status: 0")[1], output


def test_a_users_own_k0s_is_not_believed(sandbox: Sandbox) -> None:
    """Neither its program nor its directories, and it is no reason to fail."""
    output = sandbox.run(
        f"""{USERS_OWN}
        as_user /srv/ops/k0s worker --data-dir=/srv/precious --kubelet-root-dir=/srv/precious & ONE=$!
        as_user /srv/ops/k0s controller --data-dir=/ & TWO=$!
        sleep 0.3; PATH=/srv/ops:$PATH; cleanup; untouched; kill -0 "$ONE"; kill -0 "$TWO"
        install_k0s /usr/local/bin/k0s worker ''; /etc/init.d/k0sworker start; started /var/lib/k0s
        chroot --userspec=12345:12345 / sh -c 'cd /var/lib/k0s && exec sleep 1000' & THREE=$!
        sleep 0.3; cleanup; untouched; kill -0 "$ONE"; kill -0 "$THREE"; calls"""
    )
    assert output.index("changed: no") < output.index("changed: yes")
    assert output.count("status: 0") == 2
    assert calls(output) == ["worker", "reset"]
    assert "warning" not in output


def test_a_users_program_is_not_run_though_roots_service_names_it(sandbox: Sandbox) -> None:
    output = sandbox.run(
        f"""{USERS_OWN}
        install_k0s /srv/ops/k0s worker ''; cp "$STAND_IN" /srv/ops/k0s; chown 12345 /srv/ops/k0s
        /etc/init.d/k0sworker start; started /var/lib/k0s
        cleanup; calls; [ ! -e /var/lib/k0s ]; ! kill -0 "$(cat /run/worker.pid)" """
    )
    assert "warning: /srv/ops/k0s is neither run nor believed" in output
    assert calls(output) == ["worker"]
    assert "status: 0" in output


def test_a_users_service_file_says_nothing(sandbox: Sandbox) -> None:
    output = sandbox.run(
        f"""{USERS_OWN}
        install_k0s /usr/local/bin/k0s worker '--data-dir=/srv/precious'; chown 12345 /etc/init.d/k0sworker
        mkdir /srv/precious/pki; chown -R 0 /srv/precious; cleanup; untouched; calls"""
    )
    assert calls(output) == ["reset"]
    assert "status: 0" in output


@pytest.mark.parametrize("flag", ["--data-dir=/srv/precious", "--kubelet-root-dir=/srv/precious"])
def test_what_holds_nothing_of_k0s_is_left_alone(sandbox: Sandbox, flag: str) -> None:
    """Root's own service says so, and is wrong."""
    output = sandbox.run(
        f"{USERS_OWN} chown -R 0 /srv; install_k0s /usr/local/bin/k0s worker '{flag}'; cleanup; untouched; calls"
    )
    assert "found: warning: /srv/precious holds nothing of k0s" in output
    assert calls(output) == ["reset"]
    assert "status: 0" in output


@pytest.mark.parametrize("directory", ["/", "/etc", "/home", "/home/me"])
def test_places_of_the_system_are_refused_whoever_names_them(sandbox: Sandbox, directory: str) -> None:
    output = sandbox.run(f"install_k0s /usr/local/bin/k0s worker '--data-dir={directory}'; cleanup; calls")
    assert "refused:" in output
    assert "status: 2" in output
    assert calls(output) == []


def test_a_link_through_a_users_directory_is_not_followed(sandbox: Sandbox) -> None:
    output = sandbox.run(
        f"""{USERS_OWN}
        mkdir /srv/precious/pki; ln -s /srv/precious /srv/ops/link; ln -s /srv/ops/link /var/lib/k0s
        cleanup; untouched; ls -d /srv/precious/pki; ls /var/lib"""
    )
    assert "/srv/precious/pki" in output
    assert "k0s\n" not in output.split("pki")[1]
    assert "status: 0" in output


def test_what_uses_its_directories_is_ended_whatever_its_name(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s worker ''; mkdir -p /var/lib/k0s/containerd
        printf '#!/bin/sh\nwhile :; do sleep 0.1; done\n' >/opt/containerd; chmod 0755 /opt/containerd
        touch /var/lib/k0s/log
        setsid /opt/containerd --root=/var/lib/k0s/containerd & ONE=$!
        setsid /opt/containerd -a unix:///run/k0s/c.sock & TWO=$!
        setsid tail -f /var/lib/k0s/log & THREE=$!
        (cd /var/lib/k0s && exec setsid sleep 1000) & FOUR=$!
        setsid sleep 1000 3</var/lib/k0s/log & FIVE=$!
        setsid /opt/containerd --root=/var/lib/k0s-other/containerd & OTHER=$!
        sleep 0.3; cleanup; for ID in $ONE $TWO $THREE $FOUR $FIVE; do
            if kill -0 "$ID" 2>/dev/null && ! grep -q 'State:.Z' "/proc/$ID/status"; then echo "$ID lives"; fi
        done; kill -0 "$OTHER" """
    )
    assert "status: 0" in output
    assert "lives" not in output


@pytest.mark.parametrize("other", [True, False])
def test_what_the_kubelet_leaves_elsewhere(sandbox: Sandbox, other: bool) -> None:
    """Its device plugins go, unless another kubelet lives there."""
    output = sandbox.run(
        f"""mount -t tmpfs scratch /usr/libexec; mkdir -p /usr/libexec/k0s/kubelet-plugins /var/lib/k0s/pki
        mkdir -p /var/lib/kubelet/device-plugins; touch /var/lib/kubelet/device-plugins/kubelet.sock
        {"touch /var/lib/kubelet/config.yaml" if other else ":"}
        install_k0s /usr/local/bin/k0s worker ''; cleanup; ls /usr/libexec /var/lib"""
    )
    left = output.split("status: 0")[1]
    assert ("kubelet\n" in left) is other
    assert "k0s" not in left


def test_a_controller_whose_program_may_not_be_run_holds_the_cleanup(sandbox: Sandbox) -> None:
    output = sandbox.run(
        f"""{USERS_OWN}
        install_k0s /srv/ops/k0s controller ''; chown 12345 /srv/ops/k0s
        /etc/init.d/k0scontroller start; started /var/lib/k0s
        cleanup; kill -0 "$(cat /run/controller.pid)"; cleanup --binary=/srv/ops/k0s"""
    )
    assert "leave: failed: a controller runs here, and cannot leave etcd: /srv/ops/k0s is not run" in output
    assert output.index("status: 1") < output.index("status: 0")


def test_a_drop_in_says_what_the_service_starts(sandbox: Sandbox) -> None:
    """One that others may write says nothing."""
    output = sandbox.run(
        f"""{USERS_OWN}
        install_k0s /usr/local/bin/k0s worker ''; rm /etc/init.d/k0sworker; mkdir -p /srv/data/etcd
        UNIT=/etc/systemd/system/k0sworker.service; mkdir -p "$UNIT.d"
        printf '[Service]\\nExecStart=/usr/local/bin/k0s worker\\n' >"$UNIT"
        printf '[Service]\\nExecStart=\\nExecStart=/usr/local/bin/k0s worker --data-dir=/srv/data\\n' >"$UNIT.d/a.conf"
        printf '[Service]\\nExecStart=\\nExecStart=/srv/ops/k0s worker --data-dir=/srv/precious\\n' >"$UNIT.d/b.conf"
        chown 12345 "$UNIT.d/b.conf"; cleanup; untouched; ls /srv /etc/systemd/system; calls"""
    )
    assert calls(output) == ["reset --data-dir=/srv/data"]
    assert "status: 0" in output
    assert "data\n" not in output.split("status: 0")[1].split("calls:")[0]
    assert "k0sworker" not in output.split("status: 0")[1]


def test_a_group_with_others_in_it_may_write_the_binary(sandbox: Sandbox) -> None:
    """An empty group, such as Debian's staff, is nobody."""
    output = sandbox.run(
        """echo 'crew:x:4711:' >>/etc/group; mkdir -p /opt/k0s; chgrp 4711 /opt/k0s; chmod 2775 /opt/k0s
        install_k0s /opt/k0s/k0s worker ''; mkdir -p /var/lib/k0s/pki; cleanup; calls; echo empty
        sed -i 's/^crew:.*/crew:x:4711:root,ops/' /etc/group
        install_k0s /opt/k0s/k0s worker ''; mkdir -p /var/lib/k0s/pki; rm /run/calls; cleanup; calls"""
    )
    empty, others = output.split("empty\n")
    assert calls(empty) == ["reset"]
    assert calls(others) == []
    assert "warning: /opt/k0s/k0s is neither run nor believed" in others
    assert output.count("status: 0") == 2


def test_what_a_reset_that_was_cut_off_has_left_is_still_known(sandbox: Sandbox) -> None:
    """Nothing in the directory tells k0s by then; the first attempt has written down that it is."""
    output = sandbox.run(
        """mkdir -p /run/capra/run; export CAPRA_RUN_DIR=/run/capra/run
        install_k0s /usr/local/bin/k0s worker '--data-dir=/srv/data'; mkdir -p /srv/data/etcd; touch /srv/data/left
        touch /run/reset-hangs; $SHELL_UNDER_TEST "$PROGRAM" & PROGRAM_ID=$!
        until grep -q reset /run/calls; do sleep 0.1; done
        kill -KILL "$PROGRAM_ID"; rm /run/reset-hangs; rmdir /srv/data/etcd; rm /etc/init.d/k0sworker
        cleanup; [ ! -e /srv/data ]; calls"""
    )
    assert calls(output)[-1] == "reset --data-dir=/srv/data"
    assert "status: 0" in output


SYNC = """#!/bin/sh
[ $# = 0 ] || { echo 'sync: ignoring all arguments' >&2; echo "sync $*" >>/run/calls; }
"""
"""One that takes no names, as older ones; it tells what it was asked for."""


def test_what_was_found_is_on_the_disk_before_anything_goes(sandbox: Sandbox) -> None:
    """After a loss of power the next attempt has nothing else to go by; nor has it after the mark of having left."""
    output = sandbox.run(
        f"""mkdir -p /run/capra/run; export CAPRA_RUN_DIR=/run/capra/run
        cat >/usr/local/sbin/sync <<'END'\n{SYNC}END
        chmod 0755 /usr/local/sbin/sync; PATH=/usr/local/sbin:$PATH
        install_k0s /usr/local/bin/k0s controller ''; /etc/init.d/k0scontroller start; started /var/lib/k0s
        cleanup 2>&1; calls"""
    )
    assert "status: 0" in output
    assert "ignoring" not in output
    facts = ["sync /run/capra/run/k0s_cleanup.facts", "sync /run/capra/run"]
    made = calls(output)
    assert made.count("etcd leave") == 1
    assert made[: made.index("etcd leave")].count(facts[0]) >= 2  # what was found, and that something changes
    left = made[made.index("etcd leave") + 1 : made.index("reset")]
    assert left == ["sync /var/lib/k0s/.capra.left", "sync /var/lib/k0s", *facts]


@pytest.mark.parametrize("first", ["binary", "reset"])
def test_no_room_to_write_down_what_was_found(sandbox: Sandbox, first: str) -> None:
    """Nothing is done then that takes it away: k0s reset removes what it was read from."""
    full = "ln -s /dev/full /run/capra/run/k0s_cleanup.facts"
    if first == "reset":
        # There is room until the service has stopped.
        full = f"sed -i 's|^stop) |stop) {full}0; mv -fT /run/capra/run/k0s_cleanup.facts0 "
        full += "/run/capra/run/k0s_cleanup.facts; |' /etc/init.d/k0sworker"
    output = sandbox.run(
        f"""mkdir -p /run/capra/run; export CAPRA_RUN_DIR=/run/capra/run
        install_k0s /usr/local/bin/k0s worker '--data-dir=/srv/data'; /etc/init.d/k0sworker start; started /srv/data
        {full}
        {"whole" if first == "reset" else "cleanup"} 2>&1; ls -d /srv/data /etc/init.d/k0sworker; calls"""
    )
    assert "status: 1" in output
    phase = "found: failed: no room" if first == "binary" else "reset: failed: no room"
    assert phase in output
    assert "\n/etc/init.d/k0sworker\n/srv/data\ncalls:" in output
    assert [call for call in calls(output) if call.startswith("reset")] == []


def test_a_unit_without_a_newline_at_its_end(sandbox: Sandbox) -> None:
    output = sandbox.run(
        """install_k0s /usr/local/bin/k0s worker ''; rm /etc/init.d/k0sworker; mkdir -p /srv/data/etcd
        printf '[Service]\\nExecStart=/usr/local/bin/k0s worker --data-dir=/srv/data' \
            >/etc/systemd/system/k0sworker.service
        cleanup; ls /srv; calls"""
    )
    assert calls(output) == ["reset --data-dir=/srv/data"]
    assert "status: 0" in output
