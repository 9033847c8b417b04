"""The chart of the controller: the manifests of a release, with values; installed, upgraded and removed by Helm."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

import capra
from capra.settings.controller import ControllerSettings
from tests.component.crds.support import crds
from tests.component.deploy.charts import CHARTS, PROVIDER, Helm, one, place, wait_for_crds, without_helm
from tests.component.deploy.conftest import IMAGE, ROOT, VERSION, Release, compose
from tests.controlplane import ControlPlane
from tests.controlplane.fixtures import own_control_plane

__all__ = ["own_control_plane"]

CHART = CHARTS / "capra"
GUIDE = ROOT / "docs" / "guide" / "helm.md"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]
NAMESPACE = ("--namespace", "capra-system")
MANAGER = ("Deployment", "capra-controller-manager")


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(tmp_path)


def comparable(raw: dict[str, Any]) -> dict[str, Any]:
    """Arguments have no order."""
    if place(raw) == MANAGER:
        [container] = raw["spec"]["template"]["spec"]["containers"]
        container["args"] = sorted(container["args"])
    return without_helm(raw)


def manager(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The Deployment's Pod, with its only container as `manager`."""
    pod: dict[str, Any] = one(objects, *MANAGER)["spec"]["template"]
    [pod["manager"]] = pod["spec"]["containers"]
    return pod


def environment(objects: list[dict[str, Any]]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in manager(objects)["manager"]["env"]}


def test_it_passes_helms_own_check(helm: Helm) -> None:
    helm.run("lint", "--strict", CHART)


def test_without_values_it_is_what_kubectl_installs(helm: Helm, release: Release) -> None:
    image = dict(zip(("repository", "tag"), IMAGE.rsplit(":", 1), strict=True))
    made = {place(raw): comparable(raw) for raw in helm.template(CHART, {"image": image})}
    released = {place(raw): comparable(raw) for raw in release.objects()}
    # Helm makes the namespace.
    del released["Namespace", "capra-system"]
    assert made == released


def test_every_object_is_labelled_as_the_providers(helm: Helm) -> None:
    everything = {"enabled": True}
    monitoring = dict.fromkeys(("serviceMonitor", "prometheusRule", "dashboard"), everything)
    values = {
        "monitoring": {**monitoring, "reader": {"name": "prometheus"}},
        "warnings": everything,
        "certificateAuthorities": {"pem": "x"},
    }
    objects = helm.template(CHART, values)
    assert {"ServiceMonitor", "PrometheusRule", "ConfigMap"} <= {raw["kind"] for raw in objects}
    for raw in objects:
        assert PROVIDER.items() <= raw["metadata"]["labels"].items(), place(raw)


def test_its_flags_are_the_controllers() -> None:
    names = [field.name for field in fields(ControllerSettings) if "parse" in field.metadata]
    flags = {re.sub("_(.)", lambda found: found[1].upper(), name) for name in names}
    # The first is a value of its own; in a Pod the second means nothing.
    assert set(SCHEMA["controller"]["propertyNames"]["enum"]) == flags - {"namespace", "kubeconfig"}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"controller": {"watchFiltr": "x"}}, "watchFiltr"),
        ({"replica": 2}, "replica"),
        ({"replicas": "two"}, "replicas"),
        ({"networkPolicy": {"egressPorts": [70000]}}, "egressPorts"),
        ({"replicas": 2, "controller": {"leaderElect": False}}, "controller.leaderElect is off"),
        ({"certificateAuthorities": {"pem": "x", "configMap": "company"}}, "keep one"),
    ],
)
def test_a_value_that_is_wrong_is_named(helm: Helm, tmp_path: Path, values: dict[str, Any], named: str) -> None:
    given = tmp_path / "values.yaml"
    given.write_text(yaml.safe_dump(values))
    assert named in helm.run("template", "demo", CHART, "--values", given, code=1)


