"""What a host says of itself is believed as far as it is a name and an address, and never as text."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.capra.machine.plugins.plugin_utils.facts import HostFacts, host_facts
from ansible_collections.capra.machine.plugins.plugin_utils.payload import parse_report

LONGEST = ".".join(["a" * 63] * 3 + ["a" * 61])


@pytest.mark.parametrize("name", ["a", "node-0", "Node-0.example.org", "0", "my_host", "10.0.0.1", LONGEST, "x" * 63])
def test_a_name(name: str) -> None:
    assert host_facts([name]) == HostFacts(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "-a",
        "a-",
        ".",
        "a.",
        ".a",
        "a..b",
        "x" * 64,
        f"{LONGEST}a",
        "a\n",
        "a b",
        "é",
        "a/b",
        "a\x1b[31m",
        "\u0661",
    ],
)
def test_no_name(name: str) -> None:
    assert host_facts([name]) == HostFacts()


@pytest.mark.parametrize(
    ("said", "kept"),
    [("192.0.2.7", "192.0.2.7"), ("2001:DB8:0::7", "2001:db8::7"), ("10.1.2.3", "10.1.2.3"), ("fd00::1", "fd00::1")],
)
def test_an_address(said: str, kept: str) -> None:
    assert host_facts(["-", said]) == HostFacts("", (kept,))


@pytest.mark.parametrize(
    "said",
    [
        *(
            "",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.07",
            "192.0.2.7/24",
            "3221225991",
            "node-0",
            "192.0.2.7\n",
            "1" * 10000,
        ),
        *(
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "::",
            "169.254.0.1",
            "fe80::1",
            "fe80::1%eth0",
            "2001:db8::7%a b",
            "224.0.0.1",
        ),
    ],
)
def test_no_address(said: str) -> None:
    assert host_facts(["node-0", said]) == HostFacts("node-0")


def test_one_address_is_all_that_is_taken() -> None:
    assert host_facts(["node-0", "192.0.2.7", "192.0.2.8"]) == HostFacts("node-0", ("192.0.2.7",))


@given(st.lists(st.text(max_size=300), max_size=5))
@example([])
@example(["a" * 300])
def test_nothing_else_comes_through(words: list[str]) -> None:
    facts = host_facts(words)

    assert re.fullmatch(r"[A-Za-z0-9._-]{0,253}", facts.hostname)
    assert [str(ipaddress.ip_address(address)) for address in facts.addresses] == list(facts.addresses)


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("host node-0 192.0.2.7", HostFacts("node-0", ("192.0.2.7",))),
        ("host node-0 ", HostFacts("node-0")),
        ("host node-0", HostFacts("node-0")),
        ("host", HostFacts()),
        ("hostile node-0", HostFacts()),
        ("state ended", HostFacts()),
    ],
)
def test_the_line_of_a_report(line: str, facts: HostFacts) -> None:
    report = parse_report(f"capra begin\n{line}\nboot b\ncapra end\n")

    assert report.host == facts
    assert (report.boot, report.complete) == ("b", True)
