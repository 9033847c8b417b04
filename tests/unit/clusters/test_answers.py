"""What a controller has answered: a kubeconfig, and nodes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from capra.clusters.kubeconfig import kubeconfig
from capra.clusters.nodes import compare, node_name, parse_nodes
from capra.errors import Fatal
from tests.unit.clusters.examples import cluster, host

ONE = cluster(host("controller", 1), host(number=2, hostname="named"))


def _answer(**user: Any) -> str:
    return yaml.safe_dump(
        {
            "clusters": [
                {"name": "local", "cluster": {"server": "https://evil", "certificate-authority-data": "Y2E="}}
            ],
            "users": [{"name": "user", "user": {"client-certificate-data": "Yw==", "client-key-data": "aw==", **user}}],
        }
    )


def test_a_kubeconfig_has_nothing_of_the_host_but_certificates_and_a_key() -> None:
    made = yaml.safe_load(kubeconfig(ONE, _answer(exec={"command": "rm"})))
    assert made == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "demo", "cluster": {"server": "https://192.0.2.1:6443", "certificate-authority-data": "Y2E="}}
        ],
        "users": [{"name": "admin", "user": {"client-certificate-data": "Yw==", "client-key-data": "aw=="}}],
        "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "admin"}}],
        "current-context": "demo",
    }


@pytest.mark.parametrize(
    "answer",
    ["", "[", "a: &a b", "clusters: []", _answer(**{"client-key-data": ""}), _answer(**{"client-key-data": "é"})],
)
def test_what_is_no_kubeconfig_is_told_without_it(answer: str) -> None:
    with pytest.raises(Fatal, match=r"^192\.0\.2\.1: k0s kubeconfig admin has not printed a kubeconfig with [a-z ]*$"):
        kubeconfig(ONE, answer)


def test_nodes() -> None:
    nodes = compare(["a", "b", "c"], parse_nodes("a True\nb False\n\nx True\nd\n"))
    assert (nodes.ready, nodes.unready, nodes.missing) == (("a",), ("b",), ("c",))
    assert nodes.told == "1 of 3 nodes are ready; not ready: b; not there: c"
    assert not nodes.complete
    assert compare(["a"], {"a": True}).complete


def test_the_name_of_a_node() -> None:
    assert [node_name(one, "Host.Example") for one in ONE.hosts] == ["host.example", "named"]
