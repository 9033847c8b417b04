"""A k0sctl.yaml as a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capra.clusters.reading import read_cluster
from capra.errors import InputError
from capra.local.clusters import load_cluster
from tests.unit.clusters.examples import config, host

CASES = Path(__file__).parents[2] / "cases" / "k0sctl"


def _flags(**fields: Any) -> tuple[str, ...]:
    return read_cluster([config(host("controller", 1), host(number=2, **fields))], source="k").hosts[1].flags


def test_the_example_of_k0sctl_is_a_cluster() -> None:
    found = load_cluster(str(CASES / "readme.yaml"), "~/.ssh/id_ed25519")
    assert (found.name, found.user, found.version) == ("my-k0s-cluster", "admin", "v0.10.0")
    assert [(one.name, one.role, one.flags) for one in found.hosts] == [
        ("10.0.0.1", "controller", ("--debug",)),
        ("10.0.0.2", "worker", ("--debug",)),
    ]
    assert found.config["spec"]["images"]["calico"]["cni"]["version"] == "v3.16.2"
    assert found.notes == ("spec.options has no counterpart: see the options of capra up, as --wait and --concurrency",)


def test_what_has_no_counterpart_is_told_once_and_without_its_value() -> None:
    worker = host(number=2, environment={"PASSWORD": "hunter2"}, files=[{}], hooks={"apply": {}}, reset=True)
    notes = read_cluster([config(host("controller", 1), worker)], source="k").notes
    assert [note.partition(":")[0] for note in notes] == [
        "spec.hosts[1].environment has no counterpart",
        "spec.hosts[1].files has no counterpart",
        "spec.hosts[1].hooks has no counterpart",
        "spec.hosts[1].reset",
    ]
    assert "hunter2" not in "".join(notes)


def test_a_configuration_of_k0s_beside_it() -> None:
    apart = {"apiVersion": "k0s.k0sproject.io/v1beta1", "kind": "ClusterConfig", "spec": {"api": {"port": 7443}}}
    found = read_cluster([config(host("controller", 1)), apart], source="k")
    assert found.config["spec"] == {"api": {"port": 7443}}


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({"installFlags": ["--labels a=b", "--debug"]}, ("--labels", "a=b", "--debug")),
        ({"dataDir": "/data", "kubeletRootDir": "/kubelet"}, ("--data-dir=/data", "--kubelet-root-dir=/kubelet")),
        ({"role": "controller+worker", "noTaints": True}, ("--enable-worker", "--no-taints")),
        ({"role": "controller+worker", "installFlags": ["--enable-worker"]}, ("--enable-worker",)),
        ({"role": "controller", "hostname": "a"}, ()),
        (
            {"hostname": "a", "privateAddress": "10.0.0.9"},
            ("--kubelet-extra-args=--node-ip=10.0.0.9 --hostname-override=a",),
        ),
        (
            {"hostname": "a", "installFlags": ["--kubelet-extra-args '--v=2'", "--debug"]},
            ("--debug", "--kubelet-extra-args=--v=2 --hostname-override=a"),
        ),
        ({"privateAddress": "10.0.0.9", "installFlags": ["--enable-cloud-provider"]}, ("--enable-cloud-provider",)),
    ],
)
def test_flags_of_k0s_install(fields: dict[str, Any], flags: tuple[str, ...]) -> None:
    assert _flags(**fields) == flags


def test_dynamic_configuration_is_a_flag_of_controllers() -> None:
    hosts = read_cluster([config(host("controller", 1), host(number=2), dynamicConfig=True)], source="k").hosts
    assert [one.flags for one in hosts] == [("--enable-dynamic-config",), ()]


BAD: tuple[tuple[list[dict[str, Any]], str], ...] = (
    ([config(host("controller", 1)), config(host("controller", 1))], "k: has 2 documents; there must be one Cluster"),
    ([config(host("controller", 1), version=None)], "k: spec.k0s.version: is required, as the release is called"),
    ([config(host("controller", 1), version="1.34.4")], "k: spec.k0s.version: is '1.34.4', and must be whole, as"),
    (
        [config(host("controller", 1), version=1.34)],
        "k: spec.k0s.version: is 1.34, a number with a fraction, and must",
    ),
    ([config(host("controller", 1), version=1.34)], 'text, as the release is called, in quotes: "1.34.4+k0s.0"'),
    ([config(host("controller", 1), version=["1.34"])], "k: spec.k0s.version: is a list, and must be text, as the"),
    ([config(host("controller", 1), version="1.34.4+k0s.0; rm")], "k: spec.k0s.version: is '1.34.4+k0s.0; rm', and"),
    ([config(host("controller", 1), version="1.35.1+k0s.0")], "k: spec.k0s.version: is 1.35.1+k0s.0, whose workers"),
    ([config(host(number=1))], "k: spec.hosts: no host is a controller"),
    ([config(host("single", 1), host(number=2))], "a host with the role single is a cluster by itself"),
    ([config(host("controller", 1, k0sBinaryPath="k0s"))], "k: spec.hosts[0]: k0sBinaryPath: is not uploaded"),
    ([config(host("controller", 1, installFlags=["--token-file=x"]))], "installFlags: has --token-file, which Capra"),
    ([config(host("controller", 1, installFlags=["--a 'b"]))], "has a quotation mark without its other half"),
    ([config(host("controller", 1, installFlags=["--a=$B"]))], "installFlags: has a variable of the environment"),
    ([config(host("controller", 1, installFlags="--debug"))], "installFlags: must be a list of strings"),
    ([config(host("controller", 1, dataDir="data"))], "dataDir: must be an absolute path"),
    (
        [config(host("controller", 1, k0sDownloadURL="https://u:hunter2@h/k0s"))],
        "k0sDownloadURL: holds a user or password",
    ),
    ([config(host("controller", 1, k0sDownloadURL="ftp://h/k0s"))], "k0sDownloadURL: must be a URL of http or https"),
    ([config(host("controller", 1, privateAddress="x"))], "privateAddress: must be an IP address"),
    ([config(host("controller", 1, hostname="A b"))], "hostname: must be a name of lower-case letters"),
)


@pytest.mark.parametrize(("documents", "problem"), BAD)
def test_what_is_wrong_is_told_with_its_place(documents: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(InputError) as refused:
        read_cluster(documents, source="k")
    assert problem in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_no_version_is_needed_where_k0s_is_there() -> None:
    found = read_cluster([config(host("controller", 1, useExistingK0s=True), version=None)], source="k")
    assert (found.version, found.hosts[0].existing) == ("", True)
