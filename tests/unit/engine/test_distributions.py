"""What a host shows → the distributions that have made it a node, and the next to clean."""

from __future__ import annotations

import pytest

from capra.engine.distributions import distributions_on, with_choice


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, ()),
        ({"services": "k3s-agent"}, ("k3s",)),
        ({"services": "k0sworker", "data": "/var/lib/k0s /etc/k0s"}, ("k0s",)),
        # A service of a package, and directories that many have, tell nothing.
        ({"services": "kubelet", "programs": "/usr/bin/kubeadm /usr/bin/kubelet", "data": "/var/lib/kubelet"}, ()),
        ({"kubeadm": "/etc/kubernetes/admin.conf", "services": "kubelet"}, ("kubeadm",)),
        # A service says more than what another has left.
        ({"services": "rke2-server", "data": "/var/lib/rancher/k3s /var/lib/k0s"}, ("rke2", "k3s", "k0s")),
        ({"services": "; rm -rf / k0s", "data": "/var/lib/rancher/k3s/../x"}, ()),
    ],
)
def test_found(facts: dict[str, str], found: tuple[str, ...]) -> None:
    assert distributions_on({f"here.{name}": value for name, value in facts.items()}) == found


def test_what_is_no_text_tells_nothing() -> None:
    assert distributions_on({"here.services": ["k3s"], "here.data": None}) == ()


@pytest.mark.parametrize(
    ("tried", "data", "now"),
    [
        ((), "", ("k0s",)),
        ((), "/var/lib/rancher/rke2 /etc/k0s", ("rke2",)),
        (("rke2",), "/var/lib/rancher/rke2 /etc/k0s", ("rke2", "k0s")),
        # All of them have had their turn: once more.
        (("rke2", "k0s"), "/var/lib/rancher/rke2 /etc/k0s", ("k0s", "rke2")),
        (("rke2",), "", ("rke2", "k0s")),
        (("k0s",), "", ("k0s",)),
    ],
)
def test_the_next(tried: tuple[str, ...], data: str, now: tuple[str, ...]) -> None:
    assert with_choice(tried, {"here.data": data}) == now