def test_flags_and_the_namespace_get_to_the_controller_and_its_role(helm: Helm) -> None:
    flags = {"watchFilter": "x", "allowHooks": True, "leaderElect": False, "diagnosticsAddress": ":9000"}
    objects = helm.template(CHART, {"namespace": "machines", "controller": flags})
    container = manager(objects)["manager"]
    wanted = {"--watch-filter=x", "--allow-hooks", "--leader-elect=false", "--namespace=machines"}
    assert wanted | {"--diagnostics-address=:9000", "--concurrency=50"} <= set(container["args"])
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"metrics": 9000, "healthz": 9440}
    bound = one(objects, "RoleBinding", "capra-manager")
    assert bound["metadata"]["namespace"] == "machines"
    assert [subject["namespace"] for subject in bound["subjects"]] == ["capra-system"]
    assert ("ClusterRoleBinding", "capra-manager") not in {place(raw) for raw in objects}
    # Nobody else would keep the old one and the new one apart.
    assert one(objects, *MANAGER)["spec"]["strategy"] == {"type": "Recreate"}


def test_a_proxy_is_not_asked_for_the_clusters_own_api_server(helm: Helm) -> None:
    proxy = {"https": "http://proxy.example.com:3128", "noProxy": "10.0.0.5"}
    given = environment(helm.template(CHART, {"proxy": proxy, "environment": {"ANSIBLE_FORKS": 2}}))
    assert given["HTTPS_PROXY"] == proxy["https"]
    assert given["NO_PROXY"].split(",") == ["$(KUBERNETES_SERVICE_HOST)", "localhost", "127.0.0.1", "10.0.0.5"]
    assert given["ANSIBLE_FORKS"] == "2"
    assert "HTTP_PROXY" not in given


@pytest.mark.parametrize(
    ("authorities", "name"), [({"pem": "PEM\n"}, "capra-ca"), ({"configMap": "company"}, "company"), ({}, "")]
)
def test_certificate_authorities_are_mounted_and_named(helm: Helm, authorities: dict[str, str], name: str) -> None:
    objects = helm.template(CHART, {"certificateAuthorities": authorities})
    pod = manager(objects)
    [volume] = [volume for volume in pod["spec"]["volumes"] if volume["name"] == "ca"]
    # Without, the volume stays for a ConfigMap that somebody else makes.
    assert volume["configMap"] == ({"name": name} if name else {"name": "capra-ca", "optional": True})
    [mounted] = [mount for mount in pod["manager"]["volumeMounts"] if mount["name"] == "ca"]
    assert environment(objects).get("SSL_CERT_FILE") == (f"{mounted['mountPath']}/ca.crt" if name else None)
    made = [raw["data"] for raw in objects if raw["kind"] == "ConfigMap"]
    assert made == ([{"ca.crt": "PEM\n"}] if "pem" in authorities else [])


def test_where_the_pod_runs_and_who_reaches_it_are_values(helm: Helm) -> None:
    pod_values: dict[str, Any] = {
        "nodeSelector": {"a": "b"},
        "tolerations": [],
        "topologySpreadConstraints": [],
        "priorityClassName": "system-cluster-critical",
        "imagePullSecrets": [{"name": "registry"}],
    }
    source = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    network = {"metricsFrom": source, "egressPorts": [22, 6443]}
    values = {**pod_values, "networkPolicy": network, "podDisruptionBudget": {"enabled": False}}
    objects = helm.template(CHART, values)
    pod = manager(objects)["spec"]
    assert {name: pod.get(name, []) for name in pod_values} == pod_values
    policy = one(objects, "NetworkPolicy", "capra-controller-manager")["spec"]
    assert [rule.get("from") for rule in policy["ingress"]] == [source, None]
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53, 22, 6443]
    assert "PodDisruptionBudget" not in {raw["kind"] for raw in objects}


