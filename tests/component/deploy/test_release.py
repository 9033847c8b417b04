"""What a release consists of: the same bytes each time, and nothing that clusterctl or kubectl would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

import capra
from tests.component.deploy.conftest import IMAGE, VERSION, Release, compose
from tests.support.rbac import Account, granted_rules

ACCOUNT = Account("capra-system", "capra-manager")


def test_the_same_checkout_gives_the_same_release(release: Release, tmp_path: Path) -> None:
    compose(tmp_path, "--image", IMAGE)
    again = Release(tmp_path / "infrastructure-capra" / VERSION)
    assert {path.name: path.read_bytes() for path in again.directory.iterdir()} == {
        path.name: path.read_bytes() for path in release.directory.iterdir()
    }


def test_a_release_holds_nothing_of_the_one_before(tmp_path: Path) -> None:
    stale = tmp_path / "infrastructure-capra" / VERSION / "cluster-template-gone.yaml"
    stale.parent.mkdir(parents=True)
    stale.write_text("kind: Cluster\n")
    compose(tmp_path)
    assert not stale.exists()


def test_its_version_is_the_packages_and_its_image_the_one_built_here(tmp_path: Path) -> None:
    done = compose(tmp_path)
    directory = tmp_path / "infrastructure-capra" / f"v{capra.__version__}"
    assert done.stdout == f"{directory}\n"
    assert Release(directory).container["image"] == f"localhost/capra:v{capra.__version__}"


@pytest.mark.parametrize("version", ["v9.9.0", "0.1.0", "v0.1", "latest"])
def test_a_version_that_clusterctl_would_refuse_is_refused(tmp_path: Path, version: str) -> None:
    assert version.removeprefix("v")[:3] in compose(tmp_path, "--version", version, code=1).stderr
    assert not any(tmp_path.iterdir())


def test_what_kubectl_installs_has_no_variables(release: Release) -> None:
    assert "${" not in (release.directory / "install.yaml").read_text()


def test_every_component_is_labelled_as_the_providers(release: Release) -> None:
    objects = release.objects() + release.objects("warnings.yaml")
    assert {"PodDisruptionBudget", "NetworkPolicy"} <= {one["kind"] for one in objects}
    for one in [*objects, release.pod]:
        labels = one["metadata"].get("labels", {})
        assert labels.get("cluster.x-k8s.io/provider") == "infrastructure-capra", one["metadata"]


def test_its_contract_is_that_of_its_kinds(release: Release) -> None:
    [metadata] = release.objects("metadata.yaml")
    contracts = {series["contract"] for series in metadata["releaseSeries"]}
    crds = [one for one in release.objects() if one["kind"] == "CustomResourceDefinition"]
    assert len(crds) == 5
    for crd in crds:
        assert {f"cluster.x-k8s.io/{contract}" for contract in contracts} <= crd["metadata"]["labels"].keys()


def test_a_drain_and_the_network_are_those_of_its_pods(release: Release) -> None:
    labels = release.pod["metadata"]["labels"].items()
    budget = release.one("PodDisruptionBudget", "capra-controller-manager")["spec"]
    policy = release.one("NetworkPolicy", "capra-controller-manager")["spec"]
    [spread] = release.pod["spec"]["topologySpreadConstraints"]
    for selector in (budget["selector"], policy["podSelector"], spread["labelSelector"]):
        assert selector["matchLabels"].items() <= labels
    opened = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert opened == {port["name"] for port in release.container["ports"]}
    # With one replica it can be drained, too.
    assert budget["maxUnavailable"] == 1


def test_proxy_and_authorities_come_from_objects_that_need_not_be_there(release: Release) -> None:
    given = [next(iter(one.values())) for one in release.container["envFrom"]]
    assert given == [{"name": "capra-environment", "optional": True}] * 2
    [volume] = [one for one in release.pod["spec"]["volumes"] if one["name"] == "ca"]
    assert volume["configMap"] == {"name": "capra-ca", "optional": True}


def test_no_right_is_a_wildcard(release: Release) -> None:
    granted = granted_rules(release.objects(), ACCOUNT)
    assert granted
    assert not [rule for rule in granted if "*" in "".join(rule)]


def test_no_owner_can_be_made_or_removed_and_what_jobs_need_alone(release: Release) -> None:
    """docs/explanation/threat-model.md has why Secrets and Jobs can be."""
    granted = granted_rules(release.objects(), ACCOUNT)
    given: dict[str, set[str]] = {}
    for rule in granted:
        given.setdefault(rule.resource, set()).add(rule.verb)
    assert given["secrets"] == {"get", "list", "watch", "patch", "create", "delete"}  # patch: finalizers
    assert given["jobs"] == {"get", "list", "create", "patch", "delete"}
    assert given["pods"] == {"list"}
    assert given["clusters"] == {"list", "watch"}
    assert {name for name, verbs in given.items() if verbs & {"delete", "deletecollection"}} == {"secrets", "jobs"}


def test_the_roles_are_for_one_namespace_but_for_asking_who_somebody_is(release: Release) -> None:
    """What docs/guide/install.md says of `CAPRA_NAMESPACE`."""
    kinds = {"TokenReview", "SubjectAccessReview"}
    groups = {group for rule in release.one("ClusterRole", "capra-manager")["rules"] for group in rule["apiGroups"]}
    assert groups == {"", "batch", "cluster.x-k8s.io", "infrastructure.cluster.x-k8s.io"}
    others = release.one("ClusterRole", "capra-metrics-auth")["rules"]
    assert {rule["resources"][0] for rule in others} == {f"{kind.lower()}s" for kind in kinds}
