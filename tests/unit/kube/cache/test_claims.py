"""Who holds which entry of a pool, and which entries are to be had."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.cache import claims
from capra.kube.client.resources import POOL_COMMANDS, POOL_ENTRY, QUARANTINED, Raw, name_of
from capra.kube.objects import places, record
from capra.model.machine import PAUSED_ANNOTATION
from capra.model.observation import Phase
from capra.model.pool import Holder
from tests.unit.kube.pool_examples import cache, entry, machine

FILTER = ("cluster.x-k8s.io/watch-filter", "w")


def names(entries: Any) -> list[str]:
    return [name_of(one) for one in entries]


HERE = machine(address="e.example.org")


@pytest.mark.parametrize(
    ("claimant", "claimed", "holds"),
    [
        pytest.param(machine(), entry(holder="m/uid-m/uid-e"), True, id="by its UID"),
        pytest.param(machine(), entry(holder="m/uid-m/uid-e", in_pool="q"), True, id="in whatever pool it is by now"),
        pytest.param(machine(), entry(holder="m/another/uid-e"), False, id="an earlier machine of its name"),
        pytest.param(machine(), entry(holder="n/uid-n/uid-e"), False, id="another machine"),
        pytest.param(machine(), entry(), False, id="a free entry"),
        # The reference's reservations have only a name.
        pytest.param(machine(), entry(reserved_by="m"), True, id="by its name in the status"),
        pytest.param(machine(), entry(reserved_by="n"), False, id="another name in the status"),
        pytest.param(machine(), entry(reserved_by="m", in_pool="q"), False, id="by its name in another pool"),
        pytest.param(machine(), entry(holder="", reserved_by="m"), False, id="the annotation counts before the status"),
        # What lost its reservation.
        pytest.param(HERE, entry(), True, id="by its address"),
        pytest.param(machine(address="E.example.org"), entry(), True, id="by its address, written otherwise"),
        pytest.param(HERE, entry(holder=""), True, id="by its address, after the entry was given back"),
        pytest.param(HERE, entry(port=2222), False, id="another port"),
        pytest.param(machine(address="e.example.org", port=2222), entry(port=2222), True, id="the same port"),
        pytest.param(HERE, entry(in_pool="q"), False, id="by its address in another pool"),
        pytest.param(
            machine(address="e.example.org", pool=""), entry(in_pool=""), False, id="by its address in no pool"
        ),
        pytest.param(machine(address=""), entry(address=""), False, id="no address is no claim"),
        pytest.param(HERE, entry(holder="n/uid-n/uid-e"), False, id="by its address, and another holds it"),
        pytest.param(
            machine(address="e.example.org", phase=Phase.CLEAN),
            entry(),
            False,
            id="by its address, and cleaned already",
        ),
        pytest.param(
            machine(address="e.example.org", phase=Phase.PROVISIONED), entry(), True, id="at work, by its address"
        ),
        # After a move every UID is another.
        pytest.param(
            machine(annotations={POOL_ENTRY: "e"}), entry(holder="m/uid-before/uid-e-before"), True, id="after a move"
        ),
        pytest.param(
            machine(annotations={POOL_ENTRY: "f"}),
            entry(holder="m/uid-before/uid-e-before"),
            False,
            id="moved, another's",
        ),
        pytest.param(
            machine(name="n", annotations={POOL_ENTRY: "e"}),
            entry(holder="m/uid-before/x"),
            False,
            id="moved, another name",
        ),
    ],
)
def test_who_holds_an_entry(claimant: Raw, claimed: Raw, holds: bool) -> None:
    known = cache(claimant, claimed)

    assert names(claims.held_by(known, claimant)) == (["e"] if holds else [])
    assert claims.claimant(known, claimed) == (claimant if holds else None)


def test_entries_of_other_namespaces_are_not_held() -> None:
    one = machine(namespace="other")

    assert claims.held_by(cache(one, entry(holder="m/uid-m/uid-e")), one) == []


def test_the_entry_that_it_uses_comes_first() -> None:
    held = [entry(name, holder=f"m/uid-m/uid-{name}") for name in ("a", "b", "c")]
    plain, placed = machine(), machine(address="c.example.org")
    noted = machine(address="c.example.org", annotations={POOL_ENTRY: "b"})

    assert names(claims.held_by(cache(*held), plain)) == ["a", "b", "c"]
    assert names(claims.held_by(cache(*held), placed)) == ["c", "a", "b"]
    assert names(claims.held_by(cache(*held), noted)) == ["b", "c", "a"]


def test_the_claimant_of_a_reservation_must_be_there() -> None:
    assert claims.claimant(cache(machine("n")), entry(holder="m/uid-m/uid-e")) is None
    assert claims.claimant(cache(machine()), entry()) is None


def test_entries_that_a_machine_has_a_say_in() -> None:
    seen = machine(address="place.example.org", annotations={POOL_ENTRY: "noted"})
    entries = [
        entry("by-uid", holder="x/uid-m/u"),
        entry("by-name", holder="m/another/u"),
        entry("noted"),
        entry("placed", address="place.example.org"),
        entry("other", holder="n/uid-n/u"),
        entry("free"),
        entry("zone"),
    ]

    assert names(claims.related(cache(*entries), seen)) == ["by-name", "by-uid", "noted", "placed"]


@pytest.mark.parametrize(
    ("raw", "speaks_against"),
    [
        pytest.param(entry(), "", id="free"),
        pytest.param(entry(holder=""), "", id="given back"),
        pytest.param(entry(holder="n/uid-n/uid-e"), "is reserved by n", id="held"),
        pytest.param(entry(reserved_by="n"), "is reserved by n", id="held in the status"),
        pytest.param(entry(annotations={QUARANTINED: "dirty"}), "is quarantined", id="quarantined"),
        pytest.param(entry(annotations={PAUSED_ANNOTATION: ""}), "is paused", id="paused"),
        pytest.param(entry(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), "is being deleted", id="deleted"),
        pytest.param(entry(sshKeyRef={"name": "k"}), "lacks its key: there is no Secret k", id="no Secret"),
        pytest.param(entry(sshKeyRef={}), "lacks its key: spec.machine.sshKeyRef.name is empty", id="no key"),
        pytest.param(
            entry(port=0), "has a mistake in spec.machine.port: must be between 1 and 65535, but is 0", id="mistake"
        ),
        pytest.param(entry(address="used.example.org"), "has the address of RemoteMachine default/x", id="used"),
    ],
)
def test_what_speaks_against_an_entry(raw: Raw, speaks_against: str) -> None:
    user = machine("x", "uid-x", Phase.PROVISIONED, address="used.example.org", pool="")

    [found] = claims.candidates(cache(raw, user), machine())

    assert found.unavailable == speaks_against


DIRTY = {QUARANTINED: "dirty"}
SPELLINGS = ("192.0.2.3", "::ffff:192.0.2.3")


@pytest.mark.parametrize("address", SPELLINGS)
def test_an_entry_whose_host_another_one_has_in_quarantine(address: str) -> None:
    """The same host under another name: whoever handed it out would hand out what is dirty."""
    dirty = entry("dirty", annotations=DIRTY, in_pool="q", address="192.0.2.3")

    [found] = claims.candidates(cache(dirty, entry(address=address)), machine())

    assert found.unavailable == "has the address of PooledRemoteMachine default/dirty, which is in quarantine"


@pytest.mark.parametrize(
    "clean", [entry("x", address="192.0.2.3"), entry("x", address="192.0.2.3", port=23, annotations=DIRTY)]
)
def test_an_entry_whose_host_nobody_has_in_quarantine(clean: Raw) -> None:
    [found] = claims.candidates(cache(clean, entry(address="192.0.2.3")), machine(pool="p"))[:1]

    assert found.unavailable == ""


def test_a_machine_whose_host_an_entry_has_in_quarantine() -> None:
    dirty = entry("dirty", annotations=DIRTY, address="192.0.2.3")

    for address in SPELLINGS:
        assert claims.in_quarantine(cache(dirty), machine(address=address)) == "default/dirty"
    assert claims.in_quarantine(cache(dirty), machine(address="192.0.2.4")) == ""
    assert claims.in_quarantine(cache(entry(address="")), machine(address="")) == ""


@pytest.mark.parametrize(
    ("claimant", "holds"),
    [
        pytest.param(HERE, False, id="about to begin"),
        pytest.param(machine(address="e.example.org", phase=Phase.NEW), False, id="about to begin, and noted so"),
        pytest.param(machine(address="e.example.org", phase=Phase.CLEANING), True, id="being cleaned"),
        pytest.param(machine(address="e.example.org", phase=Phase.PROVISIONED), True, id="at work"),
        pytest.param(machine(address="e.example.org", providerID="remote-machine://e"), True, id="at work, by its ID"),
    ],
)
def test_an_entry_in_quarantine_is_claimed_by_no_address(claimant: Raw, holds: bool) -> None:
    """The entry's own host is dirty: a machine that has not begun there gets no claim to it, and so cannot begin."""
    dirty = entry(annotations=DIRTY)

    assert names(claims.held_by(cache(dirty), claimant)) == (["e"] if holds else [])


