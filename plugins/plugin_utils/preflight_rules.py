"""The rules of preflight: facts of one subject to findings. Pure: no Ansible, no I/O.

Sources of the thresholds: k0s system requirements (controller 1 GiB, worker 0.5 GiB of memory), the kubelet's
defaults for eviction (a tenth of the disk free) and for swap, Kubernetes' ports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

SUDO_SLOW = 2000
"""Milliseconds that sudo or a look-up of the host's own name may take. Ansible gives up on a sudo that is slower
than its connection timeout."""

Level = Literal["ok", "warning", "error"]
Facts = Mapping[str, str]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. value: what was found. advice: what to do, empty when it is ok."""

    name: str
    level: Level
    value: str
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Limits:
    """What is asked of a host. role: controller, worker or any. memory, disk: MiB, 0 for what the role needs.
    clock_skew: seconds, an error above it, a warning above a tenth of it (at least 2). become: how the run gets to
    root; empty when it does not. python: modules of Ansible are to run there, too."""

    role: str = "any"
    memory: int = 0
    disk: int = 2048
    clock_skew: float = 30.0
    ports: tuple[int, ...] = ()
    become: str = ""
    python: bool = False

    def needed_memory(self) -> int:
        """MiB."""
        return self.memory or (512 if self.role == "worker" else 1024)

    def needed_ports(self) -> tuple[int, ...]:
        """Those that must be free."""
        by_role = {"controller": (6443, 2380), "worker": (10250,)}
        return self.ports or by_role.get(self.role, (6443, 10250, 2380))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _words(facts: Facts, name: str) -> str:
    return " ".join(facts.get(name, "").split())


def system(facts: Facts) -> Iterator[Finding]:
    """Operating system, kernel, architecture, service manager."""
    name = facts.get("os.name") or facts.get("os.id") or facts.get("system", "unknown")
    if facts.get("system") == "Linux":
        yield Finding("os", "ok", name, f"runs {name}")
    else:
        yield Finding("os", "error", name, f"runs {name}", "k0s and kubeadm need Linux")
    kernel = facts.get("kernel", "unknown")
    old = tuple(_number(part) for part in kernel.split("-")[0].split(".")[:2]) < (4, 3)
    yield (
        Finding("kernel", "warning", kernel, f"kernel {kernel} is old", "use a host with a kernel from 4.3 on")
        if old
        else Finding("kernel", "ok", kernel, f"kernel {kernel}")
    )
    machine = facts.get("architecture", "unknown")
    if machine in ("x86_64", "amd64", "aarch64", "arm64", "armv7l", "riscv64"):
        yield Finding("architecture", "ok", machine, f"architecture {machine}")
    else:
        yield Finding(
            "architecture", "warning", machine, f"architecture {machine}", "see whether there is a k0s for it"
        )
    init = facts.get("init", "unknown")
    if init in ("systemd", "openrc", "sysvinit"):
        yield Finding("init", "ok", init, f"services are managed by {init}")
    else:
        advice = "services can be installed under systemd, OpenRC and SysV init"
        yield Finding("init", "error", init, f"process 1 is {init}, which is no known service manager", advice)


