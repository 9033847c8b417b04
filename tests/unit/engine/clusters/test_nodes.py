"""Which Node is whose: the levels, and what is never done."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capra.engine.clusters.nodes import NAMED, Matching, Node, NodeOwner, match

ID = "remote-machine://192.0.2.7:22"
OWNER = NodeOwner("m", ID, "uid", host_name="host-7", addresses=("192.0.2.7", "10.0.0.7", "2001:db8::7"))
OTHER = NodeOwner("o", "remote-machine://192.0.2.8:22", "uid-2", host_name="host-8", addresses=("192.0.2.8",))


def node(name: str = "n", **told: object) -> Node:
    return replace(Node(name, host_names=(name,)), **told)  # type: ignore[arg-type]  # each test knows its fields


@pytest.mark.parametrize(
    "found",
    [
        node(machine="m"),
        node("m"),
        node("host-7"),
        node("HOST-7."),
        node(host_names=("n", "host-7")),
        node(addresses=("192.0.2.7",)),
        node(addresses=("10.0.0.7",)),
        node(addresses=("2001:0DB8:0:0::0007",)),
        node(addresses=("::ffff:10.0.0.7",)),
        node("10.0.0.7"),
    ],
)
def test_a_node_is_found_by(found: Node) -> None:
    bystanders = [node("x", addresses=("10.0.0.70",)), node("y", machine="y"), node("z", provider_id="other://z")]
    assert match([OWNER], [*bystanders, found]) == Matching(found={"m": found})


@pytest.mark.parametrize(
    "stranger",
    [
        node("m", provider_id="aws:///zone/i-1"),
        node(machine="m", provider_id="remote-machine://192.0.2.7:2222"),
        node("m", machine="somebody"),
        node("host-7", machine="somebody", addresses=("192.0.2.7",)),
        node("M"),
        node("host-70"),
        node(addresses=("192.0.2.70",)),
        node("localhost", host_names=("localhost",), addresses=("127.0.0.1", "::1", "169.254.1.1", "fe80::1%eth0")),
        node(addresses=("0.0.0.0", "::ffff:127.0.0.1", "224.0.0.1", "", "localhost")),
    ],
)
def test_a_node_is_not_found_by(stranger: Node) -> None:
    everywhere = ("127.0.0.1", "::1", "169.254.1.1", "fe80::1%eth0", "0.0.0.0", "::ffff:127.0.0.1", "224.0.0.1", "")
    owner = replace(OWNER, addresses=(*OWNER.addresses, *everywhere, "localhost"))
    assert match([owner, replace(owner, machine="q", provider_id="q", host_name="localhost")], [stranger]) == Matching()


def test_a_host_that_is_reached_by_a_dns_name_is_found_by_it() -> None:
    found = node(addresses=("10.0.0.9", "Worker-7.example.org"))
    assert match([NodeOwner("m", ID, addresses=("worker-7.example.org.",))], [found]).found == {"m": found}


def test_an_empty_host_name_finds_nothing() -> None:
    assert match([replace(OWNER, host_name="", addresses=())], [node(host_names=("n", ""))]) == Matching()


def test_the_first_level_that_has_a_node_decides() -> None:
    levels = [
        node("a", provider_id=ID),
        node("b", machine="m"),
        node("m"),
        node("host-7"),
        node("e", addresses=("10.0.0.7",)),
    ]
    assert match([OWNER], reversed(levels)) == Matching(settled=frozenset({"m"}))
    for first in range(1, len(levels)):
        assert match([OWNER], reversed(levels[first:])) == Matching(found={"m": levels[first]})


@pytest.mark.parametrize(
    "pair",
    [
        (node("a", provider_id=ID), node("b", provider_id=ID)),
        (node("a", machine="m"), node("b", machine="m")),
        (node("a", host_names=("host-7",)), node("b", host_names=("host-7",))),
        (node("a", addresses=("192.0.2.7",)), node("b", addresses=("10.0.0.7",))),
    ],
)
def test_two_candidates_are_none_and_the_levels_below_do_not_help(pair: tuple[Node, Node]) -> None:
    below = node("z", addresses=("192.0.2.7",)) if not pair[0].addresses else node("y", machine="y")
    assert match([OWNER], [*pair, below]) == Matching(problems={"m": "any of the Nodes a, b could be its own"})


def test_a_node_that_two_machines_claim_is_nobodys() -> None:
    disputed = node("host-7", addresses=("192.0.2.8",))
    assert match([OWNER, OTHER], [disputed]) == Matching(
        problems={
            "m": "Node host-7 could also be that of Machine o",
            "o": "Node host-7 could also be that of Machine m",
        }
    )


def test_a_provider_id_that_two_machines_have_is_given_to_no_node() -> None:
    twin = replace(OWNER, machine="t")
    found = match([OWNER, twin, OTHER], [node("m"), node("t"), node("host-8")])
    assert found.problems == {
        "m": "its provider ID is also that of Machine t",
        "t": "its provider ID is also that of Machine m",
    }
    assert set(found.found) == {"o"}


def test_the_trouble_of_one_machine_holds_up_no_other() -> None:
    nodes = [node("a", machine="m"), node("b", machine="m"), node("host-8")]
    assert set(match([OWNER, OTHER], nodes).found) == {"o"}


def test_whoever_could_have_several_claims_none_of_them() -> None:
    several = replace(OWNER, addresses=("192.0.2.7", "192.0.2.8"))
    one, two = node("n-1", addresses=("192.0.2.8",)), node("n-2", addresses=("192.0.2.7",))
    matching = match([several, OTHER], [one, two])
    assert matching.found == {"o": one}
    assert matching.problems.keys() == {"m"}


@pytest.mark.parametrize(("more", "told"), [(0, ""), (1, ", 1 more")])
def test_so_many_candidates_are_named(more: int, told: str) -> None:
    nodes = [node(f"n-{number:02}", addresses=("192.0.2.7",)) for number in range(NAMED + more)]
    names = ", ".join(f"n-{number:02}" for number in range(NAMED))
    assert f"any of the Nodes {names}{told} could be its own" in match([OWNER], nodes).problems["m"]


def test_thousands_of_nodes_are_matched_in_a_moment() -> None:
    places = [(f"10.{one}.{two}.1", f"h{one}-{two}") for one in range(40) for two in range(100)]
    nodes = [node(name, addresses=(address, "127.0.0.1")) for address, name in places]
    owners = [NodeOwner(f"m-{name}", address, addresses=(address,)) for address, name in places]
    begun = time.process_time()
    assert len(match(owners, nodes).found) == len(places)
    assert time.process_time() - begun < 5.0


NAMES = st.sampled_from(["a", "b", "c", "A", "localhost", ""])
IDS = st.sampled_from(["id:a", "id:b", "id:c"])
ADDRESSES = st.lists(
    st.sampled_from(["10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "2001:db8::1", "2001:DB8:0::1", "127.0.0.1", "a"]),
    max_size=2,
).map(tuple)
CLAIMS = st.lists(
    st.builds(NodeOwner, NAMES.filter(bool), IDS, host_name=NAMES, addresses=ADDRESSES),
    unique_by=lambda one: one.machine,
)
NODES = st.lists(
    st.builds(
        Node,
        NAMES.filter(bool),
        st.just("") | IDS | st.just("id:foreign"),
        NAMES,
        st.lists(NAMES, max_size=2).map(tuple),
        ADDRESSES,
    ),
    unique_by=lambda one: one.name,
)


@given(CLAIMS, NODES)
def test_no_node_for_two_machines_and_none_that_is_taken(owners: list[NodeOwner], nodes: list[Node]) -> None:
    result = match(owners, nodes)
    by_name = {owner.machine: owner for owner in owners}
    assert all(count == 1 for count in Counter(one.name for one in result.found.values()).values())
    for machine, given_to in result.found.items():
        assert given_to in nodes
        assert given_to.provider_id == ""
        assert given_to.machine in {"", machine}
    for machine in result.settled:
        assert [one.provider_id for one in nodes].count(by_name[machine].provider_id) == 1
    after = [one.provider_id for one in nodes if one.provider_id in {owner.provider_id for owner in owners}]
    after += [by_name[machine].provider_id for machine in result.found]
    assert not {one for one, count in Counter(after).items() if count > 1} & {
        by_name[machine].provider_id for machine in result.found
    }
    parts = [set(result.found), set(result.settled), set(result.problems)]
    assert sum(map(len, parts)) == len(set().union(*parts))


@given(CLAIMS, NODES, st.randoms())
def test_the_order_makes_no_difference(owners: list[NodeOwner], nodes: list[Node], chance: object) -> None:
    mixed_owners, mixed_nodes = list(owners), list(nodes)
    chance.shuffle(mixed_owners)  # type: ignore[attr-defined]  # a random.Random
    chance.shuffle(mixed_nodes)  # type: ignore[attr-defined]
    assert match(mixed_owners, mixed_nodes) == match(owners, nodes)


@given(CLAIMS, NODES)
def test_what_was_found_is_settled_once_it_is_written(owners: list[NodeOwner], nodes: list[Node]) -> None:
    first = match(owners, nodes)
    ids = {owner.machine: owner.provider_id for owner in owners}
    written = {given_to.name: replace(given_to, provider_id=ids[name]) for name, given_to in first.found.items()}
    second = match(owners, [written.get(one.name, one) for one in nodes])
    assert second.settled >= first.settled | set(first.found)