def test_another_namespace_says_nothing_here() -> None:
    """Whoever may write there could say anything: only the host itself is believed across namespaces."""
    liars = [
        machine("x", "uid-x", Phase.PROVISIONED, namespace="other", address="192.0.2.3", pool=""),
        machine("y", "uid-y", namespace="other", address="192.0.2.3", providerID="remote-machine://192.0.2.3:22"),
        entry("z", annotations=DIRTY, address="192.0.2.3", metadata={"namespace": "other"}),
    ]
    free, mine = entry(address="192.0.2.3"), machine("mine", address="192.0.2.3", pool="")

    [found] = claims.candidates(cache(*liars, free), machine())

    assert found.unavailable == ""
    assert claims.other_user(cache(*liars), mine) == ""
    assert claims.in_quarantine(cache(*liars), mine) == ""


def test_a_holder_is_not_told_to_use_its_own_entry() -> None:
    user = machine(phase=Phase.PROVISIONED, address="e.example.org")
    held, free = entry(holder="m/uid-m/uid-e"), entry()

    assert claims.with_obstacles(cache(user), held, None).used_by == ""
    assert claims.with_obstacles(cache(user), free, None).used_by == "default/m"
    assert claims.with_obstacles(cache(user), free, user).used_by == ""


def test_the_watch_filter_is_asked_for() -> None:
    raw, labelled = entry(), entry("f", labels={FILTER[0]: FILTER[1]})

    found = claims.candidates(cache(raw, labelled), machine(), watch_filter=FILTER)

    assert [one.unavailable for one in found] == ["lacks the label cluster.x-k8s.io/watch-filter=w", ""]


