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
        ("mkdir -pvm 0700 /run/a", ["/run/a"]),
        ("mkdir -pm0700 /run/a", ["/run/a"]),
        ("mkdir --mode 0700 --parents -- /run/a", ["/run/a"]),
        ("mkdir --mode=0700 /run/a", ["/run/a"]),
        ("install -vm 0600 -o root --group=root /etc/a /run/a", ["/run/a"]),
        ("cp -rp /etc/a /run/b", ["/run/b"]),
        ("chmod -R 0700 /run/a", ["/run/a"]),
        ("chown -hR root:root /run/a", ["/run/a"]),
        ("sysctl -qp /etc/sysctl.d/k8s.conf; modprobe -a overlay br_netfilter", ["/proc/sys", "/proc/modules"]),
        ("mkdir -p /dev/shm/a", ["/dev/shm/a"]),
        ("ln -s /etc/a /run/a && touch /run/ab", ["/run/a", "/run/ab"]),
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
        "ln -sft /etc/target /run/a /run/b",
        "ln -sf --target-directory /etc /run/a /run/b",
        "cp -rt /var/lib/d /run/a /run/b",
        "cp --target /var/lib/d /run/a /run/b",
        "cp -b /run/a /run/b",
        "cp -S.old /run/a /run/b",
        "install -vt /var/x /run/a",
        "install -dt /var/x /run/a",
        "install -Dm0600 /run/a /run/b",
        "install -sm0600 /run/a /run/b",
        "chmod --reference=/run/x /var/lib/y /run/z",
        "chmod --reference /run/x /var/lib/y /run/z",
        "chown --from=root:root /var/lib/y /run/z",
        "chown --reference=/run/x /var/lib/y /run/z",
        "chown -LR root /run/z",
        "mkdir -Z /run/a",
        "mkdir --mod 0700 /run/a",
        "mkdir --parents=yes /run/a",
        "touch -r /var/x /run/a",
        "modprobe -C /run/c br_netfilter",
        "modprobe -r br_netfilter",
        "sysctl --pattern x -p",
        "ln -s /etc /run/a && touch /run/a/b",
        "ln -s /etc/hosts /run/a; echo x >> /run/a",
        "echo x > /dev/zero",
        "cat /run/img > /dev/vda",
        "cat /run/img > //dev/./vda",
        "cp /img /dev/sdb",
        "ln -s /run/a /dev/a",
        "echo x > /dev/shm",
        "echo b > /proc/sysrq-trigger",
        "echo 1 > /sys/block/sdb/device/delete",
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
