"""An example of a cluster's machines, hosts and kept runs, the same each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capra.kube.cache.cache import Cache
from capra.kube.client.resources import ENTRIES, MACHINES, POOL_ENTRY
from capra.model.status import timestamp
from capra.runs.kept.kept_run import KeptRun, KeptStep

NOW = 1_790_000_000.0
"""Seconds since the epoch at which all of it is looked at."""

NAMESPACE = "team-a"
FAILED_STEP = (
    "step 4/5 'curl -sfL https://get.example.com/install.sh | sh' failed with status 6:"
    " curl: (6) Could not resolve host: get.example.com"
)
TITLES = (
    "hostname",
    "write /etc/k0s.token",
    "mount /var/lib/etcd",
    "curl -sfL https://get.example.com/install.sh | sh",
    "k0s install worker --token-file /etc/k0s.token",
)


def _condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    since = timestamp(NOW - 600)
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def _metadata(name: str, namespace: str, **annotations: str) -> dict[str, Any]:
    version = {"uid": f"uid-{namespace}-{name}", "resourceVersion": "1"}
    return {"name": name, "namespace": namespace, "annotations": annotations, **version}


def machine(number: int, namespace: str = NAMESPACE) -> Mapping[str, Any]:
    """Of ten machines one has failed, one is bootstrapped, and the others are well."""
    name, kind = f"workers-{number}", number % 10
    status: dict[str, Any] = {"phase": "Provisioned", "conditions": [_condition("Ready", "True", "Ready")]}
    if kind == 3:
        ready = _condition("Ready", "False", "StepFailed", FAILED_STEP)
        reachable = _condition("SSHReachable", "True", "Connected")
        status = {"phase": "Failed", "conditions": [reachable, ready], "nextAttemptTime": timestamp(NOW + 240)}
    if kind == 7:
        ready = _condition("Ready", "False", "Bootstrapping", f"step 4/5 {TITLES[3]}: running since 42 s")
        progress = {"step": 4, "steps": 5, "title": TITLES[3], "since": timestamp(NOW - 42)}
        status = {"phase": "Bootstrapping", "conditions": [ready], "progress": progress}
    annotations = {POOL_ENTRY: f"rack-1-{number}"} if number < 10 else {}
    return {
        "metadata": _metadata(name, namespace, **annotations),
        "spec": {"address": f"192.0.2.{number % 250 + 1}", "port": 22},
        "status": status,
    }


def entry(number: int, namespace: str = NAMESPACE) -> Mapping[str, Any]:
    """The first ones are held by machines."""
    state, message, held = "Reserved", "", f"workers-{number}"
    if number >= 5:
        state, held = "Available", ""
    if number == 6:
        state, message = "Quarantined", "HostNotClean: /var/lib/k0s is a mount point; unmount it"
    if number == 7:
        state, message = "Unavailable", "connect to 192.0.2.8 port 22: No route to host"
    return {
        "metadata": _metadata(f"rack-1-{number}", namespace),
        "spec": {"pool": "rack-1", "machine": {"address": f"192.0.2.{number % 250 + 1}", "port": 22}},
        "status": {"state": state, "message": message, **({"machineRef": {"name": held}} if held else {})},
    }


def filled_cache(machines: int = 10, entries: int = 8, namespaces: tuple[str, ...] = (NAMESPACE,)) -> Cache:
    """A cache with so many of each in each namespace."""
    cache = Cache()
    for namespace in namespaces:
        for number in range(machines):
            cache.put(MACHINES, machine(number, namespace))
        for number in range(entries):
            cache.put(ENTRIES, entry(number, namespace))
    return cache


def runs() -> Iterator[KeptRun]:
    """Of the machine that has failed: two attempts."""
    for begun, secret in ((NOW - 1200, "a1b2c3"), (NOW - 310, "d4e5f6")):
        yield KeptRun(
            name=f"{timestamp(begun).replace('-', '').replace(':', '').rstrip('Z')}-bootstrap-{secret}",
            kind=MACHINES,
            namespace=NAMESPACE,
            machine="workers-3",
            playbook="bootstrap",
            begun=begun,
            ended=begun + 9.5,
            outcome="StepFailed",
            message=f"{FAILED_STEP}\ncurl: (6) Could not resolve host: get.example.com",
            steps=tuple(_step(number) for number in range(len(TITLES))),
        )


def _step(number: int) -> KeptStep:
    if number == 3:
        said = "curl: (6) Could not resolve host: get.example.com\n"
        return KeptStep(number + 1, TITLES[number], "failed", 6, 6.1, said)
    state = "ok" if number < 3 else "pending"
    return KeptStep(number + 1, TITLES[number], state, 0 if number < 3 else None, 0.4 if number < 3 else 0.0)