def test_candidates_are_those_of_the_pool_by_name() -> None:
    known = cache(entry("b"), entry("a", holder="n/uid-n/u"), entry("c", in_pool="q"))

    found = claims.candidates(known, machine())

    assert [(one.name, one.holder) for one in found] == [("a", Holder("n", "uid-n")), ("b", None)]


@pytest.mark.parametrize(
    ("other", "uses"),
    [
        pytest.param(machine("x", "uid-x", Phase.PROVISIONED, address="e.example.org"), True, id="provisioned"),
        pytest.param(machine("x", "uid-x", Phase.BOOTSTRAPPING, address="E.example.org"), True, id="bootstrapping"),
        pytest.param(machine("x", "uid-x", Phase.CLEANING, address="e.example.org"), True, id="cleaning"),
        pytest.param(machine("x", "uid-x", Phase.CLEAN, address="e.example.org"), False, id="clean"),
        pytest.param(machine("x", "uid-x", address="e.example.org"), False, id="not begun"),
        pytest.param(
            machine("x", "uid-x", address="e.example.org", providerID="remote-machine://e"), True, id="adopted"
        ),
        pytest.param(machine("x", "uid-x", Phase.PROVISIONED, address="f.example.org"), False, id="elsewhere"),
        pytest.param(machine("x", "uid-x", Phase.PROVISIONED, address="e.example.org", port=23), False, id="port"),
        pytest.param(machine("x", "uid-m", Phase.PROVISIONED, address="e.example.org"), False, id="itself"),
    ],
)
def test_who_uses_a_host(other: Raw, uses: bool) -> None:
    assert claims.other_user(cache(other), HERE) == ("default/x" if uses else "")


