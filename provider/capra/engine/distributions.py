"""Which distribution's cleanup a host needs: by the Machine's bootstrap kind, else by what is on the host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.model.observation import Record
from capra.model.run import OutcomeKind

K0S_ROLES = {"K0sControllerConfig": "controller", "K0sWorkerConfig": "worker"}
"""Bootstrap config kinds whose hosts have a default cleanup, and the role they give (docs/reference/contract.md)."""

BY_KIND = {
    **dict.fromkeys(K0S_ROLES, "k0s"),
    "KubeadmConfig": "kubeadm",
    "RKE2Config": "rke2",
    "KThreesConfig": "k3s",
}
"""The distribution of each bootstrap config kind that has one."""

FALLBACK = "k0s"
"""For a host that shows none: its cleanup is harmless there, and looks for leftovers of every distribution."""

_FACTS: Mapping[str, Mapping[str, str]] = {
    "here.services": {
        "rke2-server": "rke2",
        "rke2-agent": "rke2",
        "k3s": "k3s",
        "k3s-agent": "k3s",
        "k0scontroller": "k0s",
        "k0sworker": "k0s",
    },
    "here.kubeadm": dict.fromkeys(
        (
            "/etc/kubernetes/admin.conf",
            "/etc/kubernetes/kubelet.conf",
            "/etc/kubernetes/bootstrap-kubelet.conf",
            "/etc/kubernetes/manifests/kube-apiserver.yaml",
            "/var/lib/kubelet/kubeadm-flags.env",
        ),
        "kubeadm",
    ),
    "here.data": {
        "/var/lib/rancher/rke2": "rke2",
        "/var/lib/rancher/k3s": "k3s",
        "/var/lib/k0s": "k0s",
        "/etc/k0s": "k0s",
    },
}
"""The preflight's facts, the plainest first, and what their words mean. All are from places that only root writes to.
A kubelet service, or a program, proves nothing: an image may ship it for a later bootstrap."""


def distributions_on(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The distributions that have made the host a node, the plainest first. facts: of a preflight."""
    found = [told[word] for name, told in _FACTS.items() for word in str(facts.get(name, "")).split() if word in told]
    return tuple(dict.fromkeys(found))


def chosen(record: Record) -> str:
    """The distribution whose cleanup a record goes on with; empty where the host has to be asked: at the beginning,
    and again where something was left after it, since a host may have been a node of several."""
    if not record.distributions or record.reason == OutcomeKind.HOST_NOT_CLEAN:
        return ""
    return record.distributions[-1]


def with_choice(tried: tuple[str, ...], facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What was tried, then what to try now: the plainest not yet tried, else the plainest of all once more."""
    found = distributions_on(facts)
    new = next((one for one in found if one not in tried), None) or (found[0] if found else FALLBACK)
    return (*(one for one in tried if one != new), new)