def kernel_parts(facts: Facts) -> Iterator[Finding]:
    """cgroups, kernel modules, swap."""
    cgroup = facts.get("cgroup", "none")
    if cgroup == "v2":
        controllers = set(facts.get("cgroup.controllers", "").split())
        missing = [name for name in ("cpu", "memory", "pids") if name not in controllers]
        if missing and controllers:
            names = ", ".join(missing)
            advice = "enable them on the kernel's command line"
            yield Finding("cgroup", "error", cgroup, f"cgroup controllers missing: {names}", advice)
        else:
            yield Finding("cgroup", "ok", cgroup, "cgroup v2")
    elif cgroup == "none":
        yield Finding("cgroup", "error", cgroup, "no cgroups are mounted", "mount cgroup v2 at /sys/fs/cgroup")
    else:
        advice = "boot with systemd.unified_cgroup_hierarchy=1: newer kubelets refuse to start without cgroup v2"
        yield Finding("cgroup", "warning", cgroup, f"cgroups are {cgroup}, not v2", advice)
    for name in ("overlay", "br_netfilter"):
        state = facts.get(f"module.{name}", "unknown")
        level: Level = "ok" if state in ("loaded", "loadable") else "warning"
        advice = "" if level == "ok" else f"see that `modprobe {name}` works on the machine that owns the kernel"
        yield Finding(f"module {name}", level, state, f"kernel module {name}: {state}", advice)
    if facts.get("swap") == "yes":
        advice = "switch it off (swapoff -a, and /etc/fstab), or allow it in the kubelet's configuration"
        yield Finding("swap", "warning", "on", "swap is on, which a kubelet refuses by default", advice)
    else:
        yield Finding("swap", "ok", "off", "swap is off")