def test_what_is_at_the_host_of_an_entry() -> None:
    places = [machine("at", address="E.example.org"), machine("elsewhere", address="z.example.org")]
    known = cache(*places, entry("e"), entry("same", address="e.example.org"), entry("other"))
    machines, entries = claims.at_host_of(known, entry("e"))
    assert (names(machines), names(entries)) == (["at"], ["same"])
    nowhere = cache(machine("m", address=""), entry("e", address=""), entry("f", address=""))
    assert claims.at_host_of(nowhere, entry("e", address="")) == ([], [])


def test_the_hosts_of_a_pool_are_compared_with_those_in_use_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All machines are gone through once for all entries, not once for each."""
    count = 50
    users = [machine(f"m-{n}", f"uid-{n}", Phase.PROVISIONED, address=f"e-{n}.example.org") for n in range(count)]
    known = cache(*users, *(entry(f"e-{n}") for n in range(2 * count)))
    read: list[Any] = []
    place = places.place

    def counted(spec: Any) -> tuple[str, int]:
        read.append(spec)
        return place(spec)

    monkeypatch.setattr(places, "place", counted)
    found = claims.candidates(known, machine("waiting", "uid-waiting"))
    assert sum(bool(one.used_by) for one in found) == count
    assert len(found) == 2 * count
    assert len(read) <= 3 * count


def test_the_record_of_a_machine_elsewhere_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every machine is compared with every entry: what is cheap comes first."""
    monkeypatch.setattr(record, "load_record", None)
    one = machine(address="m.example.org")
    assert claims.held_by(cache(one, entry("e"), entry("f", in_pool="q")), one) == []


def test_without_an_address_no_host_is_shared() -> None:
    one, other = machine(address=""), machine("x", "uid-x", Phase.PROVISIONED, address="")

    assert claims.other_user(cache(other), one) == ""
    assert not claims.at_host(cache(other), one)
    assert claims.at_host(cache(machine("x", "uid-x", address="E.example.org", port=22)), HERE)
    assert not claims.at_host(cache(machine("x", "uid-x", address="e.example.org", port=23)), HERE)


COPIED, CHANGED, OWN = ("copied",), ("changed",), ("own",)


@pytest.mark.parametrize(
    ("copied", "own", "from_entry", "counts"),
    [
        pytest.param(COPIED, COPIED, COPIED, COPIED, id="nobody has changed them"),
        pytest.param(COPIED, COPIED, CHANGED, CHANGED, id="the entry's were changed since"),
        pytest.param(COPIED, OWN, COPIED, OWN, id="the machine's were changed since"),
        pytest.param(COPIED, OWN, CHANGED, CHANGED, id="both were changed since"),
        pytest.param(COPIED, COPIED, (), (), id="the entry's were removed since"),
        pytest.param((), (), CHANGED, CHANGED, id="the entry has got some since"),
        pytest.param((), OWN, (), OWN, id="the machine has got some since"),
        pytest.param(None, OWN, CHANGED, CHANGED, id="the reference has copied them: the entry's count"),
        pytest.param(None, OWN, (), OWN, id="the reference has copied them, and the entry has none now"),
    ],
)
def test_the_newest_cleanup_commands_count(
    copied: tuple[str, ...] | None, own: tuple[str, ...], from_entry: tuple[str, ...], counts: tuple[str, ...]
) -> None:
    annotations = {} if copied is None else {POOL_COMMANDS: claims.commands_digest(copied)}

    assert claims.newest_commands(machine(annotations=annotations), own, from_entry) == counts


