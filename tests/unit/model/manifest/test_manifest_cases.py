"""The cases in tests/cases/manifests: what is refused, and with which words; what is accepted in both versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.errors import InputError
from capra.local.reading.manifests import load_manifests
from capra.model.machine import CleanUp, MachineKey
from capra.model.manifest.validation import to_document
from tests.unit.local.examples import GROUP, HOST_KEY, machine, write, write_text

CASES = Path(__file__).parents[3] / "cases" / "manifests"
BAD = yaml.safe_load((CASES / "bad.yaml").read_text())


def _text(case: dict[str, Any]) -> str:
    if "manifest" in case:
        return str(case["manifest"])
    document = {"apiVersion": f"{GROUP}/v1beta2", "kind": "RemoteMachine", "metadata": {"name": "a"}, "spec": {}}
    document |= case.get("machine", {})
    document["spec"] = case.get("spec", document["spec"])
    return json.dumps(document)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
def test_refused(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path, _text(case), "machine.yaml")

    with pytest.raises(InputError) as caught:
        load_manifests(["machine.yaml"])

    for part in case["error"]:
        assert part in str(caught.value)
    for part in case.get("hides", ()):
        assert part not in str(caught.value)
        assert part not in str(caught.value.__cause__)
        assert part not in str(caught.value.__context__)


def test_the_documentations_examples_load() -> None:
    manifests = load_manifests([str(CASES / "documentation.yaml")])

    machines = {one.machine.key.name: one.machine for one in manifests.machines}
    assert list(machines) == ["remote-test-0", "remote-test-1", "remote-test-2", "remote-test-3"]
    assert machines["remote-test-1"].key.kind == "PooledRemoteMachine"
    assert machines["remote-test-1"].spec.pool == "default"
    assert machines["remote-test-2"].spec.use_sudo
    assert len(machines["remote-test-3"].spec.clean_up_commands) == 7
    [(key, owner)] = manifests.owners.items()
    assert key == MachineKey("default", "remote-test-0")
    assert owner.spec.bootstrap.config_ref.kind == "K0sWorkerConfig"
    assert manifests.ignored == {
        "Cluster": 1,
        "K0smotronControlPlane": 1,
        "RemoteCluster": 1,
        "K0sWorkerConfig": 1,
        "RemoteMachineTemplate": 1,
    }


@pytest.mark.parametrize("field", ["cleanUpCommands", "customCleanUpCommands"])
def test_both_versions_and_both_spellings_mean_the_same(tmp_path: Path, field: str) -> None:
    spec: dict[str, Any] = {
        "port": 2222,
        "user": "ops",
        "useSudo": True,
        "commandsAsScript": True,
        "workingDir": "/opt/k0s",
        "hostKeys": [f"{HOST_KEY} a comment"],
        "providerID": "remote-machine://192.0.2.1:2222",
        field: ["one", "two"],
    }
    read = [
        load_manifests([write(tmp_path, machine(version=version, **spec))]).machines[0].machine
        for version in ("v1beta1", "v1beta2")
    ]

    assert read[0] == read[1]
    assert read[0].spec.clean_up_commands == ("one", "two")
    assert read[0].spec.host_keys == (HOST_KEY,)
    assert read[0].provider_id == "remote-machine://192.0.2.1:2222"


@pytest.mark.parametrize("mode", [*CleanUp, None])
def test_what_a_cleanup_removes(tmp_path: Path, mode: CleanUp | None) -> None:
    document = machine(cleanUp=mode.value if mode else None)
    assert load_manifests([write(tmp_path, document)]).machines[0].machine.spec.clean_up is mode


@pytest.mark.parametrize("mode", ["default", "", "Everything", True])
def test_a_cleanup_that_nobody_knows_is_refused(tmp_path: Path, mode: object) -> None:
    with pytest.raises(InputError, match=r"spec\.cleanUp.*Default.*Verify.*None"):
        load_manifests([write(tmp_path, machine(cleanUp=mode))])


def test_defaults_are_the_references(tmp_path: Path) -> None:
    spec = load_manifests([write(tmp_path, machine(port=None))]).machines[0].machine.spec

    assert (spec.port, spec.user, spec.use_sudo, spec.commands_as_script) == (22, "root", False, False)
    assert spec.working_dir == "/etc/k0smotron"


def test_what_a_cluster_gives_out_can_be_read_back(tmp_path: Path) -> None:
    """`kubectl get -o json`: a List, with metadata, status and nulls that nobody wrote."""
    document = machine()
    document["metadata"] |= {
        "uid": "5f1e",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "capra"}],
        "labels": {"a": "b"},
    }
    document["spec"]["user"] = None
    document["status"] = {"ready": True, "anything": [1]}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [document]}, indent="\t")

    [read] = load_manifests([write_text(tmp_path, text, "list.json")]).machines

    assert read.machine.uid == "5f1e"
    assert read.machine.labels == {"a": "b"}
    assert read.machine.spec.user == "root"


def test_both_lists_of_commands_may_stand_there_when_they_are_equal(tmp_path: Path) -> None:
    document = machine(cleanUpCommands=["a"], customCleanUpCommands=["a"])

    assert load_manifests([write(tmp_path, document)]).machines[0].machine.spec.clean_up_commands == ("a",)


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "node-0.example.org", "localhost", "h."]
)
def test_addresses_that_are_fine(tmp_path: Path, address: str) -> None:
    assert load_manifests([write(tmp_path, machine(address=address))]).machines[0].machine.spec.address == address


def test_the_same_address_with_another_port_is_another_machine(tmp_path: Path) -> None:
    assert len(load_manifests([write(tmp_path, machine(), machine("node-1", port=2222))]).machines) == 2


def test_a_machine_of_another_provider_is_nobodys_owner() -> None:
    document = to_document(
        {"apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Machine", "metadata": {"name": "a"}}, "f"
    )

    assert document is not None


def test_nothing_of_a_secret_is_told(tmp_path: Path) -> None:
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"user": 123456}}
    with pytest.raises(InputError) as caught:
        load_manifests([write(tmp_path, document)])
    assert "stringData.user" in str(caught.value)
    assert "123456" not in str(caught.value)
