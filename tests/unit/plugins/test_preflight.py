"""Facts of a host to findings, and what is read of what a host prints."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import preflight
from ansible_collections.capra.machine.plugins.plugin_utils.frame import BEGIN, END
from ansible_collections.capra.machine.plugins.plugin_utils.preflight_rules import Finding, Limits
from tests.missing import missing

ROOT = Path(__file__).parents[3]
SCRIPT = "".join(
    (ROOT / name).read_text() for name in ("plugins/plugin_utils/host.sh", "roles/preflight/files/preflight.sh")
)
PLACES = ("/etc", "/usr/local/bin", "/tmp", "/run", "/var/lib")
GOOD = {
    "clock.begin": "1000",
    "clock.end": "1000",
    "os.id": "debian",
    "os.codename": "bookworm",
    "address": "192.0.2.1",
    "os.name": "Debian GNU/Linux 12 (bookworm)",
    "system": "Linux",
    "kernel": "6.1.0-18-amd64",
    "architecture": "x86_64",
    "init": "systemd",
    "cgroup": "v2",
    "cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc",
    "module.overlay": "loaded",
    "module.br_netfilter": "loadable",
    "uid": "0",
    "user": "root",
    "sudo": "works",
    "sudo.milliseconds": "20",
    "hostname": "node-1",
    "hostname.milliseconds": "20",
    "hostname.resolves": "yes",
    "machine_id": "0123456789abcdef0123456789abcdef",
    "cpus": "4",
    "virtualization": "kvm",
    "addresses": "192.0.2.1 2001:db8::1",
    "memory": "2031616",
    "swap": "no",
    "disk./": "20000000 40000000",
    "disk./var": "20000000 40000000",
    "disk./var/lib": "20000000 40000000",
    **{f"place.{name}": f"rw ext4 9000000:40000000 900000:1000000 {name}" for name in PLACES},
    "place.state": "rw ext4 9000000:40000000 - /var/lib",
    "account": "19000 99999 - -",
    "listening": "0016 0035",
    "selinux": "absent",
    "apparmor": "enabled",
    "download": "curl",
    "here.programs": "",
    "here.services": "",
    "here.processes": "",
    "here.data": "",
}
"""A host that nothing is wrong with."""

CASES = [
    ({"system": "FreeBSD"}, "os", "error", "k0s and kubeadm need Linux"),
    ({"kernel": "3.10.0-1160.el7.x86_64"}, "kernel", "warning", "4.3"),
    ({"architecture": "mips"}, "architecture", "warning", "k0s"),
    ({"init": "runit"}, "init", "error", "systemd, OpenRC and SysV"),
    ({"init": "openrc"}, "init", "ok", ""),
    ({"cgroup": "v1"}, "cgroup", "warning", "unified_cgroup_hierarchy"),
    ({"cgroup": "hybrid"}, "cgroup", "warning", "unified_cgroup_hierarchy"),
    ({"cgroup": "none"}, "cgroup", "error", "mount"),
    ({"cgroup.controllers": "cpu pids"}, "cgroup", "error", "command line"),
    ({"module.overlay": "unknown"}, "module overlay", "warning", "modprobe overlay"),
    ({"swap": "yes"}, "swap", "warning", "swapoff"),
    ({"sudo": "absent"}, "sudo", "ok", ""),
    ({"uid": "1000", "user": "ops"}, "sudo", "warning", "use_sudo"),
    ({"uid": "1000", "user": "ops", "sudo": "refused"}, "sudo", "error", "NOPASSWD"),
    ({"uid": "1000", "user": "ops", "sudo": "absent"}, "sudo", "error", "root"),
    ({"sudo": "hangs", "sudo.milliseconds": "15000"}, "sudo", "error", "/etc/hosts"),
    ({"sudo.milliseconds": "5000"}, "sudo", "warning", "/etc/hosts"),
    ({"hostname": "localhost"}, "hostname", "error", "name of its own"),
    ({"hostname.resolves": "no"}, "hostname", "warning", "127.0.1.1 node-1"),
    ({"hostname.resolves": "hangs", "hostname.milliseconds": "15000"}, "hostname", "error", "127.0.1.1 node-1"),
    ({"hostname.milliseconds": "9000"}, "hostname", "warning", "127.0.1.1 node-1"),
    ({"hostname.resolves": "unknown"}, "hostname", "ok", ""),
    ({"machine_id": ""}, "machine-id", "warning", "systemd-machine-id-setup"),
    ({"memory": "500000"}, "memory", "error", "1024 MiB"),
    ({"memory": "1000000"}, "memory", "ok", ""),  # a machine of 1 GiB
    ({"disk./var/lib": "1000000 40000000"}, "disk /var/lib", "error", "2048 MiB"),
    ({"disk./var/lib": "3000000 40000000"}, "disk /var/lib", "warning", "tenth"),
    ({"place./var/lib": "rw,noexec ext4 9000000:40000000 - /var/lib"}, "place /var/lib", "warning", "remount,exec"),
    ({"place./usr/local/bin": "rw,noexec x 900000:40000000 - /usr"}, "place /usr/local/bin", "warning", "elsewhere"),
    ({"place./tmp": "rw,noexec tmpfs 9000000:40000000 - /tmp"}, "place /tmp", "warning", "TMPDIR"),
    ({"place./run": "rw,noexec tmpfs 9000000:40000000 - /run"}, "place /run", "ok", ""),
    ({"place./etc": "ro,relatime ext4 9000000:40000000 - /etc"}, "place /etc", "error", "remount,rw"),
    ({"place./etc": "rw,relatime,ro ext4 9000000:40000000 - /etc"}, "place /etc", "error", "remount,rw"),
    ({"place./usr/local/bin": "ro squashfs 0:9 - /usr"}, "place /usr/local/bin", "warning", "elsewhere"),
    ({"place.state": "ro ext4 9000000:40000000 - /var/lib"}, "place of the journal", "error", "remount,rw"),
    ({"place./tmp": "rw tmpfs 50000:60000 - /tmp"}, "place /tmp", "warning", "make room"),
    ({"place./etc": "rw ext4 1000:60000 - /etc"}, "place /etc", "error", "make room"),
    ({"place./var/lib": "rw ext4 9000000:40000000 200:1000000 /var/lib"}, "place /var/lib", "error", "inodes"),
    ({"place./var/lib": "rw ext4 9000000:40000000 20000:1000000 /var/lib"}, "place /var/lib", "warning", "inodes"),
    ({"place./var/lib": "rw btrfs 9000000:40000000 0:0 /var/lib"}, "place /var/lib", "ok", ""),
    ({"place./var/lib": "- - - - /var/lib"}, "place /var/lib", "ok", ""),
    ({"account": "unreadable"}, "account", "ok", ""),
    ({"account": "absent"}, "account", "ok", ""),
    ({"account": "19000 99999 - 10", "clock.begin": str(9 * 86400)}, "account", "warning", "chage -E"),
    ({"account": "19000 99999 - 10", "clock.begin": str(10 * 86400)}, "account", "error", "chage -E"),
    ({"account": "19000 99999 - 100", "clock.begin": str(10 * 86400)}, "account", "ok", ""),
    ({"account": "0 99999 - -"}, "password", "error", "passwd root"),
    ({"account": "10 90 - -", "clock.begin": str(100 * 86400)}, "password", "error", "chage -M"),
    ({"account": "10 90 7 -", "clock.begin": str(95 * 86400)}, "password", "warning", "chage -M"),
    ({"account": "10 90 - -", "clock.begin": str(20 * 86400)}, "password", "ok", ""),
    ({"listening": "0016 192B"}, "port 6443", "error", "6443"),
    ({"listening": "280A"}, "port 10250", "error", "10250"),
    ({"listening": "094C"}, "port 2380", "error", "2380"),
    ({"download": "none"}, "download", "warning", "install one"),
    ({"selinux": "enforcing"}, "selinux", "warning", "container-selinux"),
    ({"selinux": "permissive"}, "selinux", "ok", ""),
    ({"here.services": "k0sworker"}, "kubernetes", "error", "k0s_cleanup"),
    ({"here.processes": "k3s"}, "kubernetes", "error", "k3s-uninstall"),
    ({"here.data": "/var/lib/k0s"}, "kubernetes", "warning", "k0s_cleanup"),
    ({"here.programs": "/usr/local/bin/k0s"}, "kubernetes", "ok", ""),
]


def find(name: str, facts: dict[str, str], limits: Limits | None = None, skew: float = 0.0) -> Finding:
    """The one finding of that name."""
    (found,) = [one for one in preflight.evaluate(facts, limits or Limits(), skew) if one.name == name]
    return found


def test_a_good_host_has_no_finding_that_is_not_ok() -> None:
    assert {finding.level for finding in preflight.evaluate(GOOD, Limits())} == {"ok"}


@pytest.mark.parametrize(("change", "name", "level", "advice"), CASES)
def test_each_rule(change: dict[str, str], name: str, level: str, advice: str) -> None:
    finding = find(name, GOOD | change)
    assert (finding.level, advice in finding.advice) == (level, True)
    assert bool(finding.advice) == (level != "ok")
    others = [one for one in preflight.evaluate(GOOD | change, Limits()) if one.name != name]
    assert {one.level for one in others} == {"ok"}


def test_a_python_is_looked_for_where_modules_need_it() -> None:
    assert not [one for one in preflight.evaluate(GOOD, Limits()) if one.name == "python"]
    missing = find("python", GOOD | {"python": "none"}, Limits(python=True))
    assert (missing.level, "gather_facts: false" in missing.advice) == ("warning", True)
    assert find("python", GOOD | {"python": "/usr/bin/python3"}, Limits(python=True)).level == "ok"


@pytest.mark.parametrize(
    ("role", "ports"), [("any", (6443, 10250, 2380)), ("controller", (6443, 2380)), ("worker", (10250,))]
)
def test_ports_and_memory_follow_the_role(role: str, ports: tuple[int, ...]) -> None:
    limits = Limits(role=role)
    names = [one.name for one in preflight.evaluate(GOOD, limits) if one.name.startswith("port ")]
    assert names == [f"port {port}" for port in ports]
    assert find("memory", GOOD | {"memory": "524288"}, limits).level == ("ok" if role == "worker" else "error")


def test_a_slow_sudo_is_an_error_where_sudo_is_used() -> None:
    slow = GOOD | {"sudo.milliseconds": "5000"}
    assert find("sudo", slow, Limits(become="sudo")).level == "error"


@pytest.mark.parametrize(
    ("skew", "level"), [(0.0, "ok"), (-2.5, "ok"), (4.0, "warning"), (31.0, "error"), (-31.0, "error")]
)
def test_clock(skew: float, level: str) -> None:
    assert find("clock", GOOD, skew=skew).level == level


@pytest.mark.parametrize(
    ("begin", "end", "before", "after", "skew"),
    [
        (1000, 1000, 1000.2, 1000.8, 0.0),
        (1000, 1000, 999.7, 1000.2, 0.0),
        (1100, 1100, 1000.0, 1001.0, 99.0),
        (900, 900, 1000.0, 1001.0, -99.0),
        (1000, 1015, 1000.0, 1015.5, 0.0),  # a slow host
        (1060, 1075, 1000.0, 1015.0, 60.0),  # a slow host whose clock is a minute ahead
    ],
)
def test_clock_skew_from_one_round_trip(begin: int, end: int, before: float, after: float, skew: float) -> None:
    facts = {"clock.begin": str(begin), "clock.end": str(end)}
    assert preflight.clock_skew(facts, before, after) == skew


def test_clock_skew_of_a_host_that_does_not_tell() -> None:
    assert preflight.clock_skew({}, 1.0, 2.0) == 0.0


def test_parse_passes_over_what_login_shells_print() -> None:
    text = f"Welcome!\r\nuid 7\r\n{BEGIN}\r\nuid 0\r\nos.name Debian GNU/Linux\r\n{END}\r\nbye 1\r\n"
    assert preflight.parse(text) == {"uid": "0", "os.name": "Debian GNU/Linux"}


@pytest.mark.parametrize("text", ["", BEGIN, f"{BEGIN}\nuid 0\n", END])
def test_parse_of_less_than_the_whole_is_nothing(text: str) -> None:
    assert preflight.parse(text) is None


@pytest.mark.parametrize("facts", [{}, {"memory": "much", "disk./var/lib": "a b", "listening": "", "kernel": "odd"}])
def test_a_host_that_says_little_is_judged_all_the_same(facts: dict[str, str]) -> None:
    findings = preflight.evaluate(facts, Limits())
    assert json.dumps([dataclasses.asdict(finding) for finding in findings])
    assert len(preflight.report(findings)) == len(findings)


def test_the_summary_names_every_error_with_its_advice() -> None:
    text = preflight.summary(preflight.evaluate(GOOD | {"init": "runit", "swap": "yes"}, Limits()))
    assert text.startswith("1 errors, 1 warnings, ")
    assert "runit" in text
    assert "systemd, OpenRC and SysV" in text


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "sh"]], ids=["dash", "bash", "busybox"])
def test_the_script_tells_every_fact_under_every_shell(shell: list[str]) -> None:
    try:
        answer = subprocess.run([*shell, "-s"], input=SCRIPT.encode(), capture_output=True, timeout=60, check=True)
    except FileNotFoundError:
        missing(shell[0])
    assert answer.stderr == b""
    facts = preflight.parse(answer.stdout.decode())
    assert facts is not None
    optional = {
        "machine_id",
        "cgroup.controllers",
        "sudo.milliseconds",
        "hostname.milliseconds",
        "os.id",
        "os.name",
        "os.codename",
    }
    assert set(GOOD) - optional <= set(facts)
    assert preflight.evaluate(facts, Limits())


def test_the_script_writes_nothing_on_the_host() -> None:
    """Some shells put a here-document into a file, and /etc/shadow is read."""
    assert "<<" not in SCRIPT


def test_a_shadow_file_without_a_newline_at_its_end(tmp_path: Path) -> None:
    shadow = tmp_path / "shadow"
    shadow.write_text("other:x:1:2:3:4:5:6:\nops:$y$secret:20000:0:90:7::20500:")
    text = SCRIPT.replace("/etc/shadow", str(shadow))
    text = text.replace("preflight </dev/null", "LOGIN_USER=ops && account")
    told = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout == "account 20000 90 - 20500\n"


@pytest.mark.parametrize(("online", "cpus"), [("0", "1"), ("0-3", "4"), ("0-3,6,8-9", "7"), ("", "0"), ("0-x", "0")])
def test_processors_are_counted_without_nproc(tmp_path: Path, online: str, cpus: str) -> None:
    listed = tmp_path / "online"
    listed.write_text(online)
    text = SCRIPT.replace("/sys/devices/system/cpu/online", str(listed)).replace("has nproc", "false")
    text = text.replace("preflight </dev/null", "processors")
    told = subprocess.run(["dash", "-s"], input=text, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout == f"cpus {cpus}\n"


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "sh"]], ids=["dash", "bash", "busybox"])
def test_addresses_are_told_once_each_and_not_too_many(tmp_path: Path, shell: list[str]) -> None:
    program = tmp_path / "ip"
    program.write_text(
        '#!/bin/sh\nfor n in 1 2 2 3; do echo "$n: eth$n    inet 192.0.2.$n/24 scope global"; done\n'
        "echo '2: eth1    inet6 2001:db8::1/64 scope global'\n"
        'for n in $(seq 30); do echo "9: eth9 inet 198.51.100.$n/24 scope global"; done\n'
    )
    program.chmod(0o755)
    text = SCRIPT.replace("preflight </dev/null", f"PATH={tmp_path}:$PATH; ADDRESS=; addresses")
    told = subprocess.run([*shell, "-s"], input=text, capture_output=True, text=True, timeout=60, check=True).stdout
    name, *addresses = told.split()
    assert name == "addresses"
    assert addresses[:5] == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "198.51.100.1"]
    assert len(addresses) == 16