def test_monitoring_is_that_of_the_checkout(helm: Helm) -> None:
    enabled = {"enabled": True, "labels": {"release": "prometheus"}}
    names = ("serviceMonitor", "prometheusRule", "dashboard")
    objects = helm.template(CHART, {"monitoring": dict.fromkeys(names, enabled)})
    folder = ROOT / "deploy" / "monitoring"
    for file in ("servicemonitor.yaml", "alerts.yaml"):
        for raw in yaml.safe_load_all((folder / file).read_text()):
            found = one(objects, *place(raw))
            assert found["metadata"]["labels"].pop("release", None) == (
                "prometheus" if raw["kind"] != "Service" else None
            )
            assert without_helm(found) == raw
    dashboard = one(objects, "ConfigMap", "capra-dashboard")
    assert dashboard["data"]["capra.json"] == (folder / "dashboard.json").read_text()


def test_the_archive_of_a_release_is_the_chart_with_its_image(helm: Helm, release: Release, tmp_path: Path) -> None:
    packed = release.directory / f"capra-{VERSION.removeprefix('v')}.tgz"
    container = manager(helm.template(packed))["manager"]
    assert container["image"] == IMAGE
    image = dict(zip(("repository", "tag"), IMAGE.rsplit(":", 1), strict=True))
    assert helm.template(packed) == helm.template(CHART, {"image": image})
    compose(tmp_path, "--version", "v0.1.9", "--image", "registry.example.com:5000/capra")
    [other] = tmp_path.rglob("capra-0.1.9.tgz")
    assert manager(helm.template(other))["manager"]["image"] == "registry.example.com:5000/capra:v0.1.9"
    assert "version: 0.1.9" in helm.run("show", "chart", other)


def test_its_version_is_the_packages() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (capra.__version__, capra.__version__)


def labelled(plane: ControlPlane) -> set[tuple[str, str]]:
    """All that has the provider's label, but for CRDs."""
    kinds = "deployments,pdb,networkpolicies,serviceaccounts,roles,rolebindings,configmaps"
    selector = ("-l", "cluster.x-k8s.io/provider=infrastructure-capra")
    found = plane.get(kinds, *NAMESPACE, *selector)["items"]
    found += plane.get("clusterroles,clusterrolebindings", *selector)["items"]
    return {place(raw) for raw in found}


def test_it_is_installed_upgraded_and_removed_and_the_crds_stay(helm: Helm, own_control_plane: ControlPlane) -> None:
    plane = own_control_plane
    helm.run("install", "capra", CHART, *NAMESPACE, "--create-namespace", plane=plane)
    wait_for_crds(plane)
    made = {place(raw) for raw in helm.template(CHART) if raw["kind"] != "CustomResourceDefinition"}
    assert labelled(plane) == made
    machine = {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "RemoteMachine"}
    plane.apply([{**machine, "metadata": {"name": "m", "namespace": "default"}, "spec": {"address": "192.0.2.1"}}])

    helm.run(
        "upgrade", "capra", CHART, *NAMESPACE, "--set", "replicas=2,podDisruptionBudget.enabled=false", plane=plane
    )
    assert plane.get("deployment", "capra-controller-manager", *NAMESPACE)["spec"]["replicas"] == 2
    assert labelled(plane) == made - {("PodDisruptionBudget", "capra-controller-manager")}

    helm.run("uninstall", "capra", *NAMESPACE, plane=plane)
    assert labelled(plane) == set()
    assert plane.get("remotemachine", "m", "-n", "default")["spec"]["address"] == "192.0.2.1"


def test_it_takes_over_crds_that_are_there(helm: Helm, own_control_plane: ControlPlane) -> None:
    plane = own_control_plane
    plane.apply(crds().values(), "--server-side")
    command = ("install", "capra", CHART, *NAMESPACE, "--create-namespace")
    assert "invalid ownership metadata" in helm.run(*command, plane=plane, code=1)
    helm.run(*command, "--take-ownership", plane=plane)
    for crd in plane.get("crds")["items"]:
        assert crd["metadata"]["annotations"]["meta.helm.sh/release-name"] == "capra"
        assert crd["spec"]["conversion"] == {"strategy": "None"}
