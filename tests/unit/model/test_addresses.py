"""One form for all spellings of an address, and none that only looks like one."""

from __future__ import annotations

import ipaddress
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capra.model import checks
from capra.model.host_port import known_hosts_name


@pytest.mark.parametrize(
    ("spellings", "form"),
    [
        (
            ["192.0.2.3", "::ffff:192.0.2.3", "::FFFF:192.0.2.3", "::ffff:c000:203", "0:0:0:0:0:ffff:c000:0203"],
            "192.0.2.3",
        ),
        (["2001:db8::1", "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:0db8::0001"], "2001:db8::1"),
        (["node.example.org", "Node.Example.ORG", "node.example.org."], "node.example.org"),
        (["fe80::1%eth0", "FE80::0001%eth0"], "fe80::1%eth0"),
    ],
)
def test_spellings(spellings: list[str], form: str) -> None:
    for spelling in spellings:
        assert checks.address(spelling) == spelling
        assert checks.same_address(spelling) == form
        assert known_hosts_name(spelling, 22) == form
        assert known_hosts_name(spelling, 23) == f"[{form}]:23"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fe80::1%eth0", "fe80::1%eth1"),
        ("fe80::1%eth0", "fe80::1%ETH0"),
        ("fe80::1", "fe80::1%eth0"),
        ("::192.0.2.3", "192.0.2.3"),
        ("node", "node.example.org"),
    ],
)
def test_what_is_not_the_same(one: str, other: str) -> None:
    assert checks.same_address(one) != checks.same_address(other)


@pytest.mark.parametrize(
    "value",
    [
        "192.0.2.03",
        "192.0.02.3",
        "0300.0.2.3",
        "192.0.2.300",
        "192.0.2",
        "192.0.515",
        "192.0.2.3.",
        "192.0.2.3.4",
        "3221225987",
        "0xc0000203",
        "0XC0.0x0.0x2.3",
        "192.0.2.0x3",
        "0x",
    ],
)
def test_numbers_that_ssh_may_take_for_an_address(value: str) -> None:
    with pytest.raises(ValueError, match="looks like an IPv4 address and is none"):
        checks.address(value)


@pytest.mark.parametrize("value", ["0xc0ffee.example.org", "3com.example.org", "x0", "10-0-0-7", "1.example", "0xg"])
def test_names_that_only_begin_like_numbers(value: str) -> None:
    assert checks.address(value) == value


@given(st.ip_addresses())
def test_every_address_has_one_form(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    form = checks.same_address(str(address))
    assert checks.same_address(form) == form
    if isinstance(address, ipaddress.IPv6Address):
        assert checks.same_address(address.exploded) == checks.same_address(str(address).upper()) == form
    else:
        assert checks.same_address(f"::ffff:{address}") == form == str(address)


LOGIN_NAMES = (
    *("root", "first.last", "_svc-1", "app$", "1000", "ä", "a+b", "a#b", "a~b", "a%b", "a=b"),
    *("EXAMPLE\\ops", "ops@example.com"),  # of a directory service
    *("ops/sysadm_r", "ops:style"),  # what an sshd may take a role or a style from
)


@pytest.mark.parametrize("name", LOGIN_NAMES)
def test_login_names_that_ssh_takes(name: str) -> None:
    assert checks.user(name) == name


@pytest.mark.parametrize("character", "'`\";&<>|(){}")
def test_login_names_that_ssh_refuses(character: str) -> None:
    """The word of OpenSSH itself: it ends before it connects to anything."""
    name = f"a{character}b"
    with pytest.raises(ValueError, match="which OpenSSH refuses"):
        checks.user(name)
    command = ["ssh", "-F", "none", "-l", name, "-p", "1", "127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert "remote username contains invalid characters" in done.stderr
