"""All that a command makes: told only where it is certain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.capra.machine.plugins.plugin_utils.effects import effects


@pytest.mark.parametrize(
    ("command", "made"),
    [
        ("mkdir /run/a", ["/run/a"]),
        ("mkdir -p /run/a/b /run/c", ["/run/a/b", "/run/c"]),
        ("mkdir -m 0700 -p '/run/a b'", ["/run/a b"]),
        ("install -d -m 0755 -o root /run/kubeadm", ["/run/kubeadm"]),
        ("install -m 0600 /etc/a /run/a", ["/run/a"]),
        ("mkdir -p /run/a && touch /run/a/b; chmod 0600 /run/a/b", ["/run/a", "/run/a/b"]),
        ("mkdir -p /run/a\nchown root:root /run/a\n", ["/run/a"]),
        ("cp /etc/a /run/b", ["/run/b"]),
        ("ln -sf /etc/a /run/b", ["/run/b"]),
        ("echo 1 > /proc/sys/net/ipv4/ip_forward", ["/proc/sys/net/ipv4/ip_forward"]),
        ("cat /etc/a >>/run/b", ["/run/b"]),
        ('printf "a b" > "/run/b"', ["/run/b"]),
        ("modprobe br_netfilter && sysctl -w net.ipv4.ip_forward=1", ["/proc/modules", "/proc/sys"]),
        ("swapoff -a", ["/proc/swaps"]),
        ("mkdir /run/a >/dev/null", ["/run/a"]),
    ],
)
def test_known_preparations(command: str, made: list[str]) -> None:
    assert sorted(effects(command)) == sorted(made)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "true",
        "echo hello",
        "kubeadm join --config /run/kubeadm/join.yaml && touch /run/cluster-api/complete",
        "mkdir -p /run/a && k0s start",
        "cat /run/kubeadm/join.yaml > /var/joined; k0s start",
        "mkdir -p $HOME/a",
        "mkdir -p /run/$(k0s start)",
        "mkdir -p /run/`k0s start`",
        "mkdir /run/{a,b}",
        "mkdir /run/a | k0s start",
        "mkdir /run/a || k0s start",
        "mkdir /run/a & k0s start",
        "(k0s start)",
        "mkdir run/a",
        "mkdir /run/../etc/a",
        "cp -t /etc /run/a",
        "cp --target-directory=/etc /run/a /run/b",
        "install -D /run/a /etc/b",
        "chmod 0600",
        "cp /run/a",
        "echo a > b",
        "echo a >",
        "echo a 2>&1",
        "touch /run/*",
        "mkdir '/run/a",
        "A=1 mkdir /run/a",
        "if true; then mkdir /run/a; fi",
        "/bin/mkdir /run/a",
        "mkdir /run/a # k0s start",
        "systemctl start k0s",
        "mkdir /run/a \\\n&& k0s start",
    ],
)
def test_what_is_not_told(command: str) -> None:
    assert effects(command) == ()


@given(st.text(max_size=80), st.sampled_from(["k0s start", "kubeadm init", "reboot"]))
def test_another_program_is_never_overlooked(text: str, other: str) -> None:
    """Whatever stands before it, joined as commands are joined."""
    for between in (" && ", "; ", "\n"):
        assert effects(f"mkdir /run/a{between}{other}{between}{text}") == ()


def test_lasting_places_are_told_as_well() -> None:
    """The host decides which places last."""
    assert effects("mkdir -p /run/a && echo 1 > /etc/b") == ("/run/a", "/etc/b")
