"""The order in which hosts come and go, and what is decided of a host that was begun before."""

from __future__ import annotations

import pytest

from capra.clusters.cluster import (
    ClusterHost,
    limited_hosts,
    needs_token,
    phases_down,
    phases_up,
    refuse_second_cluster,
)
from capra.errors import InputError
from capra.model.observation import Phase
from tests.unit.clusters.examples import cluster, host

FIVE = cluster(
    host("worker", 1),
    host("controller", 2),
    host("controller+worker", 3),
    host("worker", 4),
    host("controller", 5),
)


def _numbers(phases: tuple[tuple[ClusterHost, ...], ...]) -> list[list[str]]:
    return [[one.address.rpartition(".")[2] for one in phase] for phase in phases]


def test_controllers_come_one_by_one_and_workers_side_by_side() -> None:
    assert _numbers(phases_up(FIVE)) == [["2"], ["3"], ["5"], ["1", "4"]]


def test_they_go_the_other_way_round() -> None:
    assert _numbers(phases_down(FIVE)) == [["1", "4"], ["5"], ["3"], ["2"]]


def test_a_host_that_is_to_be_reset_only_goes() -> None:
    leaving = cluster(host("controller", 1), host(number=2, reset=True), host(number=3))
    assert _numbers(phases_up(leaving)) == [["1"], ["3"]]
    assert _numbers(phases_down(leaving)) == [["2", "3"], ["1"]]


def test_some_hosts_only() -> None:
    assert _numbers(limited_hosts(phases_up(FIVE), ["192.0.2.4", "192.0.2.2"])) == [["2"], ["4"]]
    with pytest.raises(InputError, match=r"--limit: no host is named x; there are: 192\.0\.2\.1, "):
        limited_hosts(phases_up(FIVE), ["x"])


@pytest.mark.parametrize("joined", [Phase.BOOTSTRAPPING, Phase.PROVISIONED, Phase.CLEANING])
@pytest.mark.parametrize("leader", [Phase.NEW, Phase.CLEAN])
def test_no_second_cluster_is_made(leader: Phase, joined: Phase) -> None:
    phases = {FIVE.leader.key: leader, FIVE.hosts[3].key: joined}
    with pytest.raises(InputError, match=r"192\.0\.2\.2 is the first controller, .* but 192\.0\.2\.4 may have joined"):
        refuse_second_cluster(FIVE, phases)


@pytest.mark.parametrize("leader", [Phase.BOOTSTRAPPING, Phase.PROVISIONED])
def test_the_cluster_that_is_there_grows(leader: Phase) -> None:
    refuse_second_cluster(FIVE, {FIVE.leader.key: leader, FIVE.hosts[3].key: Phase.PROVISIONED})
    refuse_second_cluster(FIVE, {})


@pytest.mark.parametrize(
    ("phase", "needed"),
    [
        (Phase.NEW, True),
        (Phase.BOOTSTRAPPING, True),
        (Phase.CLEAN, True),
        (Phase.PROVISIONED, False),
        (Phase.CLEANING, False),
    ],
)
def test_who_needs_a_token(phase: Phase, needed: bool) -> None:
    assert needs_token(FIVE, FIVE.hosts[0], phase) is needed
    assert not needs_token(FIVE, FIVE.leader, phase)