def user(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """How the run gets to root, and whether that is quick."""
    user, sudo = facts.get("user", "unknown"), facts.get("sudo", "absent")
    seconds = _number(facts.get("sudo.milliseconds", "")) / 1000
    if sudo == "hangs" or (sudo == "works" and seconds * 1000 > SUDO_SLOW):
        message = f"sudo has not answered within {seconds:g} s" if sudo == "hangs" else f"sudo takes {seconds:g} s"
        advice = "the host's own name most likely cannot be resolved: add it to /etc/hosts"
        yield Finding("sudo", "error" if limits.become or sudo == "hangs" else "warning", sudo, message, advice)
    elif facts.get("uid") == "0":
        value = limits.become or "root"
        yield Finding("sudo", "ok", value, f"{user} works as root ({value})")
    elif sudo == "works":
        advice = "set use_sudo (useSudo in a manifest)"
        yield Finding("sudo", "warning", sudo, f"{user} is not root, and sudo works but is not asked for", advice)
    else:
        advice = f"log in as root, or give {user} NOPASSWD in sudoers and set use_sudo"
        yield Finding("sudo", "error", sudo, f"{user} is not root, and sudo without a password is {sudo}", advice)


def names(facts: Facts) -> Iterator[Finding]:
    """The host's name and identity."""
    name, resolves = facts.get("hostname", ""), facts.get("hostname.resolves", "unknown")
    took = _number(facts.get("hostname.milliseconds", ""))
    advice = f"add a line with {name or 'it'} to /etc/hosts (127.0.1.1 {name}): sudo and others look it up each time"
    if name in ("", "localhost", "(none)"):
        yield Finding("hostname", "error", name, f"the host is called {name!r}", "give every host a name of its own")
    elif resolves == "hangs":
        yield Finding("hostname", "error", name, f"{name} is not resolved within {took / 1000:g} s", advice)
    elif resolves == "no" or took > SUDO_SLOW:
        how = "does not resolve" if resolves == "no" else "resolves slowly"
        yield Finding("hostname", "warning", name, f"{name} {how} ({took / 1000:g} s)", advice)
    else:
        yield Finding("hostname", "ok", name, f"{name} resolves" if resolves == "yes" else f"the host is {name}")
    identity = facts.get("machine_id", "")
    if identity in ("", "uninitialized"):
        advice = "run systemd-machine-id-setup, or write one to /etc/machine-id"
        yield Finding("machine-id", "warning", identity, "the host has no machine-id", advice)
    else:
        yield Finding("machine-id", "ok", identity, f"machine-id {identity}")


def clock(skew: float, limits: Limits) -> Iterator[Finding]:
    """skew: seconds."""
    value = f"{skew:+g} s"
    advice = "set the clock, and keep it with NTP (chrony, systemd-timesyncd): certificates and etcd depend on it"
    if abs(skew) > limits.clock_skew:
        yield Finding("clock", "error", value, f"the clock is off by {value}", advice)
    elif abs(skew) > max(2.0, limits.clock_skew / 10):
        yield Finding("clock", "warning", value, f"the clock is off by {value}", advice)
    else:
        yield Finding("clock", "ok", value, f"the clock is off by {value}" if skew else "the clock is right")


def resources(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Memory and disk."""
    memory, needed = _number(facts.get("memory", "")) // 1024, limits.needed_memory()
    value = f"{memory} MiB"
    if memory < needed * 0.9:  # a machine sold as 1 GiB shows less than that
        advice = f"give it {needed} MiB (role: {limits.role})"
        yield Finding("memory", "error", value, f"{value} of memory, and {needed} MiB are needed", advice)
    else:
        yield Finding("memory", "ok", value, f"{value} of memory")
    for place in ("/", "/var", "/var/lib"):
        free_text, _rest, size_text = facts.get(f"disk.{place}", "").partition(" ")
        if not size_text:
            continue
        free, size = _number(free_text) // 1024, _number(size_text) // 1024
        value, name = f"{free} MiB", f"disk {place}"
        if place == "/var/lib" and free < limits.disk:
            advice = f"make room: {limits.disk} MiB are needed for images and data"
            yield Finding(name, "error", value, f"{value} free below {place}", advice)
        elif free < size / 10:
            advice = "make room: a kubelet evicts pods when less than a tenth is free"
            yield Finding(name, "warning", value, f"{value} of {size} MiB free below {place}", advice)
        else:
            yield Finding(name, "ok", value, f"{value} free below {place}")


def network(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Ports, and a program to download with."""
    listening = {int(port, 16) for port in facts.get("listening", "").split()}
    for port in limits.needed_ports():
        name = f"port {port}"
        if port in listening:
            advice = f"see what listens there (ss -ltnp 'sport = :{port}') and stop it, or clean the host"
            yield Finding(name, "error", "in use", f"port {port} is in use", advice)
        else:
            yield Finding(name, "ok", "free", f"port {port} is free")
    tool = facts.get("download", "none")
    if tool == "none":
        advice = "install one, or bring k0s to the host beforehand: bootstrap data usually downloads it"
        yield Finding("download", "warning", tool, "neither curl nor wget is installed", advice)
    else:
        yield Finding("download", "ok", tool, f"{tool} is there")


def security(facts: Facts) -> Iterator[Finding]:
    """SELinux and AppArmor."""
    selinux = facts.get("selinux", "absent")
    if selinux == "enforcing":
        advice = "install container-selinux, and label k0s's binaries as its documentation says"
        yield Finding("selinux", "warning", selinux, "SELinux is enforcing", advice)
    else:
        yield Finding("selinux", "ok", selinux, f"SELinux is {selinux}")
    apparmor = facts.get("apparmor", "absent")
    yield Finding("apparmor", "ok", apparmor, f"AppArmor is {apparmor}")


def already(facts: Facts) -> Iterator[Finding]:
    """What of Kubernetes is on the host already."""
    services, processes = _words(facts, "here.services"), _words(facts, "here.processes")
    programs, data = _words(facts, "here.programs"), _words(facts, "here.data")
    if services or processes:
        what = "; ".join(
            f"{kind} {names}" for kind, names in (("services", services), ("processes", processes)) if names
        )
        advice = "clean the host first: playbook k0s_cleanup for k0s, k3s-uninstall.sh for k3s, kubeadm reset"
        yield Finding("kubernetes", "error", what, f"Kubernetes is here already: {what}", advice)
    elif data:
        advice = "clean the host first: playbook k0s_cleanup for k0s; remove what others have left"
        yield Finding("kubernetes", "warning", data, f"left of an earlier Kubernetes: {data}", advice)
    elif programs:
        yield Finding("kubernetes", "ok", programs, f"programs are here already: {programs}")
    else:
        yield Finding("kubernetes", "ok", "none", "no Kubernetes is here")
