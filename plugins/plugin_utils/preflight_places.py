"""The rules of preflight for the places that a bootstrap writes to, for the account it logs in with, and for what
modules of Ansible run with. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.capra.machine.plugins.plugin_utils.preflight_rules import Facts, Finding, Level, Limits

DAY = 86400
SOON = 30
"""Days: an account that ends within them is worth a warning."""

NEVER = 99999
"""Days from which on shadow(5) means never."""

FEW_INODES = 1000
INODES_SHARE = 20
"""At least one inode in this number must be free."""


@dataclass(frozen=True)
class Place:
    """One of them. needs: MiB. runs: programs are started from there, and what breaks when they cannot be."""

    name: str
    needs: int
    runs: str = ""
    elsewhere: str = ""


PLACES = (
    Place("/etc", 16),
    Place(
        "/usr/local/bin", 300, "the k0s or kubeadm that a bootstrap installs there", "or have them installed elsewhere"
    ),
    Place("/tmp", 100, "what install scripts unpack there", "or set TMPDIR for them"),  # noqa: S108  # a name
    Place("/run", 16),
    Place("/var/lib", 0, "what k0s, containerd and the kubelet keep there", "or give k0s another data directory"),
    Place("state", 16),
)
"""/var/lib's own room is `disk /var/lib`. state: where Capra keeps its journal."""


def places(facts: Facts) -> Iterator[Finding]:
    """Whether they can be written, have room and inodes, and let programs run."""
    for place in PLACES:
        words = facts.get(f"place.{place.name}", "").split(" ", 4)
        if len(words) == 5:
            yield _place(place, *words)


def _place(place: Place, options: str, kind: str, blocks: str, inodes: str, directory: str) -> Finding:
    name = f"place {'of the journal' if place.name == 'state' else place.name}"
    flags = options.split(",")
    free, least = _free(blocks)[0] // 1024 if _known(blocks) else -1, place.needs
    value = f"{'read-only' if 'ro' in flags else 'writable'}, {kind}"
    if "ro" in flags:
        # Some systems keep /usr read-only on purpose, and have other places for programs.
        level: Level = "warning" if place.name.startswith("/usr") else "error"
        advice = f"mount it read-write (mount -o remount,rw), {place.elsewhere or 'since a bootstrap writes there'}"
        return Finding(name, level, value, f"{directory} is on a read-only file system", advice)
    if _known(blocks) and free < max(1, least):
        level = "error" if free < 1 else "warning"
        advice = f"make room: see du -xsh {directory}/*"
        return Finding(
            name, level, f"{free} MiB", f"{directory} has {free} MiB free, and {max(1, least)} are needed", advice
        )
    if _known(inodes) and _scarce(*_free(inodes)):
        left, whole = _free(inodes)
        level = "error" if left < FEW_INODES else "warning"
        advice = (
            f"remove what holds many small files (du --inodes -xs {directory}/*): no file can be made without inodes"
        )
        return Finding(name, level, f"{left} inodes", f"{directory} has {left} of {whole} inodes free", advice)
    if "noexec" in flags and place.runs:
        advice = f"mount it with exec (mount -o remount,exec, and /etc/fstab), {place.elsewhere}"
        return Finding(
            name, "warning", f"noexec, {kind}", f"{directory} is mounted noexec: {place.runs} cannot run", advice
        )
    return Finding(name, "ok", value, f"{directory} is writable" + (f", {free} MiB free" if free >= 0 else ""))


def _known(pair: str) -> bool:
    free, _rest, whole = pair.partition(":")
    return free.isdigit() and whole.isdigit() and whole != "0"  # some file systems count no inodes


def _free(pair: str) -> tuple[int, int]:
    free, _rest, whole = pair.partition(":")
    return int(free), int(whole)


def _scarce(free: int, whole: int) -> bool:
    return free < FEW_INODES or free * INODES_SHARE < whole


def account(facts: Facts) -> Iterator[Finding]:
    """Whether the user's account or password ends: sshd's PAM looks at both, whichever way one logs in."""
    told, user = facts.get("account", ""), facts.get("user", "unknown")
    if told in ("", "unreadable", "absent"):
        why = "it is no local account" if told == "absent" else "only root may read /etc/shadow"
        yield Finding("account", "ok", "unknown", f"whether {user}'s account ends could not be looked at: {why}")
        return
    changed, due, grace, ends = (*(_day(word) for word in told.split()), -1, -1, -1, -1)[:4]
    clock = facts.get("clock.begin", "")
    today = int(clock) // DAY if clock.isdigit() else 0
    yield _account(user, ends - today if ends > 0 else NEVER)
    if changed == 0:
        advice = f"set it (passwd {user}), or take the order back (chage -d $(date +%F) {user})"
        yield Finding(
            "password", "error", "must be changed", f"{user} must change the password at the next login", advice
        )
    elif changed > 0 and 0 <= due < NEVER:
        yield _password(user, changed + due - today, grace)


def _day(word: str) -> int:
    return int(word) if word.isdigit() else -1


def _account(user: str, left: int) -> Finding:
    advice = f"give Capra an account that does not end (chage -E -1 {user})"
    if left <= 0:
        return Finding("account", "error", "expired", f"the account of {user} has expired", advice)
    if left <= SOON:
        return Finding("account", "warning", f"{left} days", f"the account of {user} expires in {left} days", advice)
    return Finding("account", "ok", "valid", f"the account of {user} is valid")


def _password(user: str, left: int, grace: int) -> Finding:
    advice = f"give Capra an account whose password does not expire (chage -M -1 {user}): keys do not help against it"
    if left <= 0:
        still = f", and logins end {grace} days later" if grace >= 0 else ""
        return Finding("password", "error", "expired", f"the password of {user} has expired{still}", advice)
    level: Level = "warning" if left <= SOON else "ok"
    text = f"the password of {user} expires in {left} days"
    return Finding("password", level, f"{left} days", text, advice if level != "ok" else "")


def interpreter(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """What modules of Ansible run with, where they are asked for; Capra's own need none."""
    found = facts.get("python", "none")
    advice = "install python3 for modules of Ansible, or have hooks use ansible.builtin.raw and gather_facts: false"
    if limits.python and found == "none":
        yield Finding("python", "warning", found, "there is no python3", advice)
    elif limits.python:
        yield Finding("python", "ok", found, f"python is {found}")
