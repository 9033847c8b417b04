"""Hosts with ports: what is shown can be read again, and a shell takes it for one word."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capra.engine.outcome import judge
from capra.model.host_port import join_host_port, known_hosts_name, shell_word, split_host_port, ssh_place
from capra.model.machine import MachineSpec, RemoteMachine
from capra.model.run import Connection, Playbook, RunRequest, RunResult, RunSecrets, TaskEvent
from tests.unit.engine.examples import KEY

PACKAGE = Path(__file__).parents[3] / "provider" / "capra"

addresses = st.one_of(
    st.ip_addresses().map(str),
    st.builds("{}%{}".format, st.ip_addresses(v=6), st.from_regex(r"[a-z][a-z0-9._-]{0,14}", fullmatch=True)),
    st.from_regex(r"[a-z][a-z0-9]{0,20}(\.[a-z]{1,9}){0,3}", fullmatch=True),
)


@given(addresses, st.integers(1, 65535))
def test_what_is_shown_can_be_read_again(address: str, port: int) -> None:
    assert split_host_port(join_host_port(address, port)) == (address, port)
    assert ssh_place(join_host_port(address, port)) == (address, port)
    assert ssh_place(address) == (address, 22)
    assert shlex.split(shell_word(address, port)) == [join_host_port(address, port)]


@given(addresses, st.integers(1, 65535))
def test_the_printed_command_names_the_host(address: str, port: int) -> None:
    request = RunRequest(KEY, Playbook.BOOTSTRAP, Connection(address, port), {}, RunSecrets())
    event = TaskEvent("runner_on_unreachable", "Work", {"msg": "via ssh: Host key verification failed."})
    message = judge(request, RunResult((event,), {"dark": 1})).message
    printed = shlex.split(message[message.index("capra trust") :].replace("'s", ""))
    assert ssh_place(printed[2]) == (address, port)


@pytest.mark.parametrize(
    "text", ["fe80::1%eth0:22", "[fe80::1%eth0:22]", "[192.0.2.1]:22", "[node]:22", "fe80::1%", "[]:22", "fe80::1%a b"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|looks like"):
        ssh_place(text)


def test_names_of_known_hosts() -> None:
    assert known_hosts_name("FE80::1%eth0", 22) == "fe80::1%eth0"
    assert known_hosts_name("2001:DB8:0::1", 2222) == "[2001:db8::1]:2222"
    assert known_hosts_name("Node.Example.", 22) == "node.example"


def test_the_provider_id_has_the_form_of_the_reference() -> None:
    assert RemoteMachine(KEY, MachineSpec(address="2001:db8::1")).provider_id == "remote-machine://2001:db8::1:22"


def test_nobody_joins_them_by_hand() -> None:
    by_hand = re.compile(r"(host|address)\}:\{[^}]*port\}")
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if by_hand.search(path.read_text()) and path.name != "host_port.py"
    }
    # The provider ID is the reference's, which knows no brackets.
    assert found == {"model/machine.py"}
