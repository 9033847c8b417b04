"""What the files of crds/ say, without an API server."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel

from capra.model.manifest.machines import MachineFields, PooledFields, RemoteMachineFields
from tests.component.crds.support import CRDS, GROUP, VERSIONS, crds, fields, schema

KINDS = sorted(crds())
DEPRECATED = ("RemoteCluster", "RemoteClusterTemplate", "RemoteMachine", "RemoteMachineTemplate")


@pytest.fixture(params=KINDS)
def crd(request: pytest.FixtureRequest) -> dict[str, Any]:
    return crds()[request.param]


def test_the_five_kinds_are_there_one_a_file_named_after_its_crd() -> None:
    assert sorted(KINDS) == sorted([*DEPRECATED, "PooledRemoteMachine"])
    assert {path.name for path in CRDS.glob("*.yaml")} == {
        f"{GROUP}_{crd['spec']['names']['plural']}.yaml" for crd in crds().values()
    }


def test_both_versions_have_one_schema_and_the_same_columns(crd: dict[str, Any]) -> None:
    assert schema(crd, "v1beta1") == schema(crd, "v1beta2")
    first, second = crd["spec"]["versions"]
    assert first.get("additionalPrinterColumns") == second.get("additionalPrinterColumns")
    assert first.get("subresources") == second.get("subresources")


def test_both_versions_are_served_and_v1beta2_is_stored(crd: dict[str, Any]) -> None:
    served = {one["name"]: (one["served"], one["storage"]) for one in crd["spec"]["versions"]}
    assert served == {"v1beta1": (True, False), "v1beta2": (True, True)}
    assert crd["spec"]["conversion"]["strategy"] == "None"


def test_v1beta1_is_deprecated_where_the_reference_has_it_so() -> None:
    deprecated = {kind for kind, crd in crds().items() if crd["spec"]["versions"][0].get("deprecated")}
    assert deprecated == set(DEPRECATED)


def test_names_category_and_contract_labels_are_what_cluster_api_looks_for(crd: dict[str, Any]) -> None:
    names = crd["spec"]["names"]
    assert names["plural"] == f"{names['kind'].lower()}s"
    assert names["listKind"] == f"{names['kind']}List"
    assert names["categories"] == ["cluster-api"]
    assert crd["metadata"]["name"] == f"{names['plural']}.{GROUP}"
    labels = dict(crd["metadata"]["labels"])
    move = labels.pop("clusterctl.cluster.x-k8s.io/move", None)
    assert labels.pop("cluster.x-k8s.io/provider") == "infrastructure-capra"
    assert labels == {f"cluster.x-k8s.io/{version}": version for version in VERSIONS}
    assert (move == "") == (names["kind"] == "PooledRemoteMachine")


def test_short_names_are_nobody_elses() -> None:
    """Those of Cluster API and k0smotron, and of Kubernetes itself, by their letters."""
    others = {"cc", "cl", "ext", "kcp", "ma", "md", "mhc", "mhcs", "mp", "ms", "jtr", "kmc"}
    others |= {"cm", "crd", "cs", "csr", "cj", "deploy", "ds", "ep", "ev", "hpa", "ing", "limits", "netpol", "no", "ns"}
    others |= {"pc", "pdb", "po", "pv", "pvc", "quota", "rc", "rs", "sa", "sc", "sts", "svc"}
    own = [name for crd in crds().values() for name in crd["spec"]["names"]["shortNames"]]
    assert sorted(own) == ["prm", "rcl", "rclt", "rm", "rmt"]
    assert not others & set(own)


def test_only_remoteclustertemplate_has_no_status() -> None:
    assert {kind for kind, crd in crds().items() if "subresources" not in crd["spec"]["versions"][1]} == {
        "RemoteClusterTemplate"
    }


def test_every_field_has_a_description_in_sentences(crd: dict[str, Any]) -> None:
    described = dict(fields(schema(crd)))
    del described["metadata"]
    assert [path for path, field in described.items() if not field.get("description", "").endswith(".")] == []


def test_nothing_in_a_status_is_required_but_what_makes_an_item_of_a_list(crd: dict[str, Any]) -> None:
    status = schema(crd)["properties"].get("status", {})
    assert "required" not in status
    assert [path for path, field in fields(status) if "required" in field] == []


def test_conditions_are_a_plain_list_which_any_client_may_replace(crd: dict[str, Any]) -> None:
    conditions = schema(crd)["properties"].get("status", {}).get("properties", {}).get("conditions", {})
    assert not [name for name in conditions if name.startswith("x-kubernetes-")]


def names_of(model: type[BaseModel]) -> set[str]:
    return {str(field.alias) for field in model.model_fields.values()}


def test_the_schemas_have_the_fields_that_capra_reads() -> None:
    machine = schema(crds()["RemoteMachine"])["properties"]["spec"]
    pooled = schema(crds()["PooledRemoteMachine"])["properties"]["spec"]
    assert set(machine["properties"]) == names_of(RemoteMachineFields)
    assert set(pooled["properties"]) == names_of(PooledFields)
    assert set(pooled["properties"]["machine"]["properties"]) == names_of(MachineFields)


def test_a_field_has_the_default_that_capra_takes_for_one_that_is_missing() -> None:
    machine = schema(crds()["RemoteMachine"])["properties"]["spec"]["properties"]
    pooled = schema(crds()["PooledRemoteMachine"])["properties"]["spec"]["properties"]["machine"]["properties"]
    expected = {"port": 22, "user": "root", "commandsAsScript": False, "workingDir": "/etc/k0smotron"}
    for properties in (machine, pooled):
        assert {name: field["default"] for name, field in properties.items() if "default" in field} == expected
    own = {str(field.alias): field.default for field in MachineFields.model_fields.values()}
    assert {name: own[name] for name in expected} == expected


def test_the_reference_documentation_names_every_field(crd: dict[str, Any]) -> None:
    """By its last part: `[].type`, `.port` and `spec.port` all name a field."""
    text = (CRDS.parent / "docs" / "reference" / "api.md").read_text()
    named = {name for quoted in re.findall(r"`([^`\n]+)`", text) for name in re.findall(r"\w+", quoted)}
    assert {path.rpartition(".")[2] for path, _ in fields(schema(crd))} - named == {"apiVersion", "kind"}
