"""What is done on each host."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from capra import bootstrap
from capra.bootstrap.steps import RunCommand, WriteFile
from capra.clusters.config import api_url, k0s_config
from capra.clusters.data import TITLES, bootstrap_data, download_url, install_flags
from capra.settings import DEFAULT_SENTINEL
from tests.unit.clusters.examples import cluster, host

THREE = cluster(host("controller", 1), host("controller", 2), host("worker", 3))


def _data(number: int, of: Any = THREE) -> bytes:
    return bootstrap_data(of, of.hosts[number], DEFAULT_SENTINEL)


def test_a_controller_has_a_configuration_and_four_commands() -> None:
    steps = bootstrap.read(_data(1)).steps
    assert isinstance(steps[0], WriteFile)
    assert (steps[0].path, steps[0].mode) == ("/etc/k0s/k0s.yaml", "0600")
    assert yaml.safe_load(steps[0].content)["spec"]["api"]["sans"] == ["192.0.2.2"]
    commands = [step.command for step in steps[1:] if isinstance(step, RunCommand)]
    assert len(commands) == 4
    assert "set -- '--config=/etc/k0s/k0s.yaml' '--token-file=/etc/k0s/capra-join-token'\n" in commands[1]
    assert commands[3] == "mkdir -p '/run/cluster-api' && touch '/run/cluster-api/bootstrap-success.complete'"


def test_each_command_has_a_title_of_its_own() -> None:
    commands = [step for step in bootstrap.read(_data(1)).steps if isinstance(step, RunCommand)]
    assert [step.source for step in commands] == list(TITLES)


def test_a_worker_has_no_configuration_and_the_first_controller_no_token() -> None:
    assert [type(step) for step in bootstrap.read(_data(2)).steps] == [RunCommand] * 4
    assert install_flags(THREE, THREE.leader) == ("--config=/etc/k0s/k0s.yaml",)
    assert install_flags(THREE, THREE.hosts[2]) == ("--token-file=/etc/k0s/capra-join-token",)


def test_the_data_are_the_same_each_time_whoever_stands_beside() -> None:
    more = cluster(
        host("controller", 1), host("controller", 2), host("worker", 3), host("worker", 4), host("controller", 5)
    )
    assert [_data(number) for number in range(3)] == [_data(number, more) for number in range(3)]


def test_the_configuration_of_the_file_is_kept() -> None:
    given: dict[str, Any] = {"spec": {"api": {"sans": ["api.example.com"], "port": 7443}, "storage": {"type": "etcd"}}}
    one = cluster(host("controller", 1, privateAddress="10.0.0.1"), config=given)
    assert k0s_config(one, one.leader) == {
        "apiVersion": "k0s.k0sproject.io/v1beta1",
        "kind": "ClusterConfig",
        "metadata": {"name": "k0s"},
        "spec": {
            "api": {"sans": ["api.example.com", "192.0.2.1", "10.0.0.1"], "port": 7443},
            "storage": {"type": "etcd", "etcd": {"peerAddress": "10.0.0.1"}},
        },
    }
    assert given["spec"]["api"]["sans"] == ["api.example.com"], "what was read stays as it was"
    kine = cluster(host("controller", 1, privateAddress="10.0.0.1"), config={"spec": {"storage": {"type": "kine"}}})
    assert k0s_config(kine, kine.leader)["spec"]["storage"] == {"type": "kine"}


@pytest.mark.parametrize(
    ("api", "url"),
    [
        ({}, "https://192.0.2.1:6443"),
        ({"port": 7443}, "https://192.0.2.1:7443"),
        ({"externalAddress": "2001:db8::1"}, "https://[2001:db8::1]:6443"),
    ],
)
def test_where_the_api_is(api: dict[str, Any], url: str) -> None:
    assert api_url(cluster(host("controller", 1), config={"spec": {"api": api}})) == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/%v/k0s-%v-%p%x", "https://h/v1%2Bk0s.0/k0s-v1%2Bk0s.0-{architecture}"),
        ("https://h/k0s%20files/%%p", "https://h/k0s%20files/%p"),
        ("https://h/100%", "https://h/100%"),
    ],
)
def test_tokens_of_a_url(url: str, expected: str) -> None:
    assert download_url(url, "v1+k0s.0") == expected


def test_secrets_of_the_configuration_show_in_no_repr() -> None:
    one = cluster(host("controller", 1), config={"spec": {"storage": {"kine": {"dataSource": "hunter2"}}}})
    assert "hunter2" in _data(0, one).decode()
    assert "hunter2" not in repr(one)