def test_lists_of_commands_are_told_apart() -> None:
    lists = [(), ("a",), ("a", "b"), ("b", "a"), ("a b",), ("a\nb",), ("a", "")]

    assert len({claims.commands_digest(one) for one in lists}) == len(lists)


def test_labels_of_its_own_are_passed_on_and_others_are_not() -> None:
    values = {
        "rack": "7",
        "example.org/zone": "a",
        "node-role.kubernetes.io/worker": "",
        "cluster.x-k8s.io/paused": "",
        "cluster.x-k8s.io/watch-filter": "w",
        "clusterctl.cluster.x-k8s.io/block-move": "",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "capra.infrastructure.cluster.x-k8s.io/holder": "m/u/e",
        "k0smotron.io/whatever": "",
    }

    assert claims.passed_on(values) == {"rack": "7", "example.org/zone": "a", "node-role.kubernetes.io/worker": ""}
    assert claims.lacking({"rack": "7", "zone": "a"}, {"rack": "8"}) == {"zone": "a"}


USED = entry("a", holder="m/uid-m/uid-a")
SURPLUS = entry("b", holder="m/uid-m/uid-b")


@pytest.mark.parametrize(
    ("holder", "used", "other", "surplus"),
    [
        pytest.param({"address": "a.example.org"}, USED, SURPLUS, True, id="it has never used it"),
        pytest.param({"address": "A.example.org"}, USED, SURPLUS, True, id="written otherwise"),
        pytest.param({"address": "b.example.org"}, USED, SURPLUS, False, id="its host is the one in use"),
        pytest.param({"address": "c.example.org"}, USED, SURPLUS, False, id="it is at neither"),
        pytest.param({"address": "d.example.org"}, USED, SURPLUS, False, id="it is at neither, after them"),
        pytest.param({"address": ""}, USED, SURPLUS, False, id="it has no address"),
        pytest.param({}, entry("a", "m/uid-m/x", address=""), SURPLUS, False, id="nor has the one that it uses"),
        pytest.param({"address": "a.example.org", "port": 2222}, USED, SURPLUS, False, id="another port"),
        pytest.param({"address": "a.example.org"}, USED, entry("b"), False, id="nobody holds it"),
        pytest.param(
            {"address": "a.example.org"}, USED, entry("b", "m/uid-a/uid-b"), False, id="an earlier machine holds it"
        ),
        pytest.param(
            {"address": "a.example.org"}, USED, entry("b", "m/uid-z/uid-b"), False, id="a later machine holds it"
        ),
        pytest.param({"address": "a.example.org"}, None, SURPLUS, False, id="there is no other"),
        pytest.param(
            {"address": "a.example.org"},
            entry("a", holder="m/uid-m/uid-a"),
            entry("b", "m/uid-m/uid-b", address="a.example.org"),
            False,
            id="both are the same host",
        ),
    ],
)
@pytest.mark.parametrize("noted", ["a", "", "0", "c"])
def test_an_entry_that_its_holder_has_never_used(
    holder: dict[str, Any], used: Raw | None, other: Raw, surplus: bool, noted: str
) -> None:
    its = machine(annotations={POOL_ENTRY: noted} if noted else {}, **holder)
    known = cache(its, *([used] if used is not None else []), other)
    assert claims.is_surplus(known, other) is (surplus and noted == "a")
    if used is not None and noted == "a":
        assert not claims.is_surplus(known, used)
